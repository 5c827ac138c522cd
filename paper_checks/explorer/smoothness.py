"""Assumption 1 of both papers: curvature from above, relative to J_δ on dom J (lunk2026), or on all of ℝᵈ (bungert2021)."""

from __future__ import annotations

import math

import numpy as np

from ...theory.divergences import bregman
from ...theory.elastic_net import PrimalDual
from ...theory.losses import MatrixFactorization, Quartic
from .entry import Constant, Entry, Status, Witness
from .setting import Setting, numbers, short, words


def relative(setting: Setting) -> Entry:
    """lunk2026, assumption 1."""
    key = "lunk2026/1"
    bound, formula = curvature_on_domain(setting)
    if bound < math.inf:
        constant = Constant("𝖫", bound * setting.delta, formula, smallest_smoothness(setting))
        return Entry(key, Status.HOLDS, "descent lemma on dom J, and D^v ≥ ‖·‖²/2δ", (constant,))
    found = _growth(setting)
    if found is None:
        return Entry(
            key, Status.UNKNOWN, "∇L is not Lipschitz on dom J, and no sequence against the assumption was found"
        )
    return Entry(
        key, Status.FAILS, "L grows faster than D^v, which is at most quadratic, along a ray of dom J", (), found
    )


def lipschitz(setting: Setting) -> Entry:
    """bungert2021, assumption 1."""
    key, ell = "bungert2021/1", float(setting.loss.lipschitz)
    if ell < math.inf:
        return Entry(key, Status.HOLDS, "closed form", (Constant("ℓ", ell, "sup ‖∇²L‖", ell),))
    theta = np.zeros((1, setting.loss.dimension))
    far = 1e3 + theta
    quotient = np.linalg.norm(setting.loss.gradient(far) - setting.loss.gradient(theta)) / np.linalg.norm(far - theta)
    told = f"θ = 0, θ̃ = t(1, …, 1): ‖∇L(θ̃) − ∇L(θ)‖/‖θ̃ − θ‖ → ∞; t = 1000: {short(float(quotient))}"
    return Entry(
        key, Status.FAILS, "the second derivative is unbounded", (), Witness(told, numbers(theta), numbers(far))
    )


def curvature_on_domain(setting: Setting) -> tuple[float, str]:
    """A bound of the curvature of L on dom J and where it comes from; ∞ where there is none."""
    loss, (lower, upper) = setting.loss, setting.bounds
    if loss.lipschitz < math.inf:
        return float(loss.lipschitz), "ℓδ"
    far = np.maximum(np.abs(lower - setting.center), np.abs(upper - setting.center))
    if isinstance(loss, Quartic):
        weights = np.asarray(loss.weights, dtype=np.float64)
        with np.errstate(invalid="ignore"):
            return float(np.max(np.where(weights > 0, 3 * weights * far**2, 0))), "δ max 3wᵢ(θᵢ − cᵢ)² over the box"
    size = float((np.maximum(np.abs(lower), np.abs(upper)) ** 2).sum())
    if isinstance(loss, MatrixFactorization):
        # ∇²L[d, d] ≤ (‖U‖² + ‖V‖² + ‖UVᵀ − M‖)‖d‖², and ‖UVᵀ‖ ≤ ‖θ‖²/2.
        return 1.5 * size + float(np.linalg.norm(np.asarray(loss.target, dtype=np.float64))), "δ(3/2 max‖θ‖² + ‖M‖)"
    return math.inf, ""


def quotients(setting: Setting, theta_tilde: np.ndarray, pair: PrimalDual) -> np.ndarray:
    """(L(θ̃) − L(θ) − ⟨∇L(θ), θ̃ − θ⟩)/D^v_{J_δ}(θ̃, θ); NaN where rounding decides."""
    loss, net = setting.loss, setting.net
    value, other, gradient = loss.value(pair.theta), loss.value(theta_tilde), loss.gradient(pair.theta)
    above = other - value - (gradient * (theta_tilde - pair.theta)).sum(axis=-1)
    distance = bregman(net, theta_tilde, pair.theta, pair.v)
    noise = 1e-9 * (
        np.abs(value) + np.abs(other) + np.abs(gradient * theta_tilde).sum(-1) + np.abs(gradient * pair.theta).sum(-1)
    )
    size = (
        np.abs(net.value(theta_tilde))
        + np.abs(net.value(pair.theta))
        + np.abs(pair.v * (theta_tilde - pair.theta)).sum(-1)
    )
    found: np.ndarray = np.where((noise < 1e-3 * np.abs(above)) & (distance > 1e-6 * size), above / distance, np.nan)
    return found


def smallest_smoothness(setting: Setting, rounds: int = 12) -> float:
    """The largest quotient found, a lower bound of every 𝖫: power iteration for the steepest direction at many pairs."""
    pair, rng = setting.pairs, np.random.default_rng(1)
    finite = np.clip(setting.center, *setting.bounds)
    theta = np.concatenate([pair.theta[::4], np.tile(finite, (20, 1))])
    here = setting.net.pair(theta, 0 * theta)
    best, direction = 0.0, rng.normal(size=here.theta.shape)
    for _ in range(rounds):
        direction = direction / np.maximum(np.linalg.norm(direction, axis=-1, keepdims=True), 1e-300)
        for length in (0.03, 1.0):
            size = length * np.maximum(1, np.abs(here.theta).max(axis=-1, keepdims=True))
            other = np.clip(here.theta + size * direction, *setting.bounds)
            best = max(best, float(np.nanmax(quotients(setting, other, here), initial=0.0)))
        direction = setting.loss.gradient(here.theta + 1e-3 * direction) - setting.loss.gradient(here.theta)
    return best


def _growth(setting: Setting) -> Witness | None:
    """A ray of dom J along which the quotient grows without bound."""
    lower, upper = setting.bounds
    ray = np.where(upper == np.inf, 1.0, np.where(lower == -np.inf, -1.0, 0.0))
    start = np.clip(np.zeros_like(lower), lower, upper)[None]
    pair = setting.net.pair(start, 0 * start)
    found = [float(quotients(setting, start + t * ray, pair)[0]) for t in (1e2, 1e3, 1e4)]
    if not (found[1] > 10 * found[0] and found[2] > 10 * found[1]):
        return None
    told = (
        f"θ = {words(start)}, v = {words(pair.v)}, θ̃ = θ + t·{words(ray)}: the quotient that 𝖫 must bound is "
        f"{short(found[0])}, {short(found[1])}, {short(found[2])} for t = 10², 10³, 10⁴"
    )
    return Witness(told, numbers(start), numbers(start + 1e3 * ray), numbers(pair.v))
