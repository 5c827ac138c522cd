"""Sparse initialisation: W = W̃ ⊙ M, M ~ Bernoulli(r) for each weight (bungert2021 section 4.1, lunk2026 appendix D).

symbol | here                 | meaning
-------|----------------------|--------------------------------------------------------------------------------------
r_l    | ``density``          | expected share of non-zero weights of layer l; `densities` gives one for each layer
α_l    | `he_variance`        | 2/n: the variance that a dense ReLU layer should have (He et al. 2015)
       | `glorot_variance`    | 2/(n_l + n_{l−1}), for an activation with σ′(0) = 1 (Glorot & Bengio 2010)
α_l/r_l | `unmasked_variance` | Var W̃, so that Var W = r_l Var W̃ = α_l (4.3)
1/√r_l | `rescale`            | the same as a factor on weights drawn with variance α_l

Schemes of `densities`, all with the same total: ``uniform``; ``er`` (Erdős–Rényi), r_l ∝ (n_in + n_out)/(n_in n_out);
``erk``, r_l ∝ (n_in + n_out + k_w + k_h)/(n_in n_out k_w k_h). A layer whose density would exceed 1 is dense, and the others
share what is left in the same proportions (Evci et al. 2020). In Fractions, the densities are exact.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from .arrays import Array, Real

SCHEMES = ("uniform", "er", "erk")

#: The shape of a layer's weights: (n_out, n_in) or (n_out, n_in, k_h, k_w).
Shape = tuple[int, ...]


def score(shape: Shape, scheme: str) -> Fraction:
    """What the layer's density is proportional to."""
    _check_shape(shape)
    if scheme not in SCHEMES:
        raise ValueError(f"scheme must be one of {list(SCHEMES)}, got {scheme!r}")
    if scheme == "uniform":
        return Fraction(1)
    sides = shape if scheme == "erk" else shape[:2]
    return Fraction(sum(sides), math.prod(sides))


def densities(shapes: Sequence[Shape], density: Real, scheme: str = "uniform") -> list[Real]:
    """r_l for each layer, with Σ r_l N_l = density · Σ N_l and r_l ≤ 1; ``density`` in (0, 1] for the whole network."""
    if not 0 < density <= 1:
        raise ValueError(f"density must be in (0, 1], got {density!r}")
    if not shapes:
        raise ValueError("shapes must have at least one layer, got none")
    scores, sizes = [score(shape, scheme) for shape in shapes], [math.prod(shape) for shape in shapes]
    wanted, full = density * sum(sizes), [False] * len(shapes)
    while True:
        rest = wanted - sum(size for size, is_full in zip(sizes, full, strict=True) if is_full)
        spread = sum(s * n for s, n, is_full in zip(scores, sizes, full, strict=True) if not is_full)
        factor = rest / _like(spread, density) if spread else _like(0, density)
        found = [_like(1, density) if is_full else factor * s for s, is_full in zip(scores, full, strict=True)]
        above = [r > 1 for r in found]
        if not any(above):
            return [min(r if isinstance(r, Fraction) else float(r), _like(1, density)) for r in found]
        full = [was or is_above for was, is_above in zip(full, above, strict=True)]


def he_variance(fan: int) -> Fraction:
    """2/n. n = n_in keeps the forward signal, n = n_out the backward signal; both only when they are equal."""
    return Fraction(2, _check_fan("fan", fan))


def glorot_variance(fan_in: int, fan_out: int) -> Fraction:
    """2/(n_in + n_out)."""
    return Fraction(2, _check_fan("fan_in", fan_in) + _check_fan("fan_out", fan_out))


def unmasked_variance(variance: Real, density: Real) -> Real:
    """Var W̃ = α/r."""
    return variance / density


def rescale(density: float) -> float:
    """1/√r."""
    return 1 / math.sqrt(density)


def mask(rng: np.random.Generator, shape: Shape, density: float) -> Array:
    """M ~ Bernoulli(r), independent for each weight, as 0.0 and 1.0."""
    return (rng.random(_check_shape(shape)) < density).astype(np.float64)


def masked_weights(rng: np.random.Generator, shape: Shape, density: float, variance: float) -> Array:
    """W = W̃ ⊙ M with normal W̃ of variance ``variance``/r: Var W = ``variance``."""
    dense = rng.normal(size=shape) * math.sqrt(float(unmasked_variance(float(variance), density)))
    return dense * mask(rng, shape, density)


def _like(value: Fraction | int, density: Real) -> Real:
    return Fraction(value) if isinstance(density, Fraction) else float(value)


def _check_fan(name: str, fan: int) -> int:
    if fan < 1:
        raise ValueError(f"{name} must be ≥ 1, got {fan}")
    return fan


def _check_shape(shape: Shape) -> Shape:
    if len(shape) < 2 or min(shape) < 1:
        raise ValueError(f"shape must be (n_out, n_in, …) with entries ≥ 1, got {shape}")
    return shape
