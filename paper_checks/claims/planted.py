"""The bugs that are planted to see whether the checks notice: the ones that implementations of these methods really have."""

from __future__ import annotations

from typing import Any

from ...solvers import linbreg
from ...theory import coarse, divergences
from ...theory.arrays import column, namespace, positive_part, scalar
from ...theory.elastic_net import ElasticNet, PrimalDual
from ...theory.groups import Restriction
from ...theory.regularizers import L1
from ..claim_record import Mutant


def _threshold_by_delta_lambda(self: L1, z: Any, step: Any) -> Any:
    t = scalar(step, z)
    return namespace(z).sign(z) * positive_part(abs(z) - t * t * scalar(self.lam, z))


def _prox_of_v(self: ElasticNet, v: Any) -> Any:
    return self.regularizer.prox(v, self.delta)


def _forgetful_prolongation(restriction: Restriction, inner: PrimalDual, outer: PrimalDual) -> PrimalDual:
    return PrimalDual(restriction.embed(inner.theta, outer.theta), restriction.prolong(inner.v))


def _prolongation_without_frozen_theta(restriction: Restriction, inner: PrimalDual, outer: PrimalDual) -> PrimalDual:
    return PrimalDual(restriction.prolong(inner.theta), restriction.embed(inner.v, outer.v))


def _restriction_of_theta_only(restriction: Restriction, pair: PrimalDual) -> PrimalDual:
    theta = restriction.restrict(pair.theta)
    return PrimalDual(theta, 0 * theta)


def _split_pair(restriction: Restriction, pair: PrimalDual) -> PrimalDual:
    """The selection shifted by one coordinate: it cuts through groups."""
    indices = (restriction.indices + 1) % restriction.dimension
    return PrimalDual(pair.theta[..., indices], pair.v[..., indices])


def _negative_symmetric(p_tilde: Any, p: Any, theta_tilde: Any, theta: Any) -> Any:
    return ((p - p_tilde) * (theta_tilde - theta)).sum(axis=-1)


def _ascent(net: ElasticNet, pair: PrimalDual, gradient: Any, tau: Any) -> PrimalDual:
    v = pair.v + column(tau) * gradient
    return PrimalDual(net.mirror_map(v), v)


def _double_step(net: ElasticNet, pair: PrimalDual, gradient: Any, tau: Any) -> PrimalDual:
    v = pair.v - 2 * column(tau) * gradient
    return PrimalDual(net.mirror_map(v), v)


def _half_step(net: ElasticNet, pair: PrimalDual, gradient: Any, tau: Any) -> PrimalDual:
    v = pair.v - column(tau) * gradient / 2
    return PrimalDual(net.mirror_map(v), v)


def _primal_step(net: ElasticNet, pair: PrimalDual, gradient: Any, tau: Any) -> PrimalDual:
    """Proximal gradient: the dual variable is made anew from θ."""
    v = pair.theta / scalar(net.delta, pair.theta) - column(tau) * gradient
    return PrimalDual(net.mirror_map(v), v)


DELTA_LAMBDA = Mutant("soft threshold δλ instead of λ", patch=(L1, "prox", _threshold_by_delta_lambda))
PROX_OF_V = Mutant("prox applied to v instead of δv", patch=(ElasticNet, "mirror_map", _prox_of_v))
FORGETFUL_PROLONGATION = Mutant(
    "prolongation forgets the frozen dual variable", patch=(coarse, "prolong_pair", _forgetful_prolongation)
)
NO_FROZEN_THETA = Mutant(
    "prolongation sets the frozen θ to zero", patch=(coarse, "prolong_pair", _prolongation_without_frozen_theta)
)
DUAL_NOT_RESTRICTED = Mutant("restriction drops v", patch=(coarse, "restrict_pair", _restriction_of_theta_only))
SPLIT_GROUP = Mutant(
    "restriction shifted by one coordinate splits groups", patch=(coarse, "restrict_pair", _split_pair)
)
NEGATIVE_SYMMETRIC = Mutant("D^sym with a wrong sign", patch=(divergences, "symmetric", _negative_symmetric))
ASCENT = Mutant("v⁺ = v + τg", patch=(linbreg, "step", _ascent))
DOUBLE_STEP = Mutant("step of 2τ", patch=(linbreg, "step", _double_step))
HALF_STEP = Mutant("step of τ/2", patch=(linbreg, "step", _half_step))
PRIMAL_STEP = Mutant("the dual variable is made anew from θ", patch=(linbreg, "step", _primal_step))
