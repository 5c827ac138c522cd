"""Families for Bregman proximal gradient: problems with f smooth relative to φ, and points of the domain of φ.

A kind is a loss and a reference; its constants L and μ are exact (to rounding in floating point):

kind                          | f                                            | L, relative to φ       | μ     | exact
------------------------------|----------------------------------------------|------------------------|-------|---------
quadratic/euclidean           | ½ Σ hᵢ(xᵢ − cᵢ)²                             | max h                  | min h | yes
huber/euclidean               | Σ ρ(⟨aᵢ, x⟩ − bᵢ)                            | λ_max(AᵀA)             | 0     | yes
two_wells/euclidean           | two wells in each coordinate                 | 1                      | None  | yes
sine/euclidean                | Σ z² + 3 sin² z, z = sx − b                  | 8s²                    | None  | no
quartic/euclidean             | ¼ Σ w(x − c)⁴: there is no L                 | 1, which is wrong      | 0     | yes
linear/euclidean, …           | ⟨c, x⟩; with Burg c ≥ 0: the step exists     | 0                      | 0     | as φ
tilted/euclidean, …           | aφ + ⟨c, x⟩; with Burg c > 0: a minimiser    | a                      | a     | as φ
ridge/fermi_dirac             | ½‖Ax − b‖² + aφ + ⟨c, x⟩                     | a + ‖A‖²/4             | a     | no
least_squares/fermi_dirac     | ½‖Ax − b‖²                                   | ‖A‖²/4                 | 0     | no
kl/burg                       | Kullback–Leibler D(b, Ax)                    | maxⱼ Σ_{i: aᵢⱼ > 0} bᵢ | 0     | gradients
kl/shannon                    | D(b, Ax + β), β > 0                          | maxⱼ (Aᵀb)ⱼ/(4β)       | 0     | no
any_slope/burg, any_tilt/burg | the linear and tilted ones with any c        | 0, a                   | 0, a  | gradients
signed/burg, dark/burg        | kl/burg with entries < 0, with β < 0: no L   | as kl/burg, wrong      | 0     | gradients
linear/concave                | ⟨c, x⟩ and φ = −½‖x‖², which is no reference | 0                      | 0     | yes

"gradients": for claims that evaluate neither f nor φ (``gradients_only``). Step sizes are `families.step_sizes`: its unit
"1/𝖫" is 1/L here, and 1 where L = 0.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, final

import numpy as np
from hypothesis import strategies as hs
from hypothesis.strategies import DrawFn, SearchStrategy
from numpy.random import Generator

from ...theory import strategies
from ...theory.arrays import Array, exact
from ...theory.losses import Huber, Quadratic, Quartic, SineQuadratic, TwoWells
from ...theory.losses.kullback_leibler import KullbackLeibler
from ...theory.losses.operator_least_squares import OperatorLeastSquares
from ...theory.operators import MatrixOperator
from ...theory.references import Burg, Euclidean, FermiDirac, Reference, Shannon
from ...theory.relative_problem import RelativeProblem
from .base import Drawn, Family
from .relative_losses import RationalKullbackLeibler, ReferencePlusLinear
from .relative_references import ConcaveQuadratic, KinkedQuadratic

#: The references by the second part of a kind.
REFERENCES: Mapping[str, Reference] = {
    "euclidean": Euclidean(),
    "shannon": Shannon(),
    "fermi_dirac": FermiDirac(),
    "burg": Burg(),
    "kinked": KinkedQuadratic(),
    "concave": ConcaveQuadratic(),
}
_TRUE = ("euclidean", "shannon", "fermi_dirac", "burg", "kinked")

#: f = aφ + ⟨c, ·⟩ and its sum with least squares: μ > 0 relative to φ.
TILTED = tuple(f"tilted/{name}" for name in _TRUE)
LINEAR = tuple(f"linear/{name}" for name in _TRUE)
WITH_MINIMIZER = ("quadratic/euclidean", *TILTED)
CONVEX = (
    "quadratic/euclidean", "huber/euclidean", *LINEAR, *TILTED, "ridge/fermi_dirac", "least_squares/fermi_dirac",
    "kl/burg", "kl/shannon",
)  # fmt: skip
NONCONVEX = ("two_wells/euclidean", "sine/euclidean")
SMOOTH = (*CONVEX, *NONCONVEX)
KINDS = (*SMOOTH, "quartic/euclidean", "any_slope/burg", "any_tilt/burg", "signed/burg", "dark/burg", "linear/concave")

#: Kinds with exact f and φ, and those whose gradients alone are rational.
EXACT = tuple(
    kind
    for kind in KINDS
    if kind.endswith(("/euclidean", "/kinked", "/concave")) and kind != "sine/euclidean"
)  # fmt: skip
EXACT_GRADIENTS = (*EXACT, *(kind for kind in KINDS if kind.endswith("/burg")))


@final
@dataclass(frozen=True)
class RelativeProblems(Family):
    """f, φ, L and μ of one of the ``kinds``, with d ≤ ``max_dimension``."""

    kinds: tuple[str, ...] = SMOOTH
    max_dimension: int = 3
    gradients_only: bool = False
    is_simplest: bool = False
    batched = False

    def __post_init__(self) -> None:
        unknown = [kind for kind in self.kinds if kind not in KINDS]
        if unknown or not self.kinds:
            raise ValueError(f"kinds must be some of {list(KINDS)}, got {list(self.kinds)}")
        if self.max_dimension < 1:
            raise ValueError(f"max_dimension must be ≥ 1, got {self.max_dimension!r}")

    def sample(self, rng: Generator, count: int, drawn: Drawn) -> RelativeProblem:
        return _sampled(rng, str(rng.choice(list(self.kinds))), int(rng.integers(1, self.max_dimension + 1)))

    def simplified(self, level: int) -> RelativeProblems:
        """Level 0: d = 1 and the first kind that is exact; then d ≤ 1, 2, 3."""
        return replace(self, max_dimension=min(self.max_dimension, max(level, 1)), is_simplest=level == 0)

    def strategy(self, drawn: Drawn) -> SearchStrategy[RelativeProblem]:
        kinds = [kind for kind in self.kinds if kind in (EXACT_GRADIENTS if self.gradients_only else EXACT)]
        if not kinds:
            return hs.nothing()  # floating point alone is left
        return _problems(kinds[:1] if self.is_simplest else kinds, min(self.max_dimension, 3))


@final
@dataclass(frozen=True)
class RelativePoints(Family):
    """Points of int dom φ or, with ``closed``, of dom φ: then some entries are 0, or 1 in the box, where φ is finite there.

    The adversary moves log x or log(x/(1 − x)), within ±`_FARTHEST`: beyond it, cancellation in 1/x and in 1 − x is all that
    it would find.
    """

    closed: bool = False

    def sample(self, rng: Generator, count: int, drawn: Drawn) -> Array:
        problem: RelativeProblem = drawn["problem"]
        moved = rng.normal(size=(count, problem.dimension)) * 10 ** rng.uniform(-1.5, 0.6, size=(count, 1))
        reference = problem.reference
        if not isinstance(reference, Shannon | FermiDirac | Burg):
            return moved
        x = _from_line(reference, moved)
        if not self.closed or isinstance(reference, Burg):
            return x
        sides = rng.integers(0, 2, size=x.shape) if isinstance(reference, FermiDirac) else np.zeros(x.shape)
        return np.where(rng.random(x.shape) < 0.2, sides, x)

    def strategy(self, drawn: Drawn) -> SearchStrategy[Array]:
        problem: RelativeProblem = drawn["problem"]
        inside: SearchStrategy[Fraction]
        if not isinstance(problem.reference, Shannon | FermiDirac | Burg):
            return strategies.vectors(problem.dimension)
        inside = (
            hs.sampled_from([Fraction(n, m) for n, m in ((1, 2), (1, 4), (3, 4), (1, 3), (2, 3), (1, 10))])
            if isinstance(problem.reference, FermiDirac)
            else strategies.positive_rationals()
        )
        if self.closed and not isinstance(problem.reference, Burg):
            inside = hs.one_of(inside, hs.just(Fraction(0)))
        points: SearchStrategy[Array] = hs.lists(inside, min_size=problem.dimension, max_size=problem.dimension).map(
            lambda x: exact([x])
        )
        return points

    def coordinates(self, value: Array, drawn: Drawn) -> Array:
        return _to_line(drawn["problem"].reference, value)

    def with_coordinates(self, value: Array, coordinates: Array, drawn: Drawn) -> Array:
        reference = drawn["problem"].reference
        return np.where(_on_boundary(reference, value), value, _from_line(reference, coordinates))


_FARTHEST = 7.0
_FARTHEST_IN_BOX = 4.0  # 1 − x has fewer digits than x


def _on_boundary(reference: Reference, x: Array) -> Array:
    boundary = 0 * x != 0  # False everywhere
    if isinstance(reference, Shannon | FermiDirac | Burg):
        boundary = boundary | (x == 0)
    return boundary | (x == 1) if isinstance(reference, FermiDirac) else boundary


def _from_line(reference: Reference, t: Array) -> Array:
    """The point of int dom φ that belongs to t ∈ ℝᵈ."""
    near = t.clip(-_FARTHEST, _FARTHEST)
    if isinstance(reference, FermiDirac):
        return 1 / (1 + np.exp(-near.clip(-_FARTHEST_IN_BOX, _FARTHEST_IN_BOX)))
    return np.exp(near) if isinstance(reference, Shannon | Burg) else t


def _to_line(reference: Reference, x: Array) -> Array:
    inside = np.where(_on_boundary(reference, x), 0.5, x)
    if isinstance(reference, FermiDirac):
        return np.log(inside / (1 - inside))
    return np.log(inside) if isinstance(reference, Shannon | Burg) else x


def _scale(rng: Generator) -> float:
    return float(10 ** rng.uniform(-1, 1))


def _slope(rng: Generator, name: str, dimension: int, *, any_sign: bool) -> Array:
    # Of moderate size: a step of 30 in log(x/(1 − x)) would end at the last float before 1.
    slope = 2 * rng.normal(size=dimension)
    return slope if any_sign or name != "burg" else abs(slope) + 0.01


def _sampled(rng: Generator, kind: str, d: int) -> RelativeProblem:
    loss_name, name = kind.split("/")
    reference = REFERENCES[name]
    if loss_name in ("linear", "any_slope"):
        slope = _slope(rng, name, d, any_sign=loss_name == "any_slope")
        return RelativeProblem(ReferencePlusLinear(reference, 0.0, slope), reference, 0.0, d, 0.0)
    if loss_name in ("tilted", "any_tilt"):
        weight = _scale(rng)
        slope = weight * _slope(rng, name, d, any_sign=loss_name == "any_tilt")
        return RelativeProblem(ReferencePlusLinear(reference, weight, slope), reference, weight, d, weight)
    if name == "fermi_dirac":
        rows = int(rng.integers(1, d + 2))
        matrix = rng.normal(size=(rows, d)) * _scale(rng)
        noise = 0.3 * rng.normal(size=rows) * np.linalg.norm(matrix)
        squares = OperatorLeastSquares(MatrixOperator(matrix), matrix @ rng.random(d) + noise)
        smoothness = squares.relative_smoothness(reference)
        if loss_name == "least_squares":
            return RelativeProblem(squares, reference, smoothness, d, 0.0)
        weight = smoothness * _scale(rng)
        ridge = ReferencePlusLinear(reference, weight, rng.normal(size=d) * weight, squares)
        return RelativeProblem(ridge, reference, weight + smoothness, d, weight)
    if loss_name in ("kl", "signed", "dark"):
        return _poisson(rng, loss_name, reference, d)
    loss = _EUCLIDEAN[loss_name](rng, d)
    return RelativeProblem(loss, reference, 1.0 if loss_name == "quartic" else loss.lipschitz, d, loss.strong_convexity)


_EUCLIDEAN: Mapping[str, Callable[[Generator, int], Any]] = {
    "quadratic": lambda rng, d: Quadratic(
        (np.abs(rng.normal(size=d)) + 0.01) * _scale(rng) if rng.random() < 0.7 else np.full(d, _scale(rng)),
        rng.normal(size=d) * _scale(rng),
    ),
    "huber": lambda rng, d: Huber(
        np.concatenate([np.eye(d), rng.normal(size=(1, d))]) * _scale(rng), rng.normal(size=d + 1), 0.3 * _scale(rng)
    ),
    "two_wells": lambda rng, d: TwoWells(rng.normal(size=d)),
    "sine": lambda rng, d: SineQuadratic(np.eye(d) * _scale(rng), rng.normal(size=d)),
    "quartic": lambda rng, d: Quartic(np.abs(rng.normal(size=d)) + 0.1, rng.normal(size=d)),
}


def _poisson(rng: Generator, name: str, reference: Reference, d: int) -> RelativeProblem:
    rows = int(rng.integers(1, d + 3))
    matrix = rng.uniform(0.1, 2, size=(rows, d)) * (rng.random((rows, d)) < 0.7)
    matrix[np.arange(rows), rng.integers(0, d, size=rows)] = _scale(rng)  # no zero row
    data = rng.gamma(1.0, 2.0, size=rows) * (rng.random(rows) < 0.9)
    if name == "kl":
        background = _scale(rng) if isinstance(reference, Shannon) else 0.0
        loss = KullbackLeibler(MatrixOperator(matrix), data, background=background)
        return RelativeProblem(loss, reference, loss.relative_smoothness(reference), d, 0.0)
    signs = np.where(rng.random(matrix.shape) < 0.3, -1, 1) if name == "signed" else 1
    outside = RationalKullbackLeibler(matrix * signs, data, -0.1 * _scale(rng) if name == "dark" else 0.0)
    return RelativeProblem(outside, reference, outside.burg_constant, d, 0.0)


@hs.composite
def _problems(draw: DrawFn, kinds: Collection[str], max_dimension: int) -> RelativeProblem:
    kind = draw(hs.sampled_from(list(kinds)))
    loss_name, name = kind.split("/")
    reference, d = REFERENCES[name], draw(hs.integers(1, max_dimension))

    def vector(entries: SearchStrategy[Fraction], count: int) -> Array:
        return exact([draw(entries) for _ in range(count)])

    positive, zero = strategies.positive_rationals(3), Fraction(0)
    if loss_name in ("linear", "tilted", "any_slope", "any_tilt"):
        weight = draw(positive) if loss_name.endswith(("tilted", "tilt")) else zero
        limited = name == "burg" and not loss_name.startswith("any")
        slope = vector(positive if limited else strategies.rationals(3), d)
        return RelativeProblem(ReferencePlusLinear(reference, weight, slope), reference, weight, d, weight)
    if loss_name in ("kl", "signed", "dark"):
        rows = draw(hs.integers(1, 2))
        entries = [Fraction(1), Fraction(2), zero, *([Fraction(-1)] if loss_name == "signed" else [])]
        matrix = np.stack([vector(hs.sampled_from(entries), d) for _ in range(rows)])
        matrix[(matrix == 0).all(axis=1), 0] = Fraction(1)  # no zero row
        background = -draw(positive) / 4 if loss_name == "dark" else zero
        poisson = RationalKullbackLeibler(matrix, vector(positive, rows), background)
        return RelativeProblem(poisson, reference, poisson.burg_constant, d, zero)
    loss: Any
    if loss_name == "quadratic":
        curvature = hs.sampled_from([Fraction(1), Fraction(2), Fraction(1, 2), Fraction(3), Fraction(1, 10)])
        loss = Quadratic(vector(curvature, d), vector(strategies.rationals(3), d))
    elif loss_name == "huber":
        loss = Huber(exact(np.eye(d, dtype=int)), vector(strategies.rationals(3), d), draw(positive))
    elif loss_name == "two_wells":
        loss = TwoWells(vector(strategies.rationals(3), d))
    else:
        loss = Quartic(vector(positive, d), vector(strategies.rationals(3), d))
    smoothness = Fraction(1) if loss_name == "quartic" else loss.lipschitz
    return RelativeProblem(loss, reference, smoothness, d, loss.strong_convexity)
