"""Exact pieces of the flows: gradient memory, the l1 flows, and rational bounds of e^{−x}."""

from fractions import Fraction

import numpy as np
import pytest
from mlbreg.solvers import inverse_scale_space
from mlbreg.theory import flows
from mlbreg.theory.arrays import exact
from scipy.integrate import quad


@pytest.mark.parametrize("gamma", [0.5, 1.0, 3.0])
def test_the_memory_is_the_integral(gamma: float) -> None:
    a, t = np.array([[1.0, -2.0, 0.5, 3.0]]), 1.7
    memory = flows.memory(a, np.array([gamma]))
    found = memory.polynomial[0] @ t ** np.arange(4) + memory.fading[0] * np.exp(-t / gamma)
    wanted, _ = quad(lambda s: np.exp((s - t) / gamma) * np.polyval(a[0, ::-1], s), 0, t)
    assert found == pytest.approx(wanted, rel=1e-10)


def test_the_memory_is_exact_on_fractions() -> None:
    memory = flows.memory(exact([[0, 1]]), exact([2]))
    # ∫ e^{(s−t)/2} s ds = 2t − 4 + 4e^{−t/2}
    assert memory.coefficients().tolist() == [[-4, 2, 4]]


def test_the_derivative_of_a_remembered_function() -> None:
    function = flows.Remembered(exact([[5, 3, 2]]), exact([4]))
    assert function.derivative(exact([2])).coefficients().tolist() == [[3, 4, 0, -2]]


def test_a_scaled_function_has_scaled_coefficients() -> None:
    function = flows.Remembered(exact([[5, 3]]), exact([4]))
    assert function.scaled(exact([2])).coefficients().tolist() == [[10, 6, 8]]


@pytest.mark.parametrize("x", ["0", "1/1000", "1/2", "1", "3", "25/2", "200"])
def test_the_bounds_of_the_exponential_enclose_it_tightly(x: str) -> None:
    low, high = (bound[0] for bound in flows.exponential_bounds(exact([Fraction(x)])))
    assert 0 <= low <= high <= 1
    assert high - low < Fraction(1, 10**18)
    assert float(low) == pytest.approx(np.exp(-float(Fraction(x))), rel=1e-12, abs=1e-18)


def test_the_bounds_are_on_the_right_sides() -> None:
    # e^{−1} = 0.36787944117144232159552377016146…
    low, high = (bound[0] for bound in flows.exponential_bounds(exact([1])))
    assert low <= Fraction(36787944117144232159552377, 10**26)
    assert high >= Fraction(36787944117144232159552378, 10**26)


def test_the_elastic_flow_is_the_closed_form_of_the_solver() -> None:
    f, lam, delta = np.array([[1.5, -0.5, 0.0]]), 0.7, 2.0
    for t in (0.2, 0.6, 1.0, 3.0):
        (low, high), _ = flows.elastic_flow(f, lam, delta, np.array([t]))
        wanted = inverse_scale_space.closed_form_elastic(f[0], lam, delta, [t]).thetas[0]
        np.testing.assert_allclose(low[0], wanted, atol=1e-15)
        np.testing.assert_allclose(high[0], wanted, atol=1e-15)


def test_the_exact_elastic_flow_encloses_the_float_one_for_either_sign() -> None:
    (low, high), since = flows.elastic_flow(exact([[2, -2, 0]]), 1, 1, exact([1]))
    assert since.tolist() == [[Fraction(1, 2), Fraction(1, 2), 0]]
    assert all(low[0] <= high[0])
    np.testing.assert_allclose(low[0].astype(float), [2 * (1 - np.exp(-0.5)), -2 * (1 - np.exp(-0.5)), 0])


def test_the_bregman_flow_jumps_at_its_release_and_keeps_p_on_the_boundary() -> None:
    f = exact([[2, -1]])
    theta, p = flows.bregman_flow(f, 1, exact([Fraction(3, 4)]))
    assert theta.tolist() == [[2, 0]]
    assert p.tolist() == [[1, Fraction(-3, 4)]]
