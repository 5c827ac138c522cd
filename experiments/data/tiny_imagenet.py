"""TinyImageNet, from tiny-imagenet-200.zip as it is offered or from the folder that comes out of it.

    tiny-imagenet-200/wnids.txt                          the classes, one a line; their sorted order numbers the labels
    tiny-imagenet-200/train/<wnid>/images/*.JPEG
    tiny-imagenet-200/val/val_annotations.txt            file name, wnid, box, separated by tabs
    tiny-imagenet-200/val/images/*.JPEG

No digest of the archive was at hand when this was written, so it is not downloaded: the user puts it into ``--data-dir``.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from .files import VARIABLE, DataError

ROOT = "tiny-imagenet-200"
ADDRESS = "http://cs231n.stanford.edu/tiny-imagenet-200.zip"
_SIDE = 64

Arrays = tuple[NDArray[np.uint8], NDArray[np.int64]]


def training(folder: Path | None) -> Arrays:
    """The training images, class by class, in the order of their names."""
    with _opened(folder) as root:
        labels = _classes(root)
        images = root / "train"
        named = []
        for wnid, label in labels.items():
            files = sorted((f for f in (images / wnid / "images").iterdir() if f.name.endswith(".JPEG")), key=_name)
            named += [(file, label) for file in files]
        return _read(named)


def validation(folder: Path | None) -> Arrays:
    """The validation images, in the order of val_annotations.txt."""
    with _opened(folder) as root:
        labels = _classes(root)
        named = []
        for line in _text(root / "val" / "val_annotations.txt").splitlines():
            name, _, rest = line.partition("\t")
            wnid = rest.split("\t")[0]
            if wnid not in labels:
                raise DataError(f"val_annotations.txt must name classes of wnids.txt, got {wnid!r} for {name!r}")
            named.append((root / "val" / "images" / name, labels[wnid]))
        return _read(named)


def check(folder: Path | None) -> None:
    """A `DataError` where the list of the validation images is missing."""
    with _opened(folder) as root:
        _classes(root)
        _text(root / "val" / "val_annotations.txt")


@contextmanager
def _opened(folder: Path | None) -> Iterator[Path | zipfile.Path]:
    if folder is None:
        raise DataError(
            f"tiny-imagenet is not downloaded: put {ADDRESS} into a folder and name that with --data-dir or {VARIABLE}"
        )
    for place in (folder / ROOT, folder):
        if (place / "wnids.txt").is_file():
            yield place
            return
    archive = folder / f"{ROOT}.zip"
    if not archive.is_file():
        raise DataError(f"{ROOT}.zip, or the folder {ROOT} that comes out of it, is missing in {str(folder)!r}")
    try:
        with zipfile.ZipFile(archive) as opened:
            yield zipfile.Path(opened, f"{ROOT}/")
    except zipfile.BadZipFile as error:
        raise DataError(f"{archive.name} must be a zip file, but {error}: it is cut or damaged; replace it") from error
    except FileNotFoundError as error:
        raise DataError(f"{archive.name} must have the layout of TinyImageNet, but {error} is missing") from error


def _classes(root: Path | zipfile.Path) -> dict[str, int]:
    wnids = sorted(_text(root / "wnids.txt").split())
    if not wnids:
        raise DataError("wnids.txt must name the classes, one a line, got none")
    return {wnid: label for label, wnid in enumerate(wnids)}


def _text(path: Path | zipfile.Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (FileNotFoundError, KeyError) as error:
        raise DataError(f"{path.name} is missing in TinyImageNet's folder") from error


def _name(path: Path | zipfile.Path) -> str:
    return path.name


def _read(named: list[tuple[Path | zipfile.Path, int]]) -> Arrays:
    if not named:
        raise DataError("TinyImageNet's folder must have images, got none")
    images = np.empty((len(named), 3, _SIDE, _SIDE), dtype=np.uint8)
    for place, (file, _) in zip(images, named, strict=True):
        try:
            # Some of the images are grey.
            decoded = np.asarray(Image.open(io.BytesIO(file.read_bytes())).convert("RGB"))
        except (FileNotFoundError, KeyError) as error:
            raise DataError(f"{file.name} is missing in TinyImageNet's folder") from error
        except (UnidentifiedImageError, OSError, SyntaxError) as error:
            raise DataError(f"{file.name} must be a JPEG image, but it cannot be read: it is cut or damaged") from error
        if decoded.shape != (_SIDE, _SIDE, 3):
            raise DataError(
                f"{file.name} must have {_SIDE} × {_SIDE} pixels, got {decoded.shape[0]} × {decoded.shape[1]}"
            )
        place[:] = decoded.transpose(2, 0, 1)
    return images, np.array([label for _, label in named], dtype=np.int64)
