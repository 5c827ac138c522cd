"""Assumptions 2 and 3 of bungert2021: strong convexity, and strong convexity relative to J_δ."""

from __future__ import annotations

import numpy as np

from ...theory.divergences import bregman
from ...theory.elastic_net import PrimalDual
from ...theory.kinks import Piece, is_conic_at
from .entry import Constant, Entry, Status, Witness
from .setting import Setting, numbers, short, words

_SHORT = 1e-4


def strong(setting: Setting) -> Entry:
    """L ≥ its linear model + (μ/2)‖·‖²."""
    key, mu = "bungert2021/2", setting.loss.strong_convexity
    if mu:
        return Entry(
            key,
            Status.HOLDS,
            "closed form",
            (Constant("μ", float(mu), "inf of the least eigenvalue of ∇²L", float(mu)),),
        )
    theta, other, quotient = _flattest(setting)
    told = f"θ = {words(theta)}, θ̃ = {words(other)}: (L(θ̃) − L(θ) − ⟨∇L(θ), θ̃ − θ⟩)/½‖θ̃ − θ‖² = {short(quotient)}"
    reason = "L is not convex" if mu is None else "L is convex, and flat somewhere or in the limit"
    return Entry(key, Status.FAILS, reason, (), Witness(told, numbers(theta), numbers(other)))


def _flattest(setting: Setting) -> tuple[np.ndarray, np.ndarray, float]:
    """The pair of points with the smallest quotient, on rays from the minimiser and from 0."""
    rng, dimension = np.random.default_rng(3), setting.loss.dimension
    rays = np.concatenate([np.eye(dimension), _null_directions(setting), rng.normal(size=(20, dimension))])
    best: tuple[np.ndarray, np.ndarray, float] = (setting.center, setting.center, np.inf)
    for start in (setting.center, np.zeros(dimension)):
        for near, far in ((0.0, 1e-2), (0.0, 1.0), (0.5, 1.0), (1.0, 2.0), (2.0, 4.0), (20.0, 40.0), (100.0, 200.0)):
            theta, other = start + near * rays, start + far * rays
            value, end, slope = setting.loss.value(theta), setting.loss.value(other), setting.loss.gradient(theta)
            above = end - value - (slope * (other - theta)).sum(-1)
            noise = 1e-13 * (
                np.abs(value) + np.abs(end) + np.abs(slope * other).sum(-1) + np.abs(slope * theta).sum(-1)
            )
            above = np.where(np.abs(above) <= noise, 0.0, above)
            quotient = above / (((other - theta) ** 2).sum(-1) / 2)
            worst = int(quotient.argmin())
            if quotient[worst] < best[2]:
                best = (theta[worst], other[worst], float(quotient[worst]))
    return best


def _null_directions(setting: Setting) -> np.ndarray:
    """Right singular vectors of the finite-difference Hessian at the minimiser: flat directions among them."""
    center, step = setting.center, 1e-4
    shifts = step * np.eye(len(center))
    hessian = (setting.loss.gradient(center + shifts) - setting.loss.gradient(center - shifts)) / (2 * step)
    _, vectors = np.linalg.eigh((hessian + hessian.T) / 2)
    found: np.ndarray = vectors.T
    return found


def relative(setting: Setting) -> Entry:
    """L ≥ its linear model + ν D^v_{J_δ}(θ̃, θ) for all θ, θ̃ and v ∈ ∂J_δ(θ)."""
    key, mu = "bungert2021/3", setting.loss.strong_convexity
    kinks = [piece for piece in setting.pieces if not piece.is_smooth and piece.lower != piece.upper]
    if kinks:
        reason = "J has a kink: across it D^v grows linearly, L minus its linear model only quadratically"
        return Entry(key, Status.FAILS, reason, (), _across(setting, kinks[0]))
    if not mu:
        base = strong(setting)
        return Entry(
            key, Status.FAILS, f"it implies strong convexity with μ = ν/δ, and {base.reason}", (), base.witness
        )
    nu = float(mu) * setting.delta
    return Entry(key, Status.HOLDS, "J is smooth: D^v = ‖·‖²/2δ", (Constant("ν", nu, "δμ", nu),))


def _across(setting: Setting, piece: Piece) -> Witness:
    """θ at the kink, v at the end of ∂J_δ(θ), θ̃ a short way to the other side."""
    theta = np.clip(setting.center, *setting.bounds)
    p, index = np.zeros_like(theta), list(piece.indices)
    if piece.is_norm:
        theta[index], p[index[0]] = 0.0, float(piece.radius)
        move, told = -1.0, "v at the end of its interval"
    else:
        end = float(piece.ends[0])
        theta[index] = end
        move = 1.0 if end == piece.lower else -1.0
        p[index[0]], told = -10 * move, "v far out in the normal cone"
    pair = PrimalDual(theta[None], (p + theta / setting.delta)[None])
    shares = []
    for length in (1e-1, 1e-2, 1e-3):
        other = theta.copy()
        other[index[0]] += move * length
        shares.append(_share(setting, other[None], pair))
    text = (
        f"θ = {words(theta)}, v = {words(pair.v)} ({told}), θ̃ = θ {'+' if move > 0 else '−'} t in coordinate {index[0]}: "
        f"ν ≤ {short(shares[0])}, {short(shares[1])}, {short(shares[2])} for t = 0.1, 0.01, 0.001"
    )
    return Witness(text, numbers(theta), numbers(other), numbers(pair.v))


def _share(setting: Setting, theta_tilde: np.ndarray, pair: PrimalDual) -> float:
    return float(_shares(setting, theta_tilde, pair)[0])


def _shares(setting: Setting, theta_tilde: np.ndarray, pair: PrimalDual) -> np.ndarray:
    """(L(θ̃) − L(θ) − ⟨∇L(θ), θ̃ − θ⟩)/D^v_{J_δ}(θ̃, θ), which ν must not exceed."""
    slope = setting.loss.gradient(pair.theta)
    above = (
        setting.loss.value(theta_tilde) - setting.loss.value(pair.theta) - (slope * (theta_tilde - pair.theta)).sum(-1)
    )
    found: np.ndarray = above / bregman(setting.net, theta_tilde, pair.theta, pair.v)
    return found


def towards_minimizer(setting: Setting) -> Entry:
    """The same inequality for θ̃ = θ* alone."""
    key, star, mu = "bungert2021/3 at θ*", setting.star, setting.loss.strong_convexity
    if star is None:
        return Entry(key, Status.FAILS, "L has no minimiser θ*", (), Witness("L* is not attained"))
    if not setting.regularizer.in_domain(star[None])[0]:
        return Entry(key, Status.FAILS, "θ* is outside dom J, so D^v(θ*, θ) = ∞", (), Witness(f"θ* = {words(star)}"))
    for piece in setting.pieces:
        others = [end for end in piece.ends if end != star[piece.indices[0]]]
        if others:
            found = _at_bound(setting, piece.indices[0], float(others[0]))
            return Entry(key, Status.FAILS, "v may be far out in the normal cone at a bound that is not θ*", (), found)
    if not mu:
        return _searched(setting, star)
    conic = is_conic_at(setting.regularizer, star)
    if any(piece.matrix is not None for piece in setting.pieces) and not conic:
        return _searched(setting, star)
    kappa = 0.0 if conic else _kink_ratio(setting, star)
    nu = float(mu) / (1 / setting.delta + 4 * kappa)
    seen = _smallest_share(setting, star)[0]
    formula = "δμ" if kappa == 0 else "μ/(1/δ + 4 max λ_g/‖θ*_g‖)"
    reason = "D^p_J(θ*, θ) ≤ 2κ‖θ* − θ‖², κ = max λ_g/‖θ*_g‖"
    return Entry(key, Status.HOLDS, reason, (Constant("ν", nu, formula, seen),))


def _kink_ratio(setting: Setting, star: np.ndarray) -> float:
    """κ = max λ_g/‖θ*_g‖ over the norms with θ*_g ≠ 0 (`theory.bregman_convexity` has the derivation)."""
    blocks = [(float(piece.radius), star[list(piece.indices)]) for piece in setting.pieces if piece.is_norm]
    return max((radius / float(np.linalg.norm(block)) for radius, block in blocks if np.any(block != 0)), default=0.0)


def _at_bound(setting: Setting, i: int, end: float) -> Witness:
    theta = np.clip(setting.center, *setting.bounds)
    theta[i] = end
    p = np.zeros_like(theta)
    shares = []
    for size in (1e1, 1e3, 1e5):
        p[i] = size * np.sign(end - setting.center[i])
        pair = PrimalDual(theta[None], (p + theta / setting.delta)[None])
        shares.append(_share(setting, setting.center[None], pair))
    told = (
        f"θ = {words(theta)} at the bound of coordinate {i}, p_{i} = ±10, ±10³, ±10⁵: ν ≤ {short(shares[0])}, {short(shares[1])}, "
        f"{short(shares[2])}"
    )
    return Witness(told, numbers(theta), numbers(setting.center), numbers(pair.v))


def _smallest_share(setting: Setting, star: np.ndarray) -> tuple[float, int]:
    """The smallest share over the sample pairs and over far and near points, v chosen against θ*."""
    theta, dimension = setting.pairs.theta, setting.loss.dimension
    pair = setting.net.pair(
        theta, np.where(np.arange(len(theta))[:, None] % 2 == 0, -1e3 * np.sign(star), setting.net.p(setting.pairs))
    )
    apart = np.abs(theta - star).max(axis=-1) > 1e-3 * (1 + np.abs(star).max())
    shares = np.where(apart, _shares(setting, star + np.zeros((1, dimension)), pair), np.inf)
    worst = int(np.nanargmin(shares))
    return float(shares[worst]), worst


def _searched(setting: Setting, star: np.ndarray) -> Entry:
    key = "bungert2021/3 at θ*"
    seen, worst = _smallest_share(setting, star)
    rays = np.concatenate([_null_directions(setting), np.eye(len(star))])
    theta = np.concatenate([star + t * rays for t in (1e-2, 1.0, 1e2, 1e4)])
    inside = setting.regularizer.in_domain(theta)
    pair = setting.net.pair(theta[inside], 0 * theta[inside])
    shares = _shares(setting, star + 0 * pair.theta, pair)
    value = setting.loss.value(pair.theta)
    noise = 1e-12 * (np.abs(value) + np.abs(setting.loss.gradient(pair.theta) * (pair.theta - star)).sum(-1))
    shares = np.where(
        np.abs(shares) * bregman(setting.net, star + 0 * pair.theta, pair.theta, pair.v) <= noise, 0.0, shares
    )
    flat = int(shares.argmin())
    low, where = (float(shares[flat]), pair.theta[flat]) if shares[flat] < seen else (seen, setting.pairs.theta[worst])
    if low < 1e-3:
        told = f"θ* = {words(star)}, θ = {words(where)}: ν ≤ {short(low)}"
        reason = "L is not strongly convex around θ*, or only in the limit"
        return Entry(key, Status.FAILS, reason, (), Witness(told, numbers(where), numbers(star)))
    return Entry(key, Status.SEARCHED, "smallest quotient over the pairs searched", (Constant("ν", None, "", low),))
