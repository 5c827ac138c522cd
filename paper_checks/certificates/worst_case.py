"""The worst case of a certificate's inequality over its whole function class, by performance estimation.

PEPit states the classes by its own interpolation conditions (Taylor, Hendrickx, Glineur 2017), which share no code with
`function_classes`; Clarabel solves the semidefinite program. Needs the extra ``certificates``.

Relative smoothness and strong convexity are stated for coupled triples at the same points: 𝖫h − L and L − νh are convex,
with h = J_δ. That each is interpolable does not give them jointly, so the value is an upper bound of the worst case.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from fractions import Fraction
from importlib.util import find_spec
from typing import Any

from . import function_classes
from .expressions import Scope, form, number
from .gram import Form, Vector, inner, square
from .iteration import Iteration
from .record import Certificate

# An inequality that holds has the worst case 0; Clarabel is good for about 1e-8, and 1e-6 where the optimum is degenerate.
TOLERANCE = 1e-5
# The inequalities are homogeneous, so a violated one is violated as much as one likes; this much is enough to see it.
CAP = 1.0


class SolverError(RuntimeError):
    """The extra ``certificates`` is not installed, or Clarabel does not solve the problem."""


def trial_parameters(certificate: Certificate, **given: Fraction) -> dict[str, Fraction]:
    """The numbers at which a worst case is solved: ``given``, else the trial's, else the limit's, else 1.

    ℓ = δ = 𝖫 = 1 is no restriction: scaling θ, L and J by positive numbers changes each of them at will.
    """
    limits = {limit.parameter: limit.at_most for limit in certificate.limits}
    values: dict[str, Fraction] = {}
    for name in sorted(certificate.parameters, key=lambda name: name in limits):
        chosen = certificate.trial.get(name) or limits.get(name, "1")
        values[name] = given.get(name, number(chosen, Scope(values, {}, Fraction(1))))
    return values


def worst_case(certificate: Certificate, parameters: Mapping[str, Fraction]) -> float:
    """max left + gain − right over the class, under normalisation ≤ 1; at most `CAP`. The inequality holds if it is ≈ 0.

    Raises:
        SolverError: PEPit, cvxpy or Clarabel is not installed, or fails.
    """
    model = _Model(certificate, parameters)
    model.state_class()
    return model.solve()


def solver_multipliers(certificate: Certificate, parameters: Mapping[str, Fraction]) -> tuple[float, tuple[float, ...]]:
    """The worst case when nothing but the inequalities of the certificate is known, and their dual multipliers.

    Raises:
        SolverError: PEPit, cvxpy or Clarabel is not installed, or fails.
    """
    model = _Model(certificate, parameters)
    used = [model.state(function_classes.inequality(model.at, use)) for use in certificate.uses]
    value = model.solve()
    return value, tuple(float(constraint.eval_dual()) for constraint in used)


def stored_multipliers(certificate: Certificate, parameters: Mapping[str, Fraction]) -> tuple[float, ...]:
    """The multipliers of the certificate for these parameters."""
    scope = Scope(parameters, {}, Fraction(1))
    return tuple(float(number(use.multiplier, scope)) for use in certificate.uses)


class _Model:
    """A certificate's iteration in PEPit's terms."""

    def __init__(self, certificate: Certificate, parameters: Mapping[str, Fraction]) -> None:
        missing = [package for package in ("PEPit", "cvxpy", "clarabel") if find_spec(package) is None]
        if missing:
            raise SolverError(
                f"{', '.join(missing)} is missing: install the extra certificates (pip install 'mlbreg[certificates]')"
            )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # on import, some of them warn about their own dependencies
            from PEPit import PEP
        self.at = Iteration(certificate, parameters, Fraction(1))
        self.problem = PEP()
        self.vectors: dict[str, Any] = {}
        self.values: dict[str, Any] = {}

    def state_class(self) -> None:
        """All that is known of J and L."""
        self._regularizer()
        self._loss()

    def state(self, nonnegative: Form) -> Any:
        """This form is ≥ 0."""
        constraint = self._expression(nonnegative) >= 0
        self.problem.add_constraint(constraint)
        return constraint

    def solve(self) -> float:
        """The worst case."""
        certificate, scope = self.at.certificate, self.at.scope
        left, gain, right = (form(side, scope) for side in (certificate.left, certificate.gain, certificate.right))
        objective = self._expression(left + gain - right)
        self.problem.add_constraint(self._expression(form(certificate.normalisation, scope)) <= 1)
        self.problem.add_constraint(objective <= CAP)
        self._separate_blocks()
        self.problem.set_performance_metric(objective)
        from cvxpy.error import SolverError as Failure

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about accuracy, which TOLERANCE allows for
            try:
                return float(self.problem.solve(wrapper="cvxpy", solver="CLARABEL", verbose=0))
            except Failure as error:
                raise SolverError(f"Clarabel does not solve the worst case of {certificate.name!r}: {error}") from error

    def _regularizer(self) -> None:
        """J is convex: a sum over the blocks, each with its own points; a point to compare with need not have a p."""
        for block in self.at.blocks:
            part = {point: Form({k: c for k, c in self.at.J(point).terms.items() if str(k).startswith(block)})
                    for point in self.at.points}  # fmt: skip
            # A frozen block has one and the same value of J at several points, and is one point.
            distinct = {tuple(part[point].terms): point for point in reversed(self.at.pairs)}
            triples = {p: (self.at.theta(p).in_block(block), self.at.p(p).in_block(block), part[p])
                       for p in reversed(distinct.values())}  # fmt: skip
            self._convex(triples, {p: (self.at.theta(p).in_block(block), part[p]) for p in self._others()})

    def _loss(self) -> None:
        from PEPit.functions import SmoothConvexFunction, SmoothFunction, SmoothStronglyConvexFunction

        at, kind = self.at, self.at.certificate.loss
        half = 1 / (2 * at.parameter("delta"))
        triples = {p: (at.theta(p), at.g(p), at.L(p)) for p in at.points}
        families = {
            "smooth": SmoothFunction,
            "smooth, convex": SmoothConvexFunction,
            "smooth, strongly convex": SmoothStronglyConvexFunction,
        }
        if kind in families:
            constants = {"mu": float(at.parameter("mu"))} if "strongly" in kind else {}
            function = self.problem.declare_function(families[kind], L=float(at.parameter("ell")), **constants)
            self._declare(function, triples)
            return
        h = {p: at.J(p) + square(at.theta(p)).scaled(half) for p in at.points}
        smooth = at.parameter("L_rel")
        self._convex(
            {p: (at.theta(p), at.v(p).scaled(smooth) - at.g(p), h[p].scaled(smooth) - at.L(p)) for p in at.pairs},
            {p: (at.theta(p), h[p].scaled(smooth) - at.L(p)) for p in self._others()},
        )
        if "relatively strongly convex" in kind:
            nu = at.parameter("nu")
            self._convex(
                {p: (at.theta(p), at.g(p) - at.v(p).scaled(nu), at.L(p) - h[p].scaled(nu)) for p in at.pairs},
                {p: (at.theta(p), at.L(p) - h[p].scaled(nu)) for p in self._others()},
            )
        if "convex" in kind:
            self._convex(triples, {})
        if at.certificate.minimiser:
            for point in at.pairs:
                self.state(at.L(point) - at.L(at.certificate.minimiser))
        for use in at.certificate.uses:
            if use.inequality.startswith("assumption 2"):
                self.state(function_classes.inequality(at, use))

    def _convex(self, triples: Mapping[str, Any], values: Mapping[str, Any]) -> None:
        """A convex function with subgradients at the ``triples`` and values alone at the other points."""
        from PEPit.functions import ConvexFunction

        self._declare(self.problem.declare_function(ConvexFunction, reuse_gradient=False), triples)
        for theta_b, f_b in values.values():
            for theta_a, slope, f_a in triples.values():
                self.state(f_b - f_a - inner(slope, theta_b - theta_a))

    def _declare(self, function: Any, triples: Mapping[str, tuple[Vector, Vector, Form]]) -> None:
        for theta, slope, value in triples.values():
            function.add_point((self._vector(theta), self._vector(slope), self._expression(value)))

    def _others(self) -> list[str]:
        return [point for point in self.at.points if point not in self.at.pairs]

    def _separate_blocks(self) -> None:
        selected, frozen = ([v for name, v in self.vectors.items() if name.startswith(block)] for block in ("A:", "B:"))
        for a in selected:
            for b in frozen:
                self.problem.add_constraint(a * b == 0)

    def _basis(self, name: str) -> Any:
        from PEPit import Point

        if name not in self.vectors:
            self.vectors[name] = Point(name=name)
        return self.vectors[name]

    def _vector(self, vector: Vector) -> Any:
        from PEPit import null_point

        return sum((float(c) * self._basis(name) for name, c in vector.terms.items()), start=null_point)

    def _expression(self, combination: Form) -> Any:
        from PEPit import Expression, null_expression

        total = null_expression
        for key, coefficient in combination.terms.items():
            if isinstance(key, tuple):
                term = self._basis(key[0]) * self._basis(key[1])
            else:
                if key not in self.values:
                    self.values[key] = Expression(name=key)
                term = self.values[key]
            total = total + float(coefficient) * term
        return total
