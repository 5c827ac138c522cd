"""Deep random ReLU networks with sparse masks, measured with confidence sequences (`mlbreg.paper_checks.confidence`).

The ratio of mean squares from one layer to the next has conditional mean 1 given the layers before it when variances are
preserved, so all layers of all networks form one sequence of observations with a constant conditional mean.
"""

from __future__ import annotations

import math

import numpy as np

from ....theory import sparse_initialisation
from ...claim_record import Measurement
from ...confidence import empirical_bernstein
from .flops import wide_resnet_28_10

#: The probability that an interval that is shown is ever wrong.
ERROR = 1e-6
_WIDTH, _DENSITY, _DEPTH, _NETWORKS = 16, 0.5, 10, 1000


def layer_ratios(rescaled: bool) -> tuple[np.ndarray, float]:
    """‖z_{l+1}‖²/(2‖x_l‖²) with z_{l+1} = W x_l, x_l = max(z_l, 0), and the largest value that it can have.

    Given x_l, its mean is n·Var W/2. Weights ±√(2/(n r)), or ±√(2/n) when not ``rescaled``. Layers after one whose units are
    all off are left out.
    """
    rng, n = np.random.default_rng(0), _WIDTH
    scale = math.sqrt(2 / (n * (_DENSITY if rescaled else 1)))
    x = np.abs(rng.normal(size=(_NETWORKS, n)))
    ratios = []
    for _ in range(_DEPTH):
        signs = rng.integers(0, 2, size=(_NETWORKS, n, n)) * 2.0 - 1
        kept = rng.random((_NETWORKS, n, n)) < _DENSITY
        z = np.einsum("kij,kj->ki", scale * signs * kept, x)
        alive = (x > 0).any(axis=1)
        ratios.append((z[alive] ** 2).sum(axis=1) / (2 * (x[alive] ** 2).sum(axis=1)))
        x = np.maximum(z, 0)
        size = np.sqrt((x**2).sum(axis=1, keepdims=True))
        x = x / np.where(size > 0, size, 1)
    # (Σ |W_ij| x_j)² ≤ Var·n·‖x‖² for each of the n units.
    return np.concatenate(ratios), scale**2 * n * n / 2


def dead_units(networks: int = 150, density: float = 0.01) -> np.ndarray:
    """The share of units of the second hidden layer of 784–200–80–10 with z = 0, without biases, one number for each network."""
    rng = np.random.default_rng(0)
    shares = []
    for _ in range(networks):
        x = rng.random(784) < 0.2  # about the share of pixels that are ink
        first = (rng.random((200, 784)) < density) * rng.normal(size=(200, 784))
        on = first @ x > 0
        second = rng.random((80, 200)) < density
        shares.append(1 - (second & on).any(axis=1).mean())
    return np.asarray(shares)


def _interval(observations: np.ndarray, largest: float) -> str:
    lower, upper = empirical_bernstein(observations, ERROR, 0.0, largest).last
    return f"[{lower:.3f}, {upper:.3f}]"


def measurements() -> tuple[Measurement, ...]:
    """Forward factors with and without the rescale, one global rescale for ERK, and dead units."""
    kept, bare = layer_ratios(True), layer_ratios(False)
    shapes = [shape for _, shape in wide_resnet_28_10()]
    densities = [float(r) for r in sparse_initialisation.densities(shapes, 0.01, "erk")]
    factors = [r / 0.01 for r in densities]
    how = (
        f"confidence sequence, error probability {ERROR:g}; {_NETWORKS} networks, width {_WIDTH}, depth {_DEPTH}, weights ±c, "
        f"r = {_DENSITY}"
    )
    return (
        Measurement("factor on the variance in each layer, with 1/√r", "1", _interval(*kept), how),
        Measurement("the same without the rescale", "r", _interval(*bare), how),
        Measurement(
            "factor in each layer with one global 1/√r: WideResNet28-10, ERK, 99 % sparse",
            "1",
            f"{min(factors):.2f} to {max(factors):.0f}",
            "r_l/r, exact: the rescale must be per layer, as lunk2026 says",
        ),
        Measurement(
            "P(all inputs of a unit masked), r = 1 %, fan-in 27 and 576",
            "0",
            f"{0.99**27:.3f} and {0.99**576:.4f}",
            "(1 − r)ⁿ: at least this share of E δ² does not reach the unit",
        ),
        Measurement(
            "dead units in the second hidden layer of 784–200–80–10, r = 1 %, no biases",
            "0",
            _interval(dead_units(), 1.0),
            f"confidence sequence, error probability {ERROR:g}; this is why bungert2021 starts with positive biases",
        ),
    )
