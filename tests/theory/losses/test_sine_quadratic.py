"""x² + 3 sin² x: the best PL constant is proved here in interval arithmetic."""

import mpmath
import numpy as np
import pytest
from mlbreg.theory.losses import SINE_QUADRATIC_PL, SineQuadratic

iv = mpmath.iv


def _margin(x):
    """½f′² − ηf."""
    slope = 2 * x + 3 * iv.sin(2 * x)
    return slope**2 / 2 - iv.mpf(SINE_QUADRATIC_PL) * (x**2 + 3 * iv.sin(x) ** 2)


def _margin_slope(x):
    slope = 2 * x + 3 * iv.sin(2 * x)
    return slope * (2 + 6 * iv.cos(2 * x)) - iv.mpf(SINE_QUADRATIC_PL) * slope


def _margin_curvature(x):
    curvature = 2 + 6 * iv.cos(2 * x)
    slope = 2 * x + 3 * iv.sin(2 * x)
    return curvature**2 - 12 * slope * iv.sin(2 * x) - iv.mpf(SINE_QUADRATIC_PL) * curvature


def _is_positive(function, lower, upper, depth=24):
    """True when interval arithmetic proves function > 0 on [lower, upper] by bisection."""
    if function(iv.mpf([lower, upper])).a > 0:
        return True
    middle = (lower + upper) / 2
    return depth > 0 and all(_is_positive(function, *half, depth - 1) for half in ((lower, middle), (middle, upper)))


def test_the_pl_constant_is_valid_by_interval_arithmetic():
    # f is even. |x| ≤ 1/10: sin 2x ≥ 2x − (2x)³/6 ≥ 1.98x gives f′ ≥ 7.9x, while f ≤ 4x².
    assert SINE_QUADRATIC_PL * 4 < 7.9**2 / 2
    # x ≥ 6: f′ ≥ 2x − 3 ≥ 1.5x, while f ≤ x² + 3 ≤ 1.1x².
    assert SINE_QUADRATIC_PL * 1.1 < 1.5**2 / 2
    # In between: positive away from the critical point, and strictly convex around it with a positive minimum: with c
    # the convexity's lower bound, margin(x) ≥ margin(x₀) − slope(x₀)²/(2c).
    critical, width = 2.2017091764368485, 0.02
    assert _is_positive(_margin, 0.1, critical - width)
    assert _is_positive(_margin, critical + width, 6.0)
    assert _is_positive(lambda x: _margin_curvature(x) - 1, critical - width, critical + width)
    mpmath_digits, iv.dps = iv.dps, 40
    try:
        at = iv.mpf(critical)
        assert (_margin(at) - _margin_slope(at) ** 2 / 2).a > 0
    finally:
        iv.dps = mpmath_digits


def test_the_pl_constant_is_the_best_one():
    x = 2.2017091764368485
    ratio = (2 * x + 3 * np.sin(2 * x)) ** 2 / (2 * (x**2 + 3 * np.sin(x) ** 2))
    assert SINE_QUADRATIC_PL < ratio < SINE_QUADRATIC_PL * (1 + 1e-11)
    assert SINE_QUADRATIC_PL > 5.6 / 32  # Karimi, Nutini and Schmidt 2016 claim 1/32


def test_the_pl_constant_is_attained_for_an_orthogonal_matrix():
    loss = SineQuadratic([[0.0, 2.0, 0.0]], [1.0])
    theta = np.array([3.0, (2.2017091764368485 + 1) / 2, 0.0])
    slope = np.sum(loss.gradient(theta) ** 2) / 2
    assert slope == pytest.approx(loss.pl_constant * loss.value(theta), rel=1e-11)


def test_the_lipschitz_constant_is_attained_at_the_minimizers():
    matrix = np.random.default_rng(0).normal(size=(3, 5))
    loss = SineQuadratic(matrix, [1.0, 2.0, 3.0])
    direction = 1e-5 * np.linalg.svd(matrix)[2][0]
    change = loss.gradient(loss.minimizer() + direction) - loss.gradient(loss.minimizer() - direction)
    assert np.linalg.norm(change) / 2e-5 == pytest.approx(loss.lipschitz, rel=1e-6)


def test_it_is_not_convex():
    loss = SineQuadratic.of_coordinates(2)
    assert loss.strong_convexity is None
    left, right = np.array([1.0, 0.0]), np.array([2.0, 0.0])
    assert loss.value((left + right) / 2) > (loss.value(left) + loss.value(right)) / 2


def test_the_identity_gives_the_constants_of_one_variable():
    loss = SineQuadratic.of_coordinates(3)
    assert (loss.lipschitz, loss.pl_constant, loss.infimum) == (8, SINE_QUADRATIC_PL, 0)


def test_wrong_arguments_are_refused():
    with pytest.raises(ValueError, match="matrix must have full row rank, 2, got rank 1"):
        SineQuadratic([[1.0, 2.0], [2.0, 4.0]], [0.0, 1.0])
    with pytest.raises(ValueError, match="dimension must be ≥ 1, got 0"):
        SineQuadratic.of_coordinates(0)
