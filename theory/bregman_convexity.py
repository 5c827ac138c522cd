"""Strong convexity relative to J_δ at the minimiser, with its constant.

    L(θ*) ≥ L(θ) + ⟨∇L(θ), θ* − θ⟩ + ν D^v_{J_δ}(θ*, θ)   for all θ, v ∈ ∂J_δ(θ)

symbol | meaning
-------|------------------------------------------------------------------------------
θ*     | the minimiser of L, J(θ*) < ∞
μ      | modulus of strong convexity of L
ν      | the constant; ν ≤ μδ, with equality for J = 0

It is bungert2021's assumption 3, (3.5), with θ̃ = θ*, which is where the proofs use it. For all θ̃ at once, (3.5) and a
Lipschitz gradient of L bound D^p_J(θ̃, θ) by a multiple of ‖θ̃ − θ‖²; then J is differentiable with a Lipschitz gradient,
and nothing is sparse.

For a sum of norms J = Σ J_g there is a constant: p ∈ ∂J(θ) and θ_g in the open half space around θ*_g or not,

    D_g ≤ 2 J_g(θ*_g) ‖θ_g − θ*_g‖²/‖θ*_g‖²,  since D_g ≤ J_g(θ*_g) − ⟨p_g, θ*_g⟩ ≤ 2 J_g(θ*_g) when ⟨θ_g, θ*_g⟩ ≤ 0, where
    ‖θ_g − θ*_g‖ ≥ ‖θ*_g‖; else at an angle φ to θ*_g it is J_g(θ*_g)(1 − cos φ) ≤ J_g(θ*_g) sin²φ, ‖θ_g − θ*_g‖ ≥ ‖θ*_g‖ sin φ,

which gives ν = μ/(1/δ + 4 max_g J_g(θ*_g)/‖θ*_g‖²), the maximum over the groups with θ*_g ≠ 0. In one dimension it is
attained: J = λ|·|, L = (μ/2)(θ − θ*)², θ = 0, p = −λ sign θ*.
"""

from __future__ import annotations

from .arrays import Array, Real, constant, is_exact, square_norm, to_float
from .groups import Restriction
from .problems import Problem
from .regularizers import L1, GroupL2, WeightedL1, Zero


def minimizer(problem: Problem, like: Array) -> Array:
    """θ*, shape (d,), in the arithmetic of ``like``; a `ValueError` when L has no minimiser."""
    star = problem.loss.minimizer()
    if star is None:
        raise ValueError(f"the loss must have a minimiser, got {type(problem.loss).__name__} without one")
    return constant(star, like)


def constant_at_minimizer(problem: Problem) -> Real:
    """ν > 0 for J = 0, ℓ1, weighted ℓ1 and group ℓ1,2; exact where μ, δ and θ* are.

    A `ValueError` when L is not strongly convex, and for other regularizers: D^p_J(θ*, θ) has no such bound for indicators
    (p is unbounded on the boundary) nor for the nuclear norm.
    """
    mu = problem.loss.strong_convexity
    if not mu:
        raise ValueError(f"the loss must be strongly convex, got {type(problem.loss).__name__} with μ = {mu}")
    if not isinstance(problem.regularizer, Zero | L1 | WeightedL1 | GroupL2):
        raise ValueError(f"the regularizer must be zero or a sum of norms of groups, got {problem.regularizer!r}")
    star = problem.loss.minimizer()
    if star is None:
        raise ValueError(f"the loss must have a minimiser, got {type(problem.loss).__name__} without one")
    steepest = _steepest(problem, star if is_exact(star) else to_float(star))
    return mu / (1 / problem.delta + 4 * steepest)


def _steepest(problem: Problem, star: Array) -> Real:
    """max_g J_g(θ*_g)/‖θ*_g‖² over the groups with θ*_g ≠ 0."""
    partition = problem.regularizer.separable_groups(problem.dimension)
    steepest: Real = 0
    for g in range(partition.count):
        piece = Restriction(partition, (g,))
        part = piece.restrict(star)[None, :]  # an exact scalar would leave the arrays
        size = square_norm(part)[0]
        if size > 0:
            steepest = max(steepest, problem.regularizer.restrict(piece).value(part)[0] / size)
    return steepest
