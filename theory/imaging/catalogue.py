"""Deblurring and tomography, each with Gaussian and with Poisson noise.

problem               | f                    | φ (default)  | L                                         | start
----------------------|----------------------|--------------|-------------------------------------------|---------
`gaussian_deblurring` | ½‖Ax − b‖²           | `FermiDirac` | ¼ (‖A‖ = 1; zero boundary: ‖A‖ ≤ 1)       | ½
`gaussian_tomography` | ½‖Ax − b‖²           | `FermiDirac` | ‖A‖²/4 (‖A‖ bounded from above)           | ½
`poisson_deblurring`  | s·D(b, Ax + β)       | `Burg`       | s maxⱼ Σ_{i: aᵢⱼ > 0} bᵢ ≤ s‖b‖₁          | constant
`poisson_tomography`  | s·D(b, Ax + β)       | `Burg`       | likewise                                  | constant

With a background β > 0 the Poisson problems take `Shannon`, too. s is the number of counts for the intensity 1, so that
f is minus the log-likelihood of the counts, but for a constant. The constants are proved in `OperatorLeastSquares` and
`KullbackLeibler`. ``image`` is an n×n array with values in [0, 1], the phantom or any other; data are drawn with ``seed``.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Protocol

import numpy as np

from ..arrays import Array
from ..losses.kullback_leibler import KullbackLeibler
from ..losses.operator_least_squares import OperatorLeastSquares
from ..operators import GaussianBlur, GridOperator, Radon
from ..references import Burg, FermiDirac, Reference
from .noise import gaussian_noise, poisson_noise
from .problem import ImagingProblem


def gaussian_deblurring(
    image: Array,
    *,
    width: float = 0.01,
    boundary: str = "reflect",
    level: float = 0.01,
    reference: Reference | None = None,
    coarsest: int = 8,
    seed: int = 0,
) -> ImagingProblem:
    """½‖Ax − b‖² with a Gaussian blur of standard deviation ``width`` (of the image's width), b = A·truth + noise."""
    truth = _square(image)
    operator = GaussianBlur(len(truth), width, boundary)
    return _least_squares(operator, truth, level, reference, coarsest, seed)


def gaussian_tomography(
    image: Array,
    *,
    angles: int | None = None,
    level: float = 0.01,
    reference: Reference | None = None,
    coarsest: int = 8,
    seed: int = 0,
) -> ImagingProblem:
    """½‖Ax − b‖² with the parallel-beam transform along n/4 directions, or ``angles``."""
    truth = _square(image)
    operator = Radon(len(truth), _angles(angles, len(truth)))
    return _least_squares(operator, truth, level, reference, coarsest, seed)


def poisson_deblurring(
    image: Array,
    *,
    width: float = 0.01,
    boundary: str = "reflect",
    photons: float = 100.0,
    background: float = 0.0,
    reference: Reference | None = None,
    coarsest: int = 8,
    seed: int = 0,
) -> ImagingProblem:
    """s·D(b, Ax + β) with a Gaussian blur, b = Poisson(s(A·truth + β))/s, ``photons`` counts in the mean."""
    truth = _square(image)
    operator = GaussianBlur(len(truth), width, boundary)
    return _kullback_leibler(operator, truth, photons, background, reference, coarsest, seed)


def poisson_tomography(
    image: Array,
    *,
    angles: int | None = None,
    photons: float = 100.0,
    background: float = 0.0,
    reference: Reference | None = None,
    coarsest: int = 8,
    seed: int = 0,
) -> ImagingProblem:
    """s·D(b, Ax + β) with the parallel-beam transform of emission tomography along n/4 directions, or ``angles``."""
    truth = _square(image)
    operator = Radon(len(truth), _angles(angles, len(truth)))
    return _kullback_leibler(operator, truth, photons, background, reference, coarsest, seed)


class Recipe(Protocol):
    """A problem from an image and a seed, with the defaults above for the rest."""

    def __call__(self, image: Array, *, seed: int = 0, coarsest: int = 8) -> ImagingProblem: ...


#: The catalogue by name.
IMAGING_PROBLEMS: Mapping[str, Recipe] = MappingProxyType(
    {
        "gaussian-deblurring": gaussian_deblurring,
        "gaussian-tomography": gaussian_tomography,
        "poisson-deblurring": poisson_deblurring,
        "poisson-tomography": poisson_tomography,
    }
)


def _square(image: Array) -> Array:
    truth = np.asarray(image, dtype=np.float64)
    if truth.ndim != 2 or truth.shape[0] != truth.shape[1] or not truth.size:
        raise ValueError(f"image must have shape (n, n), got {truth.shape}")
    if not np.all((truth >= 0) & (truth <= 1)):
        raise ValueError(f"image must have values in [0, 1], got {truth.min()} to {truth.max()}")
    return truth


def _angles(angles: int | None, n: int) -> int:
    return max(n // 4, 1) if angles is None else angles


def _least_squares(
    operator: GridOperator, image: Array, level: float, reference: Reference | None, coarsest: int, seed: int
) -> ImagingProblem:
    truth = image.ravel()
    loss = OperatorLeastSquares(operator, gaussian_noise(operator.apply(truth), level, seed))
    return ImagingProblem(loss, reference or FermiDirac(), np.full(truth.size, 0.5), truth, coarsest)


def _kullback_leibler(
    operator: GridOperator,
    image: Array,
    photons: float,
    background: float,
    reference: Reference | None,
    coarsest: int,
    seed: int,
) -> ImagingProblem:
    truth = image.ravel()
    data, scale = poisson_noise(operator.apply(truth) + background, photons, seed)
    loss = KullbackLeibler(operator, data, scale, background)
    # The constant image with the mean of the data; half of it where the background alone would explain that.
    sums = operator.apply(np.ones(truth.size)).mean()
    level = max(data.mean() - background, data.mean() / 2) / sums
    if level <= 0:
        raise ValueError(f"photons must be enough for a count in the data, got {photons}")
    start = np.full(truth.size, level)
    if reference is not None and not bool(reference.in_domain(start)):
        start = np.full(truth.size, 0.5)
    return ImagingProblem(loss, reference or Burg(), start, truth, coarsest)
