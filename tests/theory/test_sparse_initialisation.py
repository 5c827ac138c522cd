"""Densities of masks, and the variance that masked weights get."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from mlbreg.theory import sparse_initialisation as init

SHAPES = [(16, 3, 3, 3), (64, 16, 3, 3), (64, 64, 1, 1), (10, 64)]
every_scheme = pytest.mark.parametrize("scheme", init.SCHEMES)


@every_scheme
@pytest.mark.parametrize("density", [Fraction(1, 100), Fraction(1, 20), Fraction(1, 2), Fraction(9, 10), Fraction(1)])
def test_the_network_has_the_density_that_was_asked_for_and_no_layer_more_than_all_weights(
    scheme: str, density: Fraction
) -> None:
    found, sizes = init.densities(SHAPES, density, scheme), [math.prod(shape) for shape in SHAPES]
    assert sum(r * n for r, n in zip(found, sizes, strict=True)) == density * sum(sizes)
    assert all(0 < r <= 1 for r in found)


@every_scheme
def test_layers_that_are_not_full_share_in_proportion_to_their_scores(scheme: str) -> None:
    found = init.densities(SHAPES, Fraction(7, 10), scheme)
    factors = {r / init.score(shape, scheme) for r, shape in zip(found, SHAPES, strict=True) if r < 1}
    assert len(factors) == 1
    # A full layer would have had more: its score asks for it.
    (factor,) = factors
    assert all(factor * init.score(s, scheme) >= 1 for r, s in zip(found, SHAPES, strict=True) if r == 1)


def test_the_scores_are_those_of_the_papers() -> None:
    assert init.score((64, 16, 3, 3), "uniform") == 1
    assert init.score((64, 16, 3, 3), "er") == Fraction(64 + 16, 64 * 16)
    assert init.score((64, 16, 3, 3), "erk") == Fraction(64 + 16 + 3 + 3, 64 * 16 * 9)
    assert init.score((10, 64), "er") == init.score((10, 64), "erk") == Fraction(74, 640)


@every_scheme
def test_floats_and_fractions_agree(scheme: str) -> None:
    rough, fine = init.densities(SHAPES, 0.05, scheme), init.densities(SHAPES, Fraction(1, 20), scheme)
    assert all(isinstance(r, float) for r in rough)
    assert rough == pytest.approx([float(r) for r in fine], rel=1e-12)


def test_masked_weights_have_the_variance_of_dense_ones_and_the_density_of_the_mask() -> None:
    weights = init.masked_weights(np.random.default_rng(0), (1000, 1000), 0.1, 0.02)
    # Five standard errors of each estimate.
    assert np.mean(weights != 0) == pytest.approx(0.1, abs=5 * math.sqrt(0.09 / 1e6))
    assert np.var(weights) == pytest.approx(0.02, abs=5 * 0.02 * math.sqrt(29 / 1e6))


def test_the_rescale_is_the_root_of_the_unmasked_variance() -> None:
    assert init.rescale(0.01) == pytest.approx(10)
    assert init.unmasked_variance(Fraction(2, 9), Fraction(1, 100)) == Fraction(200, 9)
    assert math.sqrt(init.unmasked_variance(1.0, 0.3)) == pytest.approx(init.rescale(0.3))


def test_the_dense_variances() -> None:
    assert init.he_variance(8) == Fraction(1, 4)
    assert init.glorot_variance(3, 5) == Fraction(1, 4)
    with pytest.raises(ValueError, match="fan must be ≥ 1, got 0"):
        init.he_variance(0)


@pytest.mark.parametrize(
    ("shapes", "density", "scheme", "message"),
    [
        (SHAPES, 0, "er", r"density must be in \(0, 1\], got 0"),
        (SHAPES, 1.5, "er", r"density must be in \(0, 1\], got 1.5"),
        ([], 0.5, "er", "at least one layer, got none"),
        (SHAPES, 0.5, "erdos", "scheme must be one of .*, got 'erdos'"),
        ([(3,)], 0.5, "er", r"shape must be \(n_out, n_in, …\)"),
    ],
)
def test_what_is_no_density_or_no_layer_is_refused(
    shapes: list[tuple[int, ...]], density: float, scheme: str, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        init.densities(shapes, density, scheme)
