"""Symbolic proofs: a step holds when sympy reduces it to zero, and only then."""

from __future__ import annotations

import sympy
from mlbreg.paper_checks.proof import Proof, Step, symbols


def test_an_identity_holds() -> None:
    x, y = symbols("x", "y")
    assert Step("a square", (x - y) ** 2 - (x**2 - 2 * x * y + y**2)).holds()
    assert Step("a fraction", (x**2 - y**2) / (x - y) - (x + y)).holds()


def test_an_equation_that_is_true_for_some_values_only_does_not_hold() -> None:
    x, y = symbols("x", "y")
    assert not Step("x = y", x - y).holds()
    assert not Step("a dropped factor", (x + y) ** 2 - (x**2 + x * y + y**2)).holds()
    assert not Step("a tiny constant", sympy.Rational(1, 10**20) + 0 * x).holds()


def test_the_steps_that_fail_are_named_in_their_order() -> None:
    (x,) = symbols("x")
    proof = Proof((Step("wrong", x), Step("right", x - x), Step("wrong, too", x + 1)), "")
    assert proof.failing() == ["wrong", "wrong, too"]


def test_symbols_are_real_and_have_exactly_their_names() -> None:
    inner_product, positive = symbols("⟨p, θ⟩")[0], symbols("tau", positive=True)[0]
    assert str(inner_product) == "⟨p, θ⟩"
    assert inner_product.is_real
    assert inner_product.is_positive is None
    assert positive.is_positive
