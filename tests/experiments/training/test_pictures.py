"""Pictures of a run: kernels at their moments, denoised images at the end, and none where a network has none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("sklearn")
from mlbreg.experiments.training.pictures import after_epoch, at_end, at_start, packed  # noqa: E402
from mlbreg.experiments.training.run_folder import RunFolder  # noqa: E402
from mlbreg.experiments.training.studies import configure  # noqa: E402
from mlbreg.experiments.training.trainer import Trainer  # noqa: E402

from .runs import CPU, noise_images  # noqa: E402

pytestmark = pytest.mark.torch


def trainer(study: str, **given: Any) -> Trainer:
    c = configure(study, "adabreg", given={"epochs": 3, "batch_size": 16, **given})
    return Trainer(c, noise_images(16, c.data), noise_images(9, c.data), CPU)


def test_kernels_are_kept_at_the_start_after_moments_and_at_the_end() -> None:
    found = trainer("fashion-cnn-group")
    rows = at_start(found)
    for event in found.events():
        if event.epoch_ended:
            rows += after_epoch(found)
    assert [(row["kind"], row.get("epoch")) for row in rows] == [
        ("input", None), ("kernels", 0), ("kernels", 1), ("kernels", 2), ("kernels", 3),
    ]  # fmt: skip
    assert [row["values"]["shape"] for row in rows[:2]] == [[1, 1, 28, 28], [64, 1, 5, 5]]
    assert at_end(found) == []


def test_an_autoencoder_has_images_with_noise_and_without() -> None:
    found = trainer("autoencoder", epochs=1)
    assert at_start(found) == after_epoch(found) == []
    before = {name: value.clone() for name, value in found.model.state_dict().items()}
    (row,) = at_end(found)
    assert row["values"]["shape"] == [3, 8, 28, 28]
    assert at_end(found) == [row]
    assert all(torch.equal(value, before[name]) for name, value in found.model.state_dict().items())


def test_numbers_that_are_all_the_same_can_be_packed() -> None:
    assert packed(torch.zeros(3))["base64"] == packed(torch.ones(3))["base64"]


def test_pictures_younger_than_the_checkpoint_are_cut_off(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.begin(configure("digits"))
    folder.save({})
    folder.append("pictures.jsonl", [{"kind": "input"}])
    folder.load()
    assert folder.rows("pictures.jsonl") == []
    folder.append("pictures.jsonl", [{"kind": "input"}])
    folder.save({})
    folder.append("pictures.jsonl", [{"kind": "kernels"}])
    folder.load()
    assert folder.rows("pictures.jsonl") == [{"kind": "input"}]
