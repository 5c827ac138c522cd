"""Assumption 2 of lunk2026: decided by stuck pairs, by PL, and by the constants of `theory.pl_step`; else searched."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice, product
from typing import Any

import numpy as np
from scipy.optimize import minimize

from ...theory import pl_step
from ...theory.elastic_net import PrimalDual
from ...theory.kinks import is_conic_at
from ...theory.losses import FiniteSum, LeastSquares, Quadratic
from .entry import Constant, Entry, Status, Witness
from .setting import Setting, numbers, short, words
from .smoothness import curvature_on_domain

_KEY = "lunk2026/2"
_RAYS, _CORNERS = 24, 64


def assumption_2(setting: Setting) -> Entry:
    """(11) and (12)."""
    loss, delta = setting.loss, setting.delta
    if all(piece.is_smooth for piece in setting.pieces):
        found = pl_step.smooth_constants(loss, delta)
        if found is None:
            return _without_pl(setting, "J = 0, where (12) is the PL inequality, and L has no PL constant")
        return _holds(setting, found, "J = 0: ρ(τ) = τ² and η = δη_PL", "τ²", "δη_PL")
    stuck = stuck_pair(setting)
    if stuck is not None:
        return Entry(_KEY, Status.FAILS, "a pair with L(θ) > L* whose step moves v and not θ", (), stuck)
    if loss.pl_constant is None:
        return _without_pl(setting, "(12) asks for PL on dom J, since D(1) ≤ (δ/2)‖∇L‖²")
    return _at_the_kink(setting)


def _at_the_kink(setting: Setting) -> Entry:
    """No stuck pair was found and L is PL: J may be conic at a minimiser."""
    loss, delta = setting.loss, setting.delta
    corner = next(_corners(setting), None)
    conic = corner is not None and setting.gap(corner) == 0 and is_conic_at(setting.regularizer, corner)
    separable = pl_step.separable_constants(loss, delta) if conic and setting.is_separable else None
    strong = pl_step.conic_constants(loss, delta) if conic else None
    if separable is not None and (strong is None or separable.eta >= strong.eta):
        reason = "L and J separable, J conic at the minimiser: no coordinate meets its kink before τ = 1/𝖫"
        return _holds(setting, separable, reason, "τ²", "δη_PL min(1, 2/𝖫 − 1/𝖫²)")
    if strong is not None:
        reason = "L strongly convex, J conic at the minimiser"
        return _holds(setting, strong, reason, "(μ/ℓ)τ²", "δμ, or 1 + (δμ − 1)/𝖫 where δμ > 1")
    quadratic = isinstance(loss, Quadratic | LeastSquares) or (
        isinstance(loss, FiniteSum) and isinstance(loss.losses, LeastSquares)
    )
    constants = _searched(setting)
    euclidean = all(piece.matrix is None and not piece.ends for piece in setting.pieces)
    if quadratic and conic and euclidean:
        reason = (
            "convex quadratic with a minimiser at the kink, ℓ1 or ℓ1,2: D(1)/(L − L*) is bounded below by compactness"
        )
        return Entry(_KEY, Status.HOLDS, reason, constants)
    if all(constant.searched for constant in constants):
        return Entry(_KEY, Status.SEARCHED, "no stuck pair, and positive quotients at all pairs searched", constants)
    return Entry(_KEY, Status.UNKNOWN, "no stuck pair was found, and no reason why there is none")


def _holds(setting: Setting, found: pl_step.PLConstants, reason: str, rho: str, eta: str) -> Entry:
    searched = {constant.symbol: constant.searched for constant in _searched(setting)}
    values = {"ρ(τ)/τ²": (float(found.rho), f"ρ(τ) = {rho}"), "η": (float(found.eta), eta)}
    constants = []
    for symbol, (value, formula) in values.items():
        constants.append(Constant(symbol, value, formula, searched[symbol]))
    return Entry(_KEY, Status.HOLDS, reason, tuple(constants))


def _searched(setting: Setting) -> tuple[Constant, Constant]:
    """Smallest D(τ)/(τ²D(1)) and D(1)/(L − L*) over the sample pairs: upper bounds of the best constants."""
    net, pair = setting.net, setting.pairs
    bound, _ = curvature_on_domain(setting)
    limit = 1 / (bound * setting.delta) if 0 < bound < np.inf else 1.0
    whole = _divergence(setting, pair, 1.0)
    size = np.abs(net.value(pair.theta)) + np.abs(pair.v * pair.theta).sum(-1)
    trusted = whole > 1e-7 * (1e-9 + size)
    gap = setting.gap(pair.theta)
    eta = np.where((gap > 0) & trusted, whole / np.where(gap > 0, gap, 1), np.inf).min()
    rho = np.inf
    for share in (1.0, 0.5, 0.1):
        small = _divergence(setting, pair, share * limit) / (share * limit) ** 2
        reliable = trusted & (small * (share * limit) ** 2 > 1e-7 * (1e-9 + size))
        rho = min(rho, float(np.where(reliable, small / np.where(trusted, whole, 1), np.inf).min()))
    return (
        Constant("ρ(τ)/τ²", None, "", rho if rho < np.inf else None),
        Constant("η", None, "", float(eta) if eta < np.inf else None),
    )


def _divergence(setting: Setting, pair: PrimalDual, tau: float) -> np.ndarray:
    found: np.ndarray = pl_step.step_divergence(setting.loss, setting.net, pair, tau)
    return found


def stuck_pair(setting: Setting) -> Witness | None:
    """θ with every kink active and the rest at a critical point, v inside ∂J_δ(θ), and L(θ) > L*: D(τ) = 0 for small τ."""
    for theta in _corners(setting):
        if setting.gap(theta) > 0:
            return _witness(setting, theta)
    return None


def _corners(setting: Setting) -> Iterator[np.ndarray]:
    """Points with a kink in every piece that has one, the other coordinates at a critical point of L."""
    kinked = [piece for piece in setting.pieces if not piece.is_smooth]
    choices = ([0.0] if piece.is_norm else [float(end) for end in piece.ends] for piece in kinked)
    for ends in islice(product(*choices), _CORNERS):
        theta = setting.center.copy()
        for piece, end in zip(kinked, ends, strict=True):
            theta[list(piece.indices)] = end
        free = [i for piece in setting.pieces if piece.is_smooth for i in piece.indices]
        theta = _critical(setting, theta, free)
        gradient = setting.loss.gradient(theta)
        if not free or np.abs(gradient[free]).max() <= 1e-6 * (1 + np.abs(gradient).max()):
            yield theta


def _critical(setting: Setting, theta: np.ndarray, free: list[int]) -> np.ndarray:
    """θ with its free coordinates moved to a critical point of L in them."""
    if not free:
        return theta

    def at(block: Any) -> Any:
        moved = theta.copy()
        moved[free] = block
        return moved

    value: Callable[..., Any] = lambda x: float(setting.loss.value(at(x)))  # noqa: E731 - typed for the stubs of scipy
    slope: Callable[..., Any] = lambda x: setting.loss.gradient(at(x))[free]  # noqa: E731
    found: Any = minimize(value, theta[free], jac=slope, method="BFGS", options={"gtol": 1e-12})
    critical: np.ndarray = at(found.x)
    return critical


def _witness(setting: Setting, theta: np.ndarray) -> Witness:
    gradient = setting.loss.gradient(theta)
    bound, _ = curvature_on_domain(setting)
    tau = min(1.0, 1 / (bound * setting.delta)) if 0 < bound < np.inf else 1.0
    p = np.zeros_like(theta)
    for piece in setting.pieces:
        index = list(piece.indices)
        if piece.is_norm:
            slope = float(piece.dual_size(gradient[None])[0])
            tau = min(tau, float(piece.radius) / slope) if slope > 0 else tau
        elif piece.ends and piece.lower != piece.upper:
            outward = -1 if theta[index[0]] == piece.lower else 1
            p[index] = gradient[index] if np.sign(gradient[index[0]]) == outward else 0
    pair = PrimalDual(theta[None], (p + theta / setting.delta)[None])
    small, whole = (float(_divergence(setting, pair, t)[0]) for t in (tau, 1.0))
    which = "(11)" if whole > 1e-12 * (1 + float(np.abs(pair.v).max())) else "(12)"
    stays = f"D({short(tau)}) = {short(0.0 if abs(small) < 1e-12 else small)} although D(1) = {short(whole)}"
    told = f"θ = {words(theta)}, v = {words(pair.v)}: L(θ) − L* = {short(float(setting.gap(theta)))}, "
    told += f"{stays}: (11) fails for every ρ > 0" if which == "(11)" else "D(1) = 0: (12) fails for every η > 0"
    return Witness(told, numbers(theta), None, numbers(pair.v), tau)


def _without_pl(setting: Setting, reason: str) -> Entry:
    """The smallest ½‖∇L‖²/(L − L*) along rays from the minimiser, within dom J."""
    rng = np.random.default_rng(2)
    rays = np.concatenate([np.eye(setting.loss.dimension), rng.normal(size=(_RAYS, setting.loss.dimension))])
    lengths = np.concatenate([[0], 10.0 ** np.arange(-3, 7)])[:, None, None]
    theta = np.clip((setting.center + lengths * rays).reshape(-1, setting.loss.dimension), *setting.bounds)
    theta = np.concatenate([np.clip(np.zeros((1, theta.shape[-1])), *setting.bounds), theta])
    gap = setting.gap(theta)
    ratio = np.where(gap > 0, (setting.loss.gradient(theta) ** 2).sum(-1) / 2 / np.where(gap > 0, gap, 1), np.inf)
    worst = int(ratio.argmin())
    if not ratio[worst] < 1e-4:
        return Entry(
            _KEY, Status.UNKNOWN, f"{reason}; the smallest ½‖∇L‖²/(L − L*) found is {short(float(ratio[worst]))}"
        )
    told = f"θ = {words(theta[worst])}: L(θ) − L* = {short(float(gap[worst]))}, "
    told += f"½‖∇L(θ)‖²/(L(θ) − L*) = {short(float(ratio[worst]))}"
    told += "" if ratio[worst] == 0 else ", and the quotient has no positive lower bound"
    pair = setting.net.pair(theta[worst][None], 0 * theta[worst][None])
    return Entry(_KEY, Status.FAILS, reason, (), Witness(told, numbers(theta[worst]), None, numbers(pair.v), 1.0))
