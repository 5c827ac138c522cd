"""What a certificate speaks of is what `mlbreg.theory` computes: its forms, evaluated at real iterations.

The instance is drawn afresh for each certificate: J = λ‖·‖₁ on four coordinates, of which the coarse steps move two, and a
convex quadratic loss. Nothing of the verification is used but the forms.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from mlbreg.paper_checks.certificates import function_classes, load, names
from mlbreg.paper_checks.certificates.expressions import form, number
from mlbreg.paper_checks.certificates.gram import Form, Vector
from mlbreg.paper_checks.certificates.iteration import Iteration
from mlbreg.theory import divergences
from mlbreg.theory.elastic_net import ElasticNet, PrimalDual
from mlbreg.theory.regularizers import L1

DELTA, LAM = Fraction(3, 2), 0.7
SELECTED = np.array([1.0, 1.0, 0.0, 0.0])
TOLERANCE = 1e-9  # the forms are sums of some 50 products of numbers of size 1 to 10


class Instance:
    """One iteration in numbers, and the numbers of its certificate's basis."""

    def __init__(self, name: str, seed: int) -> None:
        random = np.random.default_rng([seed, names().index(name)])
        self.certificate = load(name)
        self.net = ElasticNet(L1(LAM), float(DELTA))
        root = random.normal(size=(4, 4))
        self.hessian = root @ root.T / 4 + np.eye(4) / 4
        self.best = random.normal(size=4)
        eigenvalues = np.linalg.eigvalsh(self.hessian)
        ell = Fraction(float(eigenvalues[-1])).limit_denominator(1000) + Fraction(1, 500)
        mu = Fraction(float(eigenvalues[0])).limit_denominator(1000) - Fraction(1, 500)
        parameters = {"ell": ell, "mu": mu, "delta": DELTA, "L_rel": ell * DELTA}
        share = Fraction(int(random.integers(1, 11)), 10)
        for step in ("tau", "tau1", "tau2", "tau3"):
            parameters[step] = share / parameters["L_rel"]
        neutral = {"eta": Fraction(1), "rho": Fraction(1), "nu": Fraction(0)}
        at = Iteration(self.certificate, parameters | neutral, Fraction(1))
        coarse = any(step.coarse for step in self.certificate.steps)
        self.noise = {xi: random.normal(size=4) * (SELECTED if coarse else 1) for xi in self.certificate.noise}
        start = self.net.mirror_map(first := random.normal(size=4) * 2)
        self.theta, self.v = {"0": start}, {"0": first}
        for point in self.certificate.comparison:
            self.theta[point] = self.best if point == self.certificate.minimiser else random.normal(size=4)
        for step in self.certificate.steps:
            sign = -1 if "- xi" in step.direction else 1
            noise = [xi for key, xi in self.noise.items() if f"xi({key})" in step.direction]
            direction = self.gradient(step.before) + sign * sum(noise)
            mask = SELECTED if step.coarse else np.ones(4)
            self.v[step.after] = self.v[step.before] - float(number(step.size, at.scope)) * mask * direction
            self.theta[step.after] = np.where(
                mask > 0, self.net.mirror_map(self.v[step.after]), self.theta[step.before]
            )
        self.at = Iteration(self.certificate, parameters | self._constants(parameters), Fraction(1))

    def _constants(self, parameters: dict[str, Fraction]) -> dict[str, Fraction]:
        """ρ and η a little below the best at the points at hand; ν = 0, for J_δ has kinks that L has not."""
        found = {"nu": Fraction(0), "eta": Fraction(1), "rho": Fraction(1)}
        for use in self.certificate.uses:
            if use.inequality == "assumption 2, (11)":
                start, after, unit = use.at
                found["rho"] = Fraction(self.bregman(start, after) / self.bregman(start, unit)) * Fraction(999, 1000)
            if use.inequality == "assumption 2, (12)":
                start, unit, best = use.at
                found["eta"] = Fraction(self.bregman(start, unit) / (self.loss(start) - self.loss(best)))
                found["eta"] *= Fraction(999, 1000)
        return found

    def loss(self, point: str) -> float:
        change = self.theta[point] - self.best
        return float(change @ self.hessian @ change) / 2

    def gradient(self, point: str) -> Any:
        return self.hessian @ (self.theta[point] - self.best)

    def bregman(self, point: str, base: str) -> float:
        return float(divergences.bregman(self.net, self.theta[point], self.theta[base], self.v[base]))

    def value(self, found: Form) -> float:
        """A form at this instance."""
        return sum(float(c) * self._symbol(symbol) for symbol, c in found.terms.items())

    def vector(self, found: Vector) -> Any:
        return sum((float(c) * self._basis(name) for name, c in found.terms.items()), start=np.zeros(4))

    def _symbol(self, symbol: str | tuple[str, str]) -> float:
        if isinstance(symbol, tuple):
            return float(self._basis(symbol[0]) @ self._basis(symbol[1]))
        block, rest = (symbol[0], symbol[1:]) if symbol[0] in "AB" else ("", symbol)
        if rest[0] == "L":
            return self.loss(rest[1:])
        return LAM * float(np.abs(self._in_block(block, self.theta[rest[1:]])).sum())

    def _basis(self, name: str) -> Any:
        block, _, rest = name.rpartition(":")
        letter, point = next((s, rest[len(s) :]) for s in ("theta", "xi", "v", "g") if rest.startswith(s))
        values = {"theta": self.theta, "v": self.v, "xi": self.noise}.get(letter)
        return self._in_block(block, values[point] if values is not None else self.gradient(point))

    def _in_block(self, block: str, vector: Any) -> Any:
        return vector * {"": 1.0, "A": SELECTED, "B": 1 - SELECTED}[block]


every_instance = pytest.mark.parametrize(("name", "seed"), [(name, seed) for name in names() for seed in range(3)])


@every_instance
def test_the_divergences_are_those_of_theory(name: str, seed: int) -> None:
    case = Instance(name, seed)
    for base in case.at.pairs:
        for point in case.at.points:
            assert case.value(case.at.bregman(point, base)) == pytest.approx(case.bregman(point, base), abs=TOLERANCE)
        for point in case.at.pairs:
            change = case.theta[point] - case.theta[base]
            symmetric = (case.v[point] - case.v[base]) @ change
            assert case.value(case.at.symmetric(point, base)) == pytest.approx(symmetric, abs=TOLERANCE)
            of_J = symmetric - change @ change / float(DELTA)
            assert case.value(case.at.symmetric_of_J(point, base)) == pytest.approx(of_J, abs=TOLERANCE)


@every_instance
def test_the_subgradients_are_those_of_the_iteration(name: str, seed: int) -> None:
    case = Instance(name, seed)
    for point in case.at.pairs:
        assert case.vector(case.at.v(point)) == pytest.approx(case.v[point], abs=TOLERANCE)
        pair = PrimalDual(case.theta[point], case.v[point])
        assert case.net.subgradient_residual(pair) == pytest.approx(0, abs=TOLERANCE)


@every_instance
def test_the_inequalities_hold(name: str, seed: int) -> None:
    case = Instance(name, seed)
    for use in case.certificate.uses:
        assert case.value(function_classes.inequality(case.at, use)) >= -TOLERANCE


@every_instance
def test_the_conclusion_holds(name: str, seed: int) -> None:
    case = Instance(name, seed)
    left, gain, right = (
        case.value(form(side, case.at.scope))
        for side in (case.certificate.left, case.certificate.gain, case.certificate.right)
    )
    assert left + gain <= right + TOLERANCE


def conclusion(case: Instance) -> float:
    """right − left of the claim that a certificate names, written anew from the papers."""
    loss, tau, delta = case.loss, float(case.at.parameter("tau")), float(DELTA)
    smooth, ell = float(case.at.parameter("L_rel")), float(case.at.parameter("ell"))
    step = {i: float(case.at.parameter(f"tau{i}")) for i in (1, 2, 3)}
    symmetric = lambda i: float((case.v[str(i)] - case.v[str(i - 1)]) @ (case.theta[str(i)] - case.theta[str(i - 1)]))  # noqa: E731

    def decay(after: str) -> float:
        change = case.theta[after] - case.theta["0"]
        p_change = case.v[after] - case.v["0"] - change / delta
        rest = p_change @ change / tau + (2 - ell * tau * delta) / (2 * tau * delta) * (change @ change)
        return float(loss("0") - loss(after) - rest)

    name, _, count = case.certificate.name.rpartition("-")
    if name in ("lemma-A.3-steps", "remark-A.4-steps"):
        m = int(count)
        share = 2 if name == "lemma-A.3-steps" else 1
        gains = sum((1 / (share * step[i]) - smooth) * symmetric(i) for i in range(1, m + 1))
        costs = sum(delta * step[int(key)] / 2 * (xi @ xi) for key, xi in case.noise.items())
        return float(loss("0") + costs - gains - loss(count))
    if name == "cumulative":
        return case.bregman("star", "0") - int(count) * tau * (loss(count) - loss("star"))
    match case.certificate.name:
        case "lemma-A.2-descent":
            return loss("0") - case.bregman("0", "1") / tau - loss("1")
        case "lemma-A.2":
            rate = 1 - float(case.at.parameter("eta") * case.at.parameter("rho")) / tau
            return rate * (loss("0") - loss("star")) - (loss("1") - loss("star"))
        case "thm-3.2":
            return decay("1")
        case "thm-3.2-decrease" | "remark-A.4-decrease":
            return loss("0") - loss("1")
        case "thm-3.2-two-outcomes":
            return (decay("1") + decay("2")) / 2 + delta * tau * float(case.noise["a"] @ case.noise["a"])
        case "thm-3.7-contraction":
            return case.bregman("star", "0") - case.bregman("star", "1")
        case "thm-3.7-norm":
            change = case.theta["star"] - case.theta["1"]
            gain = float(case.at.parameter("mu")) * tau / 2 * float(change @ change)
            return case.bregman("star", "0") - case.bregman("star", "1") - gain
        case "thm-3.8-linear":
            return (1 - tau * float(case.at.parameter("nu"))) * case.bregman("star", "0") - case.bregman("star", "1")
        case "thm-4.1-cycle":
            rate = 1 - float(case.at.parameter("eta") * case.at.parameter("rho")) / tau
            coarse = (1 / (2 * step[1]) - smooth) * symmetric(1) - delta * step[1] / 2 * (
                case.noise["1"] @ case.noise["1"]
            )
            return float(rate * (loss("0") - loss("star") - coarse) - (loss("2") - loss("star")))
    raise AssertionError(f"the conclusion of {case.certificate.name} is not written here")


@every_instance
def test_the_conclusion_is_the_one_that_the_claim_states(name: str, seed: int) -> None:
    case = Instance(name, seed)
    sides = (
        form(side, case.at.scope) for side in (case.certificate.left, case.certificate.gain, case.certificate.right)
    )
    left, gain, right = map(case.value, sides)
    assert right - left - gain == pytest.approx(conclusion(case), abs=1e-7)
