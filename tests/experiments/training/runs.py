"""Small runs for the tests of this folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from mlbreg.experiments.data.batches import Examples
from mlbreg.experiments.data.catalogue import DATA_SETS
from mlbreg.experiments.training.configuration import Configuration
from mlbreg.experiments.training.run import StoppedError, train
from mlbreg.experiments.training.run_folder import RunFolder
from mlbreg.experiments.training.studies import configure

CPU = torch.device("cpu")


def small(method: str = "linbreg", **given: Any) -> Configuration:
    """Two epochs of 11 steps on digits, with masks that change within them."""
    return configure("digits", method, given={"epochs": 2, "batch_size": 128, "mask_every": 4, **given})


def whole(configuration: Configuration, path: Path) -> dict[str, Any]:
    """The result of an uninterrupted run."""
    return train(configuration, RunFolder(path), CPU)


def in_parts(configuration: Configuration, path: Path, *stops: int) -> dict[str, Any]:
    """The result of a run that was stopped after each of these steps."""
    for number, stop in enumerate(stops):
        asked = iter(range(1, 10**6))
        first = 0 if number == 0 else stops[number - 1]
        try:
            train(configuration, RunFolder(path), CPU, resume=number > 0, stopped=lambda: next(asked) == stop - first)  # noqa: B023
        except StoppedError:
            continue
        raise AssertionError(f"the run ended before step {stop}")
    return train(configuration, RunFolder(path), CPU, resume=True)


def without_times(result: dict[str, Any]) -> dict[str, Any]:
    """What two runs must agree in."""
    return {name: value for name, value in result.items() if name != "seconds"}


def noise_images(n: int, name: str) -> Examples:
    """Random images with random labels, of the shape of a data set."""
    of = DATA_SETS[name]
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (n, *of.shape), generator=generator, dtype=torch.uint8)
    return Examples(images, torch.randint(0, of.classes, (n,), generator=generator), of)
