"""Losses and scores, and evaluations in parts."""

from __future__ import annotations

import math

import pytest

torch = pytest.importorskip("torch")
from mlbreg.experiments.training import objectives  # noqa: E402
from mlbreg.experiments.training.objectives import Objective, evaluate, peak_of  # noqa: E402
from torch import nn  # noqa: E402

from .runs import noise_images  # noqa: E402

pytestmark = pytest.mark.torch


def test_evaluation_is_the_mean_over_all_examples_whatever_the_parts_and_without_smoothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    images = noise_images(37, "mnist")
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))
    objective = Objective("classification", 0.0, 0.3, 0)
    found = evaluate(model, objective, images)
    with torch.no_grad():
        logits = model(images.normalised())
    assert found["loss"] == pytest.approx(float(nn.functional.cross_entropy(logits, images.labels)), rel=1e-6)
    assert found["accuracy"] == pytest.approx(float((logits.argmax(1) == images.labels).double().mean()))
    monkeypatch.setattr(objectives, "EVALUATED", 10)
    assert evaluate(model, objective, images) == pytest.approx(found, rel=1e-6)


def test_training_smooths_the_labels() -> None:
    images = noise_images(8, "mnist")
    model = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))
    objective = Objective("classification", 0.0, 0.3, 0)
    x = images.normalised()
    smooth, _ = objective(model, x, images.labels, 1.0, (0,), smooth=True)
    expected = nn.functional.cross_entropy(model(x), images.labels, label_smoothing=0.3)
    assert torch.equal(smooth, expected)


def test_denoising_compares_with_the_image_without_the_noise() -> None:
    """The identity keeps the noise: its error is the variance, and the PSNR says so for an image from black to white."""
    images = noise_images(50, "mnist")
    objective = Objective("denoising", 0.5, 0.0, 0)
    x = images.normalised()
    loss, score = objective(nn.Identity(), x, images.labels, peak_of(images), (1, 2), smooth=True)
    assert float(loss) == pytest.approx(0.25, rel=0.02)
    assert peak_of(images) == pytest.approx(float(x.max() - x.min()))
    assert float(score) / 50 == pytest.approx(20 * math.log10(peak_of(images) / 0.5), abs=0.05)
    again, _ = objective(nn.Identity(), x, images.labels, 1.0, (1, 2), smooth=True)
    other, _ = objective(nn.Identity(), x, images.labels, 1.0, (1, 3), smooth=True)
    assert torch.equal(again, loss)
    assert not torch.equal(other, loss)
