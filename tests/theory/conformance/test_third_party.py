"""Regularizers, losses and references of one's own, written outside the package, are checked in one line of pytest."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from mlbreg.theory.arrays import check_number, is_exact, largest, namespace, positive_part, scalar, sqrt, total
from mlbreg.theory.conformance import Check, check_loss, check_regularizer, parametrize_with_checks
from mlbreg.theory.groups import Groups
from mlbreg.theory.losses import Loss
from mlbreg.theory.references import Reference
from mlbreg.theory.regularizers import Regularizer, Zero


@dataclass(frozen=True)
class MyNorm(Regularizer):
    """J(θ) = λ max |θᵢ|: couples all coordinates, and its subdifferential is a face of an ℓ1 ball."""

    lam: float

    def value(self, theta):
        return scalar(self.lam, theta) * largest(theta)

    def prox(self, z, step):
        check_number("step", step, above=0)
        return clip(z, self._level(abs(z), scalar(step, z) * scalar(self.lam, z)))

    @staticmethod
    def _level(size, radius):
        """τ ≥ 0 with Σ max(sizeᵢ − τ, 0) = radius, and 0 where Σ sizeᵢ ≤ radius; shape (..., 1)."""
        xp = namespace(size)
        # τ is the largest of the k candidates (the sum of the k largest sizes − radius)/k.
        order = -xp.sort(-size, axis=-1)
        sums = xp.stack([total(order[..., :k]) for k in range(1, size.shape[-1] + 1)], axis=-1)
        counts = xp.stack([0 * sums[..., 0] + k for k in range(1, size.shape[-1] + 1)], axis=-1)
        return xp.max(positive_part((sums - radius) / counts), axis=-1, keepdims=True)

    def conjugate(self, p):
        xp, size = namespace(p), total(abs(p))
        slack = 0 if is_exact(p) else (1e-9 if p.dtype in (np.float64, getattr(xp, "float64", None)) else 1e-4)
        return xp.where(size <= scalar(self.lam, p) * (1 + slack), 0 * size, 0 * size + float("inf"))

    def project_subdifferential(self, theta, p):
        xp = namespace(theta, p)
        theta, p = theta + 0 * p, p + 0 * theta
        lam, extent = scalar(self.lam, theta), largest(theta)[..., None] + 0 * theta
        ball = p - clip(p, self._level(abs(p), lam))
        # On the face p = sign(θ)·q with q ≥ 0, Σq = λ: a shift by −τ that may be of either sign.
        lead = abs(theta) == extent
        low = xp.min(xp.where(lead, p * xp.sign(theta), abs(p)), axis=-1, keepdims=True) - lam
        q = xp.where(lead, p * xp.sign(theta) - low, 0 * p)
        face = xp.sign(theta) * positive_part(q - self._level(q, lam)) * xp.where(lead, 0 * p + 1, 0 * p)
        return xp.where(extent == 0, ball, face)

    def in_domain(self, theta):
        return total(0 * theta) == 0

    def separable_groups(self, dimension):
        return Groups.whole(dimension)

    def restrict(self, restriction):
        if 0 < restriction.coarse_dimension < restriction.dimension:
            raise ValueError(f"restriction splits the only group, got {restriction.indices.tolist()}")
        return self if restriction.coarse_dimension else Zero()


def clip(z, level):
    xp = namespace(z)
    return xp.where(abs(z) > level, xp.sign(z) * level, z)


class MyWrongNorm(MyNorm):
    """Its prox projects onto a Euclidean ball, where the ℓ1 ball belongs."""

    def prox(self, z, step):
        size = sqrt(total(z * z))[..., None]
        return z * positive_part(1 - step * self.lam / np.where(size > 0, size, 1))


class MyHalf(Loss):
    """L(θ) = ½‖θ‖² with the constants of a beginner."""

    dimension, infimum, lipschitz, strong_convexity, pl_constant = 3, 0.0, 1.0, 1.0, 2.0

    def value(self, theta):
        return total(theta * theta) / 2

    def gradient(self, theta):
        return theta + 0

    def minimizer(self):
        return np.zeros(3)


class MyPower(Reference):
    """φ(x) = ¼Σx⁴, with φ*(p) = ¾Σ|p|^(4/3)."""

    def value(self, x):
        return total(x**4) / 4

    def gradient(self, x):
        return x**3

    def conjugate(self, p):
        return 0.75 * total(abs(p) ** (4 / 3))

    def conjugate_gradient(self, p):
        return np.cbrt(p)

    def in_domain(self, x):
        return total(0 * x) == 0

    def divergence(self, x, y):
        return total((x - y) ** 2 * (x**2 + 2 * x * y + 3 * y**2)) / 4


@parametrize_with_checks([MyNorm(lam=0.1), MyNorm(lam=2.0)])
def test_my_norm(check: Check) -> None:
    check()


@parametrize_with_checks([MyNorm(lam=0.5)], dimension=1, seed=3)
def test_my_norm_of_one_coordinate(check: Check) -> None:
    check()


#: It knows NumPy floats only, underflows, and φ″ = 0 at the points of the checks that have a zero.
WITHOUT = [
    "torch_agrees_with_numpy",
    "fractions_agree_with_floats",
    "extreme_duals_lead_into_the_interior",
    "divergence_is_positive_and_zero_only_on_the_diagonal",
]


@parametrize_with_checks([MyPower()], without=WITHOUT)
def test_my_power_serves_moderate_numpy_floats(check: Check) -> None:
    check()


def test_a_wrong_prox_is_found_with_a_witness_and_a_sentence() -> None:
    report = check_regularizer(MyWrongNorm(lam=0.5))
    failure = report["prox_minimises_its_objective"]
    assert not failure.passed
    assert failure.worst < -1e-3
    assert set(failure.witness) == {"z", "prox", "u", "t"}
    z, prox, u, t = (failure.witness[name] for name in ("z", "prox", "u", "t"))
    J = MyNorm(lam=0.5)
    assert 0.5 * sum((u - z) ** 2) + t * J.value(u) < 0.5 * sum((prox - z) ** 2) + t * J.value(prox) + 0.5 * sum(
        (u - prox) ** 2
    )
    assert "is violated" in str(failure)
    assert report["moreau_decomposition_holds_by_the_values_of_the_conjugate"] in report.failures


def test_what_a_subclass_leaves_right_stays_right() -> None:
    report = check_regularizer(MyWrongNorm(lam=0.5))
    assert report["subgradients_satisfy_their_inequality"].passed
    assert report["conjugate_bounds_the_pairing"].passed


def test_a_beginners_constant_is_found() -> None:
    report = check_loss(MyHalf())
    assert {result.name for result in report.failures} == {"constants_fit_together", "pl_inequality_holds"}
