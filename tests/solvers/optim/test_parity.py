"""The torch optimizers and their NumPy references side by side, step by step, in float64.

The network is three parameters of different shapes with a joint loss, each with its own regularizer; the reference sees
one vector and a mixture. Gradients come from the NumPy loss, at the iterate of the one who asks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from mlbreg.solvers import adabreg, linbreg, momentum, multilevel, proxgd  # noqa: E402
from mlbreg.solvers.criteria import Always, Criterion, EveryKth, GradientTest, Magma, Never, epoch_wise  # noqa: E402
from mlbreg.solvers.multilevel import Multilevel  # noqa: E402
from mlbreg.solvers.optim.adabreg import AdaBreg  # noqa: E402
from mlbreg.solvers.optim.linbreg import LinBreg  # noqa: E402
from mlbreg.solvers.optim.multilevel import MultilevelAdaBreg, MultilevelLinBreg  # noqa: E402
from mlbreg.solvers.optim.proxsgd import ProxSGD  # noqa: E402
from mlbreg.solvers.optim.regularizers import L1, GroupL2, Nuclear, ParameterRegularizer, Zero  # noqa: E402
from mlbreg.theory import regularizers as theory  # noqa: E402
from mlbreg.theory.elastic_net import PrimalDual  # noqa: E402
from mlbreg.theory.groups import Groups  # noqa: E402
from mlbreg.theory.losses import LeastSquares  # noqa: E402
from mlbreg.theory.problems import Problem  # noqa: E402

pytestmark = pytest.mark.torch

SHAPES = ((4, 3), (2, 3, 2), (5,))
SIZES = [int(np.prod(shape)) for shape in SHAPES]
DIMENSION = sum(SIZES)
MIXTURES: dict[str, tuple[ParameterRegularizer, ...]] = {
    "l1": (L1(0.05), L1(0.1), Zero()),
    "groups": (GroupL2(0.05, "rows"), GroupL2(0.05, "kernels"), L1(0.02)),
    "columns-heads": (GroupL2(0.04, "columns"), GroupL2(0.03, "heads:2"), GroupL2(0.1, "whole")),
    "low-rank": (Nuclear(0.05), GroupL2(0.05, "channels"), L1(0.1)),
    "zero": (Zero(), Zero(), Zero()),
}
STEPS = 200
CLOSE = {"rtol": 1e-12, "atol": 1e-12}


class SideBySide:
    """A random problem, its start, and the torch parameters that stand for the same vector."""

    def __init__(self, kind: str, seed: int = 0, delta: float = 1.3) -> None:
        rng = np.random.default_rng(seed)
        matrix = rng.normal(size=(DIMENSION + 2, DIMENSION)) / np.sqrt(DIMENSION)
        sparse = rng.normal(size=DIMENSION) * (rng.random(DIMENSION) < 0.4)
        self.parts = MIXTURES[kind]
        blocks = Groups.of_sizes(SIZES)
        mixture = theory.Mixture(blocks, [J.theory(shape) for J, shape in zip(self.parts, SHAPES, strict=True)])
        loss = LeastSquares(matrix, matrix @ sparse)
        self.problem = Problem(loss, mixture, delta, mixture.separable_groups(DIMENSION))
        theta = mixture.prox(rng.normal(size=DIMENSION), 2.0)
        self.start = linbreg.init(self.problem.elastic_net, theta)
        self.parameters = [torch.nn.Parameter(torch.tensor(part)) for part in self.split(theta)]
        self.tau = 0.8 / float(self.problem.relative_smoothness)

    def split(self, x: np.ndarray) -> Iterator[np.ndarray]:
        for part, shape in zip(np.split(x, np.cumsum(SIZES)[:-1]), SHAPES, strict=True):
            yield part.reshape(shape)

    def groups(self) -> list[dict[str, Any]]:
        return [{"params": [p], "regularizer": J} for p, J in zip(self.parameters, self.parts, strict=True)]

    @property
    def theta(self) -> np.ndarray:
        return np.concatenate([p.detach().numpy().reshape(-1) for p in self.parameters])

    def joined(self, optimizer: torch.optim.Optimizer, name: str) -> np.ndarray:
        return np.concatenate([optimizer.state[p][name].numpy().reshape(-1) for p in self.parameters])

    def step(self, optimizer: torch.optim.Optimizer, maximize: bool = False) -> None:
        gradient = self.problem.loss.gradient(self.theta) * (-1 if maximize else 1)
        for p, part in zip(self.parameters, self.split(gradient), strict=True):
            p.grad = torch.tensor(part)
        optimizer.step()


@pytest.mark.parametrize("foreach", [False, True])
@pytest.mark.parametrize("kind", MIXTURES)
@pytest.mark.parametrize("beta", [0.0, 0.9])
def test_linbreg(kind: str, beta: float, foreach: bool) -> None:
    both = SideBySide(kind)
    delta = both.problem.delta
    optimizer = LinBreg(both.groups(), lr=both.tau, delta=delta, momentum=beta, foreach=foreach)
    state = momentum.init(both.start)
    for _ in range(STEPS):
        both.step(optimizer)
        state = momentum.step(both.problem.elastic_net, state, both.problem.loss.gradient(state.theta), both.tau, beta)
        np.testing.assert_allclose(both.theta, state.theta, **CLOSE)
        np.testing.assert_allclose(both.joined(optimizer, "dual"), state.v, **CLOSE)


@pytest.mark.parametrize("foreach", [False, True])
@pytest.mark.parametrize("kind", MIXTURES)
def test_adabreg(kind: str, foreach: bool) -> None:
    both = SideBySide(kind)
    optimizer = AdaBreg(both.groups(), lr=0.01, delta=both.problem.delta, betas=(0.8, 0.99), eps=1e-6, foreach=foreach)
    state = adabreg.init(both.start)
    for _ in range(STEPS):
        both.step(optimizer)
        gradient = both.problem.loss.gradient(state.theta)
        state = adabreg.step(both.problem.elastic_net, state, gradient, 0.01, 0.8, 0.99, 1e-6)
        np.testing.assert_allclose(both.theta, state.theta, **CLOSE)
        np.testing.assert_allclose(both.joined(optimizer, "dual"), state.v, **CLOSE)


@pytest.mark.parametrize("foreach", [False, True])
@pytest.mark.parametrize("kind", MIXTURES)
def test_proxsgd(kind: str, foreach: bool) -> None:
    both = SideBySide(kind)
    optimizer = ProxSGD(both.groups(), lr=both.tau, foreach=foreach)
    theta = both.start.theta
    for _ in range(STEPS):
        both.step(optimizer)
        theta = proxgd.step(both.problem.regularizer, theta, both.problem.loss.gradient(theta), both.tau)
        np.testing.assert_allclose(both.theta, theta, **CLOSE)


def test_weight_decay_maximize_and_schedules_are_those_of_the_reference_on_the_changed_gradient() -> None:
    both = SideBySide("groups")
    optimizer = LinBreg(both.groups(), lr=both.tau, delta=both.problem.delta, weight_decay=0.1, maximize=True)
    scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.99)
    pair = both.start
    for k in range(STEPS):
        both.step(optimizer, maximize=True)
        scheduler.step()
        gradient = both.problem.loss.gradient(pair.theta) + 0.1 * pair.theta
        pair = linbreg.step(both.problem.elastic_net, pair, gradient, both.tau * 0.99**k)
        np.testing.assert_allclose(both.theta, pair.theta, **CLOSE)


CRITERIA: dict[str, tuple[Criterion, int]] = {
    "always": (Always(), 4),
    "never": (Never(), 4),
    "every third": (EveryKth(3), 4),
    "epoch-wise": (*epoch_wise(5, 2),),
    "gradient test": (GradientTest(0.9, 0.05), 3),
    "magma": (Magma(0.9, 0.05, 0), 3),
    "no coarse steps": (Always(), 0),
}


@pytest.mark.parametrize("kind", ["l1", "groups", "columns-heads"])
@pytest.mark.parametrize("name", CRITERIA)
def test_multilevel_linbreg(name: str, kind: str) -> None:
    criterion, coarse_steps = CRITERIA[name]
    both = SideBySide(kind, seed=2)
    optimizer = MultilevelLinBreg(
        both.groups(),
        lr=both.tau,
        delta=both.problem.delta,
        coarse_steps=coarse_steps,
        coarse_scale=0.5,
        criterion=criterion,
    )
    settings = Multilevel(coarse_steps, selection=_support_of(both), criterion=criterion)
    state = multilevel.init(settings, both.start)
    phases = 0
    for _ in range(60):
        state, trace = multilevel.cycle(both.problem, settings, state, both.tau, both.tau / 2)
        visited = bool(trace.active[:-1].any())
        phases += visited
        steps = len(trace.thetas) - 1 if visited else 1
        for i in range(steps):
            both.step(optimizer)
            np.testing.assert_allclose(both.theta, trace.thetas[len(trace.thetas) - steps + i], **CLOSE)
        np.testing.assert_allclose(both.joined(optimizer, "dual"), state.v, **CLOSE)
        assert not optimizer.in_coarse_phase
        if name in ("gradient test", "magma"):
            assert optimizer.param_groups[0]["cycle"] == state.k
    if name in ("gradient test", "magma", "every third", "epoch-wise"):
        assert 0 < phases < 60
    if name in ("never", "no coarse steps"):
        assert phases == 0


def _support_of(both: SideBySide) -> Callable[..., Any]:
    """The reference's selection; where J = 0 the torch side keeps everything, as nothing is sparse there."""
    from mlbreg.theory.groups import Restriction

    free = [label for part, J in zip(np.split(np.arange(DIMENSION), np.cumsum(SIZES)[:-1]), both.parts, strict=True)
            if isinstance(J, Zero) for label in {both.problem.groups.labels[i] for i in part}]  # fmt: skip

    def selection(groups: Groups, theta: Any, k: int, rng: Any) -> Restriction:  # noqa: ARG001
        support = Restriction.to_support(groups, theta)
        return Restriction(groups, tuple(sorted({*support.selected, *free})))

    return selection


def test_multilevel_adabreg_is_adabreg_on_the_selected_coordinates() -> None:
    """One phase: the selected coordinates follow AdaBreg on the coarse loss, the others and their moments wait."""
    both = SideBySide("l1", seed=3)
    plain = [torch.nn.Parameter(p.detach().clone()) for p in both.parameters]
    groups = [{"params": [p], "regularizer": J} for p, J in zip(plain, both.parts, strict=True)]
    multi = MultilevelAdaBreg(both.groups(), lr=0.02, delta=1.3, coarse_steps=5)
    single = AdaBreg(groups, lr=0.02, delta=1.3)
    masks = [J.support(p.detach()) for p, J in zip(both.parameters, both.parts, strict=True)]
    assert any(not bool(mask.all()) for mask in masks)
    frozen = [p.detach().clone() for p in both.parameters]
    for _ in range(5):
        both.step(multi)
        for p, q, mask in zip(plain, both.parameters, masks, strict=True):
            p.grad = torch.where(mask, q.grad, 0)
        single.step()
        for p, q, mask, old in zip(plain, both.parameters, masks, frozen, strict=True):
            assert torch.equal(p[mask], q[mask])
            assert torch.equal(q[~mask], old[~mask])
            assert not multi.state[q]["exp_avg"][~mask].any()
    both.step(multi)
    assert all(multi.state[q]["exp_avg"].ne(0).all() for q in both.parameters)


def test_a_pair_that_is_given_is_the_start() -> None:
    """v⁰ = θ/δ + p with a chosen p ∈ ∂J(θ), here the nearest to a multiple of −∇L."""
    both = SideBySide("groups")
    gradient = both.problem.loss.gradient(both.start.theta)
    pair = linbreg.init(both.problem.elastic_net, both.start.theta, -10 * gradient)
    wanted = dict(zip(both.parameters, both.split(-10 * gradient), strict=True))
    optimizer = LinBreg(both.groups(), lr=both.tau, delta=both.problem.delta)
    optimizer.init_dual(lambda parameter: torch.tensor(wanted[parameter]))
    for _ in range(20):
        np.testing.assert_allclose(both.joined(optimizer, "dual"), pair.v, **CLOSE)
        both.step(optimizer)
        pair = linbreg.step(
            both.problem.elastic_net, PrimalDual(*pair), both.problem.loss.gradient(pair.theta), both.tau
        )


def test_without_a_regularizer_linbreg_is_sgd_and_adabreg_is_adam() -> None:
    for ours, theirs in (
        (lambda p: LinBreg(p, lr=0.1, regularizer=Zero(), delta=2.0), lambda p: torch.optim.SGD(p, lr=0.2)),
        (
            lambda p: AdaBreg(p, lr=0.01, regularizer=Zero(), betas=(0.9, 0.99), weight_decay=0.01),
            lambda p: torch.optim.Adam(p, lr=0.01, betas=(0.9, 0.99), weight_decay=0.01),
        ),
    ):
        both, other = SideBySide("zero"), SideBySide("zero")
        mine, reference = ours(both.parameters), theirs(other.parameters)
        for _ in range(STEPS):
            both.step(mine)
            other.step(reference)
            np.testing.assert_allclose(both.theta, other.theta, rtol=1e-12, atol=1e-12)
