"""The three oracles of v ∈ ∂J_δ(θ) are independent, and must agree (see `mlbreg.theory.elastic_net`)."""

from __future__ import annotations

import numpy as np

from ..arrays import Array
from ..elastic_net import ElasticNet, PrimalDual
from .findings import Findings
from .regularizer_case import RegularizerCase

_MEMBER = 1e-8
_ORACLES = ("fixed point of the prox", "Fenchel–Young gap", "explicit subdifferential")


def _scores(case: RegularizerCase, net: ElasticNet, pair: PrimalDual) -> Array:
    """How far each oracle is from "member", relative to its terms: shape (3, n)."""
    theta, v = (np.asarray(part, dtype=np.float64) for part in pair)
    delta = float(net.delta)

    def size(x: Array) -> Array:
        return np.max(np.abs(x), axis=-1)

    fixed = net.fixed_point_residual(pair) / _positive(size(theta) + delta * size(v))
    p = net.p(pair)
    conjugate = np.asarray(case.regularizer.conjugate(p), dtype=np.float64)
    # p = v − θ/δ is rounded; where J* is steep, this alone moves the gap.
    noise = np.zeros_like(conjugate)
    rounding = 2e-15 * (size(v) + size(theta) / delta)[:, None]
    for sign in case.rng(40).choice([-1.0, 1.0], size=(4, case.dimension)):
        moved = np.asarray(case.regularizer.conjugate(p + rounding * sign), dtype=np.float64)
        both = np.isfinite(moved) & np.isfinite(conjugate)
        noise = np.maximum(noise, np.abs(np.where(both, moved, 0) - np.where(both, conjugate, 0)))
    finite = np.where(np.isfinite(conjugate), np.abs(conjugate), 0)
    value = np.abs(case.value(theta))
    terms = np.where(np.isfinite(value), value, 0) + finite + np.sum(np.abs(v * theta) + np.abs(p * theta), axis=-1)
    gap = np.maximum(np.abs(net.fenchel_young_gap(pair)) - noise, 0) / _positive(terms)
    explicit = net.subgradient_residual(pair) / _positive(size(v) + size(theta) / delta)
    return np.stack([fixed, gap, explicit])


def _positive(x: Array) -> Array:
    return np.where(x > 0, x, 1.0)


def _expect_members(case: RegularizerCase, findings: Findings, net: ElasticNet, pair: PrimalDual, origin: str) -> None:
    for oracle, score in zip(_ORACLES, _scores(case, net, pair), strict=True):
        statement = f"v ∈ ∂J_δ(θ) by the {oracle}, for a pair from {origin}"
        findings.expect(-score, statement, tolerance=_MEMBER, theta=pair.theta, v=pair.v, delta=float(net.delta))


def oracles_accept_pairs_of_the_mirror_map(case: RegularizerCase, findings: Findings) -> None:
    """(prox_{δJ}(δv), v) is a pair by all three oracles, for δ from 1e-12 to 1e12."""
    for delta in (1e-12, 0.3 / case.slope, 1.0, 3.7 / case.slope, 1e12):  # not powers of two: p = v − θ/δ is rounded
        net = ElasticNet(case.regularizer, delta)
        v = case.duals
        _expect_members(case, findings, net, PrimalDual(net.mirror_map(v.copy()), v), "the mirror map")


def oracles_accept_pairs_of_the_subdifferential(case: RegularizerCase, findings: Findings) -> None:
    """(θ, p̄ + θ/δ) with p̄ from project_subdifferential is a pair by all three oracles."""
    theta = case.inside
    for delta in (0.3 / case.slope, 3.7 / case.slope):
        net = ElasticNet(case.regularizer, delta)
        q = case.duals[case.rng(41).integers(0, len(case.duals), size=len(theta))]
        _expect_members(case, findings, net, net.pair(theta.copy(), q), "the subdifferential")


def oracles_reject_the_same_strangers(case: RegularizerCase, findings: Findings) -> None:
    """Where one oracle clearly says that v is not in ∂J_δ(θ), no other says that it is."""
    rng = case.rng(42)
    for delta in (0.3 / case.slope, 3.7 / case.slope):
        net = ElasticNet(case.regularizer, delta)
        v = case.duals
        theta = np.asarray(net.mirror_map(v.copy()), dtype=np.float64)
        pushed = v + 0.3 * case.slope * rng.standard_normal(v.shape)
        shuffled = v[rng.permutation(len(v))]
        pairs = [PrimalDual(theta, other) for other in (pushed, shuffled, -v)]
        for strangers in (*pairs, PrimalDual(0 * theta + case.centre, v)):
            scores = _scores(case, net, strangers)
            out, accepted = scores > 1e-2, scores < 1e-7
            for oracle, says_yes in zip(_ORACLES, accepted, strict=True):
                conflict = says_yes & out.any(axis=0)
                statement = f"the {oracle} rejects what another oracle clearly rejects"
                findings.require(~conflict, statement, theta=strangers.theta, v=strangers.v, delta=delta)


MEMBERSHIP_LAWS = (
    oracles_accept_pairs_of_the_mirror_map,
    oracles_accept_pairs_of_the_subdifferential,
    oracles_reject_the_same_strangers,
)
