"""TinyImageNet's loader, on a small tree of the official layout: as a folder and as the zip file."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest
from mlbreg.experiments.data.catalogue import load
from mlbreg.experiments.data.files import DataError
from PIL import Image

CLASSES = ("n02", "n01", "n03")


def tree(folder: Path) -> Path:
    root = folder / "tiny-imagenet-200"
    (root / "val" / "images").mkdir(parents=True)
    (root / "wnids.txt").write_text("".join(f"{wnid}\n" for wnid in CLASSES))
    for shade, wnid in enumerate(CLASSES):
        images = root / "train" / wnid / "images"
        images.mkdir(parents=True)
        (root / "train" / wnid / f"{wnid}_boxes.txt").write_text("")
        for number in range(2):
            Image.new("RGB", (64, 64), (80 * shade, 40 * number, 10)).save(
                images / f"{wnid}_{number}.JPEG", quality=100
            )
    lines = []
    for number, wnid in enumerate(("n03", "n01")):
        Image.new("L", (64, 64), 100 * number).save(root / "val" / "images" / f"val_{number}.JPEG", quality=100)
        lines.append(f"val_{number}.JPEG\t{wnid}\t0\t0\t62\t62\n")
    (root / "val" / "val_annotations.txt").write_text("".join(lines))
    return root


def pack(root: Path) -> None:
    with zipfile.ZipFile(root.parent / "tiny-imagenet-200.zip", "w") as archive:
        for file in sorted(root.rglob("*")):
            archive.write(file, file.relative_to(root.parent))
    for file in sorted(root.rglob("*"), reverse=True):
        file.unlink() if file.is_file() else file.rmdir()
    root.rmdir()


@pytest.mark.parametrize("packed", [False, True])
def test_classes_are_numbered_by_their_sorted_names_in_both_splits(tmp_path: Path, packed: bool) -> None:
    root = tree(tmp_path)
    if packed:
        pack(root)
    inputs, labels = load("tiny-imagenet", "training", tmp_path)
    assert inputs.shape == (6, 3, 64, 64)
    assert labels.tolist() == [0, 0, 1, 1, 2, 2]
    # n01 is the second class of wnids.txt: red 80.
    assert np.abs(inputs[:, 0].astype(int).mean((1, 2)) - [80, 80, 0, 0, 160, 160]).max() < 4
    tested, test_labels = load("tiny-imagenet", "test", tmp_path)
    assert test_labels.tolist() == [2, 0]
    assert tested.shape == (2, 3, 64, 64)
    assert (tested[1, 0] == tested[1, 2]).all()


def test_what_is_missing_or_damaged_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"tiny-imagenet-200.zip, or the folder"):
        load("tiny-imagenet", "training", tmp_path)
    root = tree(tmp_path)
    broken = root / "val" / "images" / "val_1.JPEG"
    whole = broken.read_bytes()
    broken.write_bytes(whole[:100])
    with pytest.raises(DataError, match=r"val_1.JPEG must be a JPEG"):
        load("tiny-imagenet", "test", tmp_path)
    broken.unlink()
    with pytest.raises(DataError, match=r"val_1.JPEG is missing"):
        load("tiny-imagenet", "test", tmp_path)
    Image.new("RGB", (32, 32)).save(broken)
    with pytest.raises(DataError, match=r"64 × 64 pixels, got 32 × 32"):
        load("tiny-imagenet", "test", tmp_path)
    (root / "val" / "val_annotations.txt").write_text("val_0.JPEG\tn99\t0\t0\t1\t1\n")
    with pytest.raises(DataError, match="got 'n99'"):
        load("tiny-imagenet", "test", tmp_path)
    pack(root)
    archive = tmp_path / "tiny-imagenet-200.zip"
    archive.write_bytes(archive.read_bytes()[:-30])
    with pytest.raises(DataError, match="must be a zip file"):
        load("tiny-imagenet", "training", tmp_path)


def test_without_a_folder_the_address_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLBREG_DATA", raising=False)
    with pytest.raises(DataError, match="not downloaded: put http://cs231n"):
        load("tiny-imagenet", "training")
