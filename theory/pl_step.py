"""The PL-like inequalities of lunk2026 (assumption 2): the constants ρ and η, and the pairs that no constants can serve.

v(τ) = v − τ∇L(θ), θ(τ) = prox_{δJ}(δv(τ)), D(τ) = D^{v(τ)}_{J_δ}(θ, θ(τ)), g = ∇L(θ):

(11)  D(τ) ≥ ρ(τ) D(1) for τ ∈ (0, 1/𝖫]          (12)  D(1) ≥ η (L(θ) − L*)

What is known, derived here and verified by the claims ``lunk2026/assumption-2…``:

1. J = 0: D(τ) = (δτ²/2)‖g‖², so ρ(τ) = τ², and η = δη_PL; both are the best.
2. 0 ≤ D(τ) ≤ (δτ²/2)‖g‖² for every J, so (12) asks for PL on dom J, with η ≤ δη_PL.
3. D(τ) = 0 iff θ(τ) = θ iff v(τ) ∈ ∂J_δ(θ). Hence no ρ, η serve when there is a *stuck pair*: L(θ) > L*, and
   v − t∇L(θ) ∈ ∂J_δ(θ) for t ∈ [0, t₀]. For a norm this is so at θ = 0, v = 0 unless L(0) = L*.
4. L μ-strongly convex, ∇L ℓ-Lipschitz, J conic at the minimiser (`kinks`): D(τ) ≥ δμτ²(L(θ) − L*) for τ ≤ 1/𝖫, so
   ρ(τ) = (μ/ℓ)τ², and η = δμ where δμ ≤ 1, else 1 + (δμ − 1)/𝖫; sharp for equal curvatures.
5. L separable and PL, J separable and conic at the minimiser: ρ(τ) = τ², η = δη_PL·min(1, 2/𝖫 − 1/𝖫²): a coordinate
   meets its kink only after τ = |θᵢ|/(δ|gᵢ|) ≥ 1/𝖫.
"""

from __future__ import annotations

from typing import NamedTuple

from .arrays import Array, Real, column
from .divergences import bregman
from .elastic_net import ElasticNet, PrimalDual
from .losses.base import Loss


class PLConstants(NamedTuple):
    """ρ(τ) = ``rho``·τ² on (0, 1/𝖫], and η."""

    rho: Real
    eta: Real


def step(loss: Loss, net: ElasticNet, pair: PrimalDual, tau: Array | Real) -> PrimalDual:
    """(θ(τ), v(τ)); τ is a number or an array of batch shape."""
    v = pair.v - column(tau) * loss.gradient(pair.theta)
    return PrimalDual(net.mirror_map(v), v)


def step_divergence(loss: Loss, net: ElasticNet, pair: PrimalDual, tau: Array | Real) -> Array:
    """D(τ) = D^{v(τ)}_{J_δ}(θ, θ(τ)), shape (...)."""
    after = step(loss, net, pair, tau)
    return bregman(net, pair.theta, after.theta, after.v)


def smooth_constants(loss: Loss, delta: Real) -> PLConstants | None:
    """J = 0: the best constants, or None when L has no PL constant."""
    return None if loss.pl_constant is None else PLConstants(1, delta * loss.pl_constant)


def conic_constants(loss: Loss, delta: Real) -> PLConstants | None:
    """Any J that is conic at the minimiser of L: the constants of item 4, or None where L is not strongly convex."""
    mu, ell = loss.strong_convexity, loss.lipschitz
    if not mu:
        return None
    contraction, smoothness = delta * mu, delta * ell
    eta = contraction if contraction <= 1 else 1 + (contraction - 1) / smoothness
    return PLConstants(mu / ell, eta)


def separable_constants(loss: Loss, delta: Real) -> PLConstants | None:
    """L and J separable over coordinates, J conic at the minimiser: the constants of item 5, or None without PL."""
    if loss.pl_constant is None:
        return None
    smoothness = delta * loss.lipschitz
    share = 1 if smoothness <= 1 else 2 / smoothness - 1 / (smoothness * smoothness)
    return PLConstants(1, delta * loss.pl_constant * share)
