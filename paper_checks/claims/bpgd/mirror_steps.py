"""The steps that the claims about Bregman proximal gradient are judged on, and the bugs that are planted in them.

The steps are those of `bregman_proximal_gradient.run`: where the step with τ does not exist, which only Burg and τ > 1/L
(or rounding) bring about here, τ is halved until it does.
"""

from __future__ import annotations

from typing import Any

from ....solvers import bregman_proximal_gradient as bpgd
from ....theory.arrays import Array, scalar, total
from ....theory.references import Reference
from ....theory.relative_problem import RelativeProblem
from ...claim_record import Mutant

SOURCE = "Bauschke, Bolte and Teboulle 2017 (bpgd)"
#: How many steps the claims about rates take.
STEPS = 3

_step = bpgd.shortened_step


def after(problem: RelativeProblem, x: Array, tau: Any) -> Array:
    """x⁺."""
    return bpgd.shortened_step(problem.reference, x, problem.loss.gradient(x), tau)


def iterates(problem: RelativeProblem, x: Array, tau: Any, steps: int = STEPS) -> list[Array]:
    """x⁰ … xᵏ with k = ``steps``."""
    found = [x]
    for _ in range(steps):
        found.append(after(problem, found[-1], tau))
    return found


def raw(problem: RelativeProblem, *points: Array) -> list[Array]:
    """The size of what f is summed from at the points, for the scale of a margin: |f| and Σ|xᵢ ∂ᵢf|."""
    found = []
    for x in points:
        found += [problem.loss.value(x), total(abs(x * problem.loss.gradient(x)))]
    return found


def convexity(problem: RelativeProblem, like: Array) -> Any:
    """μ in the arithmetic of ``like``; a `ValueError` where f is not convex relative to φ."""
    if problem.relative_convexity is None:
        raise ValueError("problem must be convex, got relative_convexity = None")
    return scalar(problem.relative_convexity, like)


def _ascent(reference: Reference, x: Array, gradient: Array, tau: Any) -> Array:
    return _step(reference, x, -gradient, tau)


def _double(reference: Reference, x: Array, gradient: Array, tau: Any) -> Array:
    return _step(reference, x, gradient, 2 * tau)


def _half(reference: Reference, x: Array, gradient: Array, tau: Any) -> Array:
    return _step(reference, x, gradient, tau / 2)


def _euclidean(reference: Reference, x: Array, gradient: Array, tau: Any) -> Array:
    return x - tau[..., None] * gradient


def _without_mirror_map(reference: Reference, x: Array, gradient: Array, tau: Any) -> Array:
    return reference.conjugate_gradient(x - tau[..., None] * gradient)


def _planted(name: str, replacement: Any) -> Mutant:
    return Mutant(name, patch=(bpgd, "shortened_step", replacement))


ASCENT = _planted("∇φ(x) + τ∇f(x)", _ascent)
DOUBLE_STEP = _planted("step of 2τ", _double)
HALF_STEP = _planted("step of τ/2", _half)
EUCLIDEAN_STEP = _planted("x − τ∇f(x) whatever φ is", _euclidean)
NO_MIRROR_MAP = _planted("∇φ*(x − τ∇f(x))", _without_mirror_map)
