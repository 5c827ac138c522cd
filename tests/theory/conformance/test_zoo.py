"""Everything that the package ships conforms, at other dimensions and with other random points, too."""

from __future__ import annotations

import math
from fractions import Fraction
from time import perf_counter

import numpy as np
import pytest
from mlbreg.theory.arrays import exact
from mlbreg.theory.coarse import CoarseLoss
from mlbreg.theory.conformance import check_loss, check_reference, check_regularizer, checks_of
from mlbreg.theory.groups import Groups, Restriction
from mlbreg.theory.losses import (
    FiniteSum,
    Huber,
    LeastSquares,
    LogCosh,
    Logistic,
    Loss,
    MatrixFactorization,
    Quadratic,
    Quartic,
    SineQuadratic,
    TwoWells,
)
from mlbreg.theory.references import Burg, Euclidean, FermiDirac, Reference, Shannon
from mlbreg.theory.regularizers import L1, Box, GroupL2, Mixture, NonNegative, Nuclear, Regularizer, WeightedL1, Zero

INFINITY = math.inf
REGULARIZERS: dict[str, Regularizer] = {
    "zero": Zero(),
    "l1": L1(0.1),
    "l1 with a Fraction": L1(Fraction(1, 3)),
    "l1 tiny": L1(1e-6),
    "l1 huge": L1(1e6),
    "l1 with λ = 0": L1(0),
    "weighted l1": WeightedL1([0.1, 0, 2, 1]),
    "unit box": Box(0, 1),
    "box with mixed bounds": Box([-1, 0, -INFINITY, 2], [1, 0, 3, INFINITY]),
    "nonnegative": NonNegative(),
    "thin box": Box(-1e-3, 1e-3),
    "box without 0": Box(5, 6),
    "group l2": GroupL2(0.1, Groups.of_sizes([1, 4, 2])),
    "group l2 with an empty group": GroupL2(0.7, Groups.of_sizes([1, 0, 4])),
    "group l2 with weights": GroupL2(0.5, Groups.columns((2, 3)), [1, 0.5, 0]),
    "group l2 of kernels": GroupL2(0.2, Groups.kernels((2, 1, 2, 2))),
    "l2": GroupL2(2.0, Groups.whole(4)),
    "nuclear": Nuclear(0.3, (2, 3)),
    "nuclear of a row": Nuclear(0.3, (1, 3)),
    "nuclear of a square": Nuclear(1.0, (2, 2)),
    "mixture": Mixture(
        Groups.of([[0, 3, 4], [1], [2, 5]], 6), [GroupL2(0.3, Groups.of_sizes([1, 2])), L1(0.2), NonNegative()]
    ),
    "mixture with a matrix": Mixture(
        Groups.of([[0, 2, 4, 5], [1], [3, 6]], 7), [Nuclear(0.3, (2, 2)), Zero(), Box(-1, 2)]
    ),
    "mixture of mixtures": Mixture(
        Groups.of_sizes([3, 2]), [Mixture(Groups.of([[0, 2], [1]], 3), [L1(0.4), Zero()]), WeightedL1([1, 2])]
    ),
}

_rng = np.random.default_rng(5)
TALL, TALL_TARGET = _rng.normal(size=(6, 4)), _rng.normal(size=6)
WIDE, WIDE_TARGET = _rng.normal(size=(3, 5)), _rng.normal(size=3)
SOME = Restriction(Groups.singletons(4), (0, 2))
LOSSES: dict[str, Loss] = {
    "quadratic": Quadratic([1.0, 2.0, 0.0, 4.0]),
    "exact quadratic": Quadratic(exact([1, 2, Fraction(1, 3)]), exact([1, 0, -2])),
    "constant": Quadratic([0.0, 0.0]),
    "least squares": LeastSquares(TALL, TALL_TARGET),
    "underdetermined least squares": LeastSquares(WIDE, WIDE_TARGET),
    "finite sum": FiniteSum.least_squares(TALL, TALL_TARGET),
    "finite sum of separate losses": FiniteSum([Quadratic([1.0, 2.0]), Quartic([1.0, 1.0], [1.0, 0.0])]),
    "ridge logistic": Logistic(TALL, np.sign(TALL_TARGET), ridge=0.1),
    "logistic": Logistic(TALL, np.sign(TALL_TARGET)),
    "separable logistic": Logistic(WIDE, np.sign(WIDE_TARGET)),
    "huber": Huber(TALL, TALL_TARGET, 0.5),
    "exact huber": Huber(exact([[1, 2], [3, 1], [0, 1]]), exact([1, 2, 3]), Fraction(1, 2)),
    "log cosh": LogCosh(TALL, TALL_TARGET),
    "sine quadratic": SineQuadratic.of_coordinates(3),
    "sine quadratic of a matrix": SineQuadratic(WIDE, WIDE_TARGET),
    "quartic": Quartic([1.0, 2.0, 0.5]),
    "two wells": TwoWells([1.0, -2.0, 0.0]),
    "exact two wells": TwoWells(exact([1, -2])),
    "matrix factorization": MatrixFactorization(_rng.normal(size=(2, 3)), 1),
}
REFERENCES: dict[str, Reference] = {
    "euclidean": Euclidean(),
    "shannon": Shannon(),
    "fermi-dirac": FermiDirac(),
    "burg": Burg(),
}


@pytest.mark.parametrize("name", REGULARIZERS)
def test_every_regularizer_conforms(name: str) -> None:
    check_regularizer(REGULARIZERS[name]).raise_for_failures()


@pytest.mark.parametrize("dimension", [1, 2, 12])
@pytest.mark.parametrize("name", ["zero", "l1", "unit box", "nonnegative"])
def test_a_regularizer_of_any_dimension_conforms_in_each(name: str, dimension: int) -> None:
    check_regularizer(REGULARIZERS[name], dimension=dimension).raise_for_failures()


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("name", ["l1", "box with mixed bounds", "group l2", "nuclear", "mixture"])
def test_the_verdict_does_not_hang_on_the_random_points(name: str, seed: int) -> None:
    check_regularizer(REGULARIZERS[name], seed=seed).raise_for_failures()


@pytest.mark.parametrize("name", LOSSES)
def test_every_loss_conforms(name: str) -> None:
    check_loss(LOSSES[name]).raise_for_failures()


@pytest.mark.parametrize("fine", ["least squares", "ridge logistic"])
def test_a_coarse_loss_conforms_except_that_its_infimum_is_only_a_lower_bound(fine: str) -> None:
    lower = CoarseLoss(LOSSES[fine], SOME, TALL[0])
    check_loss(lower, without=["minimizer_attains_the_infimum"]).raise_for_failures()
    assert not check_loss(lower)["minimizer_attains_the_infimum"].passed


@pytest.mark.parametrize("dimension", [None, 1, 3])
@pytest.mark.parametrize("name", REFERENCES)
def test_every_reference_conforms(name: str, dimension: int | None) -> None:
    check_reference(REFERENCES[name], dimension=dimension).raise_for_failures()


def test_a_report_takes_less_than_a_second() -> None:
    check_regularizer(Zero())  # imports torch where there is one
    started = perf_counter()
    for _ in range(2):
        check_regularizer(REGULARIZERS["mixture with a matrix"])
    assert (perf_counter() - started) / 2 < 3, "0.3 s where this was written; the rest is for a busy machine"


def test_the_report_says_how_tight_the_constants_of_a_loss_are() -> None:
    by_name = {check.name: check.result().message for check in checks_of(LOSSES["sine quadratic"])}
    assert "the largest rate found is 1.000 ℓ" in by_name["gradient_is_lipschitz"]
    assert "the least ratio found is 1.0" in by_name["pl_inequality_holds"]
