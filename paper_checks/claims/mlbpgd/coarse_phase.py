"""One visit of the coarse level, and one cycle, written out once more: what the solvers do in `coarse_correction`.

symbol     | here                     | shape
-----------|--------------------------|---------------
∇f(y)      | `CoarsePhase.gradient`   | (batch, d)
ψ          | `CoarsePhase.model`      | (batch, d̂) → (batch,)
ξ⁰, …, ξᵐ  | `CoarsePhase.path`       | (batch, d̂) each
d          | `CoarsePhase.direction`  | (batch, d): P(ξᵐ − ξ⁰)
⟨∇f(y), d⟩ | `CoarsePhase.slope`      | (batch,)
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ....solvers import bregman_proximal_gradient as bpgd
from ....solvers import coarse_model, multilevel_bpgd
from ....solvers.coarse_correction import Correction
from ....solvers.coarse_model import CoarseModel
from ....solvers.levels import hierarchy
from ....solvers.multilevel_bpgd import MultilevelBPGD
from ....theory.arrays import Array, Real, inner, scalar
from ....theory.margins import at_most
from ....theory.references import FermiDirac, Reference
from ....theory.relative_problem import RelativeProblem

ELSHIATY_PETRA = "Elshiaty and Petra 2025 (mlbpgd, as lunk2026, sections 2 and 3, describes it)"
NASH = "Nash 2000 (mlbpgd, as lunk2026, sections 2 and 3, describes it)"


class CoarsePhase(NamedTuple):
    """What happened on the coarse level."""

    gradient: Array
    model: CoarseModel
    path: tuple[Array, ...]
    direction: Array
    tau: Real
    reference: Reference

    @property
    def slope(self) -> Array:
        """⟨∇f(y), d⟩."""
        return inner(self.gradient, self.direction)

    @property
    def slope_terms(self) -> Array:
        """Σ |∇f(y)ᵢ dᵢ|, of which the slope is made."""
        return inner(abs(self.gradient), abs(self.direction))

    def judged(self, margin: Array) -> Array:
        """The margin, and 1 where a float next to 1 no longer carries the 1 − ξ that Fermi–Dirac's ∇φ is made of."""
        if not isinstance(self.reference, FermiDirac):
            return margin
        close = np.max([np.max(point, axis=-1) for point in self.path], axis=0) > 1 - 1e-5
        return np.where(close, 1 + 0 * margin, margin)


def model_at(problem: RelativeProblem, y: Array, *, corrected: bool = True) -> tuple[CoarseModel, Array, Array]:
    """ψ at y, ξ⁰ = Ry and ∇f(y); with ``corrected`` False, ψ = f_c."""
    lower, transfer = _below(problem)
    gradient, start = problem.loss.gradient(y), transfer.restrict(y)
    if not corrected:
        return CoarseModel(lower.loss), start, gradient
    return coarse_model.coherent(lower.loss, start, transfer.restrict(gradient)), start, gradient


def coarse_phase(problem: RelativeProblem, y: Array, share: Real, steps: int, *, corrected: bool = True) -> CoarsePhase:
    """``steps`` Bregman proximal gradient steps on ψ from Ry with τ̂ = share/L_c, shorter where these do not exist."""
    lower, transfer = _below(problem)
    model, start, gradient = model_at(problem, y, corrected=corrected)
    tau = scalar(share, y) * scalar(lower.step_size_limit, y)
    path = [start]
    for _ in range(steps):
        path.append(bpgd.shortened_step(lower.reference, path[-1], model.gradient(path[-1]), tau))
    return CoarsePhase(gradient, model, tuple(path), transfer.prolong(path[-1] - start), tau, lower.reference)


def factor(problem: RelativeProblem, like: Array) -> Real:
    """The c of P = cRᵀ, 1 where there is none."""
    found = _below(problem)[1].factor
    return scalar(1 if found is None else found, like)


def value_terms(model: CoarseModel, *points: Array) -> tuple[Array, ...]:
    """The terms of which the values of ψ at the points are made."""
    terms = [abs(model.loss.value(point)) for point in points]
    return (*terms, *(inner(abs(model.tilt), abs(point)) for point in points if model.tilt is not None))


def two_sided(reference: Reference, x: Array, y: Array) -> Array:
    """D_φ(x, y) + D_φ(y, x) = ⟨∇φ(x) − ∇φ(y), x − y⟩."""
    return reference.divergence(x, y) + reference.divergence(y, x)


def descends(phase: CoarsePhase) -> Array:
    """The margin of ⟨∇f(y), d⟩ ≤ 0."""
    return at_most(phase.slope, 0 * phase.slope, phase.slope_terms)


class Cycle(NamedTuple):
    """x → y → x⁺."""

    corrected: Array
    """y = x + αd."""
    after: Array
    correction: Correction
    phase: CoarsePhase


def one_cycle(problem: RelativeProblem, settings: MultilevelBPGD, x: Array, k: int = 0) -> Cycle:
    """Cycle k of the solver from x, with y, which the solver keeps for itself, from the coarse phase above and its α."""
    levels = hierarchy(problem, settings.levels)
    state = multilevel_bpgd.init(levels, settings, x)._replace(k=k)
    after, corrections = multilevel_bpgd.cycle(levels, settings, state)
    steps: Any = settings.coarse_steps
    phase = coarse_phase(problem, x, settings.step_share, steps, corrected=settings.linear_correction)
    return Cycle(x + corrections[0].alpha[..., None] * phase.direction, after.x, corrections[0], phase)


def _below(problem: RelativeProblem) -> tuple[RelativeProblem, Any]:
    if problem.below is None:
        raise ValueError("problem must have a coarse level, got below = None")
    return problem.below
