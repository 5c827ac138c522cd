"""An objective along a line is the objective, and counts what it costs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from mlbreg.solvers import multilevel_bpgd as ml
from mlbreg.solvers.armijo import Armijo, search
from mlbreg.solvers.coarse_model import CoarseModel
from mlbreg.solvers.lines import ImageLine, PlainLine, line
from mlbreg.solvers.multilevel_bpgd import MultilevelBPGD
from mlbreg.theory.imaging import phantom
from mlbreg.theory.imaging.catalogue import IMAGING_PROBLEMS
from mlbreg.theory.losses import Quadratic
from mlbreg.theory.operators import LinearOperator


@pytest.mark.parametrize("kind", IMAGING_PROBLEMS)
@pytest.mark.parametrize("tilted", [False, True])
def test_values_and_gradients_along_a_line_are_those_of_the_objective(kind: str, tilted: bool) -> None:
    problem = IMAGING_PROBLEMS[kind](phantom(16))
    rng = np.random.default_rng(0)
    y = problem.start * rng.uniform(0.5, 1.5, size=(3, problem.dimension))
    d = 0.1 * y * rng.normal(size=y.shape)
    model = CoarseModel(problem.loss, rng.normal(size=y.shape) if tilted else None)
    along, plain = line(model if tilted else problem.loss, y, d), PlainLine(model)
    assert isinstance(along, ImageLine)
    for alpha in (np.zeros(3), np.array([0.3, 1.0, 2.0])):
        point = y + alpha[:, None] * d
        np.testing.assert_allclose(along.value(alpha, point), plain.value(alpha, point), rtol=1e-12)
        np.testing.assert_allclose(along.gradient(alpha, point), plain.gradient(alpha, point), rtol=1e-9, atol=1e-10)


def test_a_loss_without_an_operator_is_asked_at_each_point() -> None:
    loss = Quadratic(np.array([1.0, 2.0]))
    along = line(loss, np.ones(2), np.ones(2))
    assert isinstance(along, PlainLine)
    assert along.value(np.array(1.0), np.array([2.0, 2.0])) == loss.value(np.array([2.0, 2.0]))


def test_a_search_multiplies_by_the_operator_twice_however_many_trials_it_takes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    problem = IMAGING_PROBLEMS["gaussian-deblurring"](phantom(16))
    gradient = problem.loss.gradient(problem.start)
    products = _counted(monkeypatch, problem.loss.operator)
    found = search(Armijo(first=2**20), problem.loss, problem.reference, problem.start, -gradient, gradient)
    assert found.accepted
    assert found.alpha < 2**10  # ten trials or more
    assert products == {"apply": 2, "adjoint": 0}
    assert found.evaluations == 2


@pytest.mark.parametrize("kind", ["gaussian-deblurring", "poisson-tomography"])
def test_the_work_of_a_cycle_is_its_products_on_the_finest_grid(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One gradient and two products before the correction, Aᵀ after it; half a unit each. The coarse level is counted apart."""
    problem = IMAGING_PROBLEMS[kind](phantom(32), coarsest=16)
    settings = MultilevelBPGD(3, dual_transfer=True)
    start = ml.run(problem, settings, problem.start, 0).state
    products = _counted(monkeypatch, problem.loss.operator)
    after, corrections = ml.cycle(ml.hierarchy(problem), settings, start)
    assert corrections[0].alpha > 0
    assert products == {"apply": 3, "adjoint": 2}
    coarse = 3 / 4  # the gradient at Ry is the first of three
    assert float(after.work) == pytest.approx((3 + 2) / 2 + coarse)


def _counted(monkeypatch: pytest.MonkeyPatch, operator: LinearOperator) -> dict[str, int]:
    counts = {"apply": 0, "adjoint": 0}
    for name in counts:
        original: Any = getattr(type(operator), name)

        def counting(self: Any, x: Any, name: str = name, original: Any = original) -> Any:
            counts[name] += self is operator
            return original(self, x)

        monkeypatch.setattr(type(operator), name, counting)
    return counts
