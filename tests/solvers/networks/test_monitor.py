"""The monitor: theory's numbers on a network, and a run that does not notice it."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from mlbreg.solvers.networks.monitor import TheoryMonitor  # noqa: E402
from mlbreg.solvers.networks.network_vectors import NetworkRegularizer, flat  # noqa: E402
from mlbreg.solvers.optim.adabreg import AdaBreg  # noqa: E402
from mlbreg.solvers.optim.linbreg import LinBreg  # noqa: E402
from mlbreg.solvers.optim.multilevel import MultilevelLinBreg  # noqa: E402
from mlbreg.solvers.optim.proxsgd import ProxSGD  # noqa: E402
from mlbreg.solvers.optim.regularizers import L1, GroupL2, Nuclear, Zero  # noqa: E402
from mlbreg.theory import divergences, inequalities, pl_step  # noqa: E402
from mlbreg.theory import regularizers as theory  # noqa: E402
from mlbreg.theory.arrays import inner, norm, square_norm  # noqa: E402
from mlbreg.theory.elastic_net import ElasticNet  # noqa: E402
from mlbreg.theory.groups import Groups  # noqa: E402
from mlbreg.theory.losses import LeastSquares  # noqa: E402
from torch import nn  # noqa: E402

pytestmark = pytest.mark.torch


def test_the_numbers_are_those_of_the_numpy_reference() -> None:
    rng = np.random.default_rng(0)
    matrix, target = rng.normal(size=(9, 6)), rng.normal(size=9)
    model = nn.Linear(6, 1, bias=False).double()
    with torch.no_grad():
        model.weight.copy_(torch.tensor(rng.normal(size=(1, 6)) * [1, 0, 1, 0, 1, 1]))
    loss = LeastSquares(matrix, target)
    x, y = torch.tensor(matrix), torch.tensor(target)
    scale = float(loss.value(np.zeros(6)) / (target @ target))

    def objective(rows: slice = slice(None)) -> torch.Tensor:
        return scale * ((model(x[rows]).squeeze(-1) - y[rows]) ** 2).sum()

    net, tau = ElasticNet(theory.L1(0.3), 0.8), 0.02
    optimizer = LinBreg(model.parameters(), lr=tau, regularizer=L1(0.3), delta=0.8)
    monitor = TheoryMonitor(model, optimizer, infimum=float(loss.infimum))
    pair = net.pair(model.weight.detach().numpy().reshape(-1).copy(), np.zeros(6))
    largest = -np.inf
    for _ in range(8):
        micro = [lambda: objective(slice(0, 4)), lambda: objective(slice(4, 7)), lambda: objective(slice(7, 9))]
        with monitor.observe(objective, micro):
            optimizer.zero_grad()
            objective().backward()
            optimizer.step()
        gradient = loss.gradient(pair.theta)
        after = pl_step.step(loss, net, pair, tau)
        change = loss.value(after.theta) - loss.value(pair.theta) - inner(gradient, after.theta - pair.theta)
        smoothness = change / divergences.bregman(net, after.theta, pair.theta, pair.v)
        largest = max(largest, smoothness)
        gap = loss.value(pair.theta) - loss.infimum
        split = [(0, 4), (4, 7), (7, 9)]
        noisy = np.stack([2 * scale * matrix[a:b].T @ (matrix[a:b] @ pair.theta - target[a:b]) for a, b in split])
        expected = {
            "loss": loss.value(pair.theta),
            "loss_after": loss.value(after.theta),
            "descent": inequalities.descent(loss, net, pair, after, tau),
            "divergence": divergences.bregman(net, pair.theta, after.theta, after.v),
            "symmetric_divergence": divergences.symmetric(net.p(after), net.p(pair), after.theta, pair.theta),
            "relative_smoothness": smoothness,
            "relative_smoothness_so_far": largest,
            "pl_ratio": square_norm(gradient) / 2 / gap,
            "mirror_pl_ratio": pl_step.step_divergence(loss, net, pair, 1) / gap,
            "gradient_norm": norm(gradient),
            "restricted_gradient_norm": norm(gradient[pair.theta != 0]),
            "gradient_variance": np.var(noisy, axis=0, ddof=1).sum(),
            "membership": 0.0,
        }
        assert set(expected) < set(monitor.rows[-1])
        for name, value in expected.items():
            np.testing.assert_allclose(monitor.rows[-1][name], float(value), rtol=1e-9, atol=1e-13, err_msg=name)
        pair = after
    assert all(row["descent"] >= 0 for row in monitor.rows)
    assert any(row["restricted_gradient_norm"] < row["gradient_norm"] for row in monitor.rows)
    assert monitor.cost == "8 observations: 32 gradients and 8 more losses"


def test_a_step_too_long_for_descent_gives_a_negative_margin() -> None:
    model = nn.Linear(1, 1, bias=False).double()
    nn.init.constant_(model.weight, 1.0)
    optimizer = LinBreg(model.parameters(), lr=2.5, regularizer=Zero())
    monitor = TheoryMonitor(model, optimizer)

    def objective() -> torch.Tensor:
        return model.weight.square().sum() / 2

    with monitor.observe(objective):
        objective().backward()
        optimizer.step()
    # θ⁺ = −3/2: L⁺ = 9/8, L = 1/2, D/τ = (25/4)/2/(5/2) = 5/4, so rhs − lhs = −15/8.
    row = monitor.rows[0]
    assert row["descent"] < 0
    assert row["loss"] - row["divergence"] / 2.5 - row["loss_after"] == pytest.approx(-15 / 8, abs=1e-14)
    assert row["relative_smoothness"] == pytest.approx(1, abs=1e-14)


def _network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Dropout(0.5), nn.Linear(6, 2))


@pytest.mark.parametrize("kind", [LinBreg, AdaBreg, MultilevelLinBreg])
def test_the_monitored_run_equals_the_unmonitored_one_bit_for_bit(kind: type[LinBreg], tmp_path: Path) -> None:
    generator = torch.Generator().manual_seed(1)
    x, y = torch.randn(32, 4, generator=generator), torch.randint(2, (32,), generator=generator)
    ends = []
    for monitored in (False, True):
        model = _network()
        options = {"coarse_steps": 3} if kind is MultilevelLinBreg else {}
        groups = [
            {"params": [p], "regularizer": GroupL2(0.01, "rows") if p.dim() > 1 else Zero()} for p in model.parameters()
        ]
        optimizer = kind(groups, lr=0.05, **options)
        monitor = TheoryMonitor(model, optimizer, path=tmp_path / f"{kind.__name__}.jsonl")

        def objective(rows: slice = slice(None), model: nn.Module = model) -> torch.Tensor:
            return nn.functional.cross_entropy(model(x[rows]), y[rows])

        def train(n: int, optimizer: LinBreg = optimizer, objective=objective) -> None:  # type: ignore[no-untyped-def]
            optimizer.zero_grad()
            objective(slice(8 * (n % 4), 8 * (n % 4) + 8)).backward()
            optimizer.step()

        for n in range(8):
            if not monitored:
                train(n)
                continue
            micro = [lambda: objective(slice(0, 16)), lambda: objective(slice(16, 32))]
            with monitor.observe(objective, micro, n=n):
                train(n)
        state = copy.deepcopy(model.state_dict())
        grads = {f"{name}.grad": p.grad for name, p in model.named_parameters()}
        duals = {f"{i}.dual": optimizer.state[p]["dual"] for i, p in enumerate(model.parameters())}
        ends.append({**state, **grads, **duals, "random": torch.get_rng_state()})
    assert ends[0].keys() == ends[1].keys()
    assert all(torch.equal(value, ends[1][name]) for name, value in ends[0].items())
    lines = (tmp_path / f"{kind.__name__}.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == monitor.rows
    assert [row["n"] for row in monitor.rows] == list(range(8))


def test_the_coarse_steps_are_marked_and_dropout_is_the_same_before_and_after() -> None:
    model = _network()
    optimizer = MultilevelLinBreg(model.parameters(), lr=0.0, regularizer=Zero(), coarse_steps=2)
    monitor = TheoryMonitor(model, optimizer)
    x = torch.randn(8, 4)
    for _ in range(4):
        with monitor.observe(lambda: model(x).square().mean()):
            optimizer.zero_grad()
            model(x).square().mean().backward()
            optimizer.step()
    # lr = 0: θ⁺ = θ, so another mask would be the only difference.
    assert all(row["loss"] == row["loss_after"] for row in monitor.rows)
    assert all(row["descent"] is None and row["relative_smoothness"] is None for row in monitor.rows)
    assert [row["coarse"] for row in monitor.rows] == [True, True, False, True]


def test_the_regularizer_of_the_network_is_the_mixture_of_theory() -> None:
    shapes = ((4, 3), (2, 3, 2), (5,))
    chosen = (GroupL2(0.2, "rows"), Nuclear(0.1), L1(0.3))
    own = NetworkRegularizer(tuple(zip(shapes, chosen, strict=True)))
    sizes = [int(np.prod(shape)) for shape in shapes]
    mixture = theory.Mixture(Groups.of_sizes(sizes), [J.theory(s) for J, s in zip(chosen, shapes, strict=True)])
    rng = np.random.default_rng(0)
    theta, p = rng.normal(size=sum(sizes)), rng.normal(size=sum(sizes))
    theta[:3] = 0
    np.testing.assert_allclose(float(own.value(torch.tensor(theta))), mixture.value(theta), rtol=1e-13)
    np.testing.assert_allclose(own.prox(torch.tensor(theta), 0.7).numpy(), mixture.prox(theta, 0.7), atol=1e-13)
    nearest = own.project_subdifferential(torch.tensor(theta), torch.tensor(p)).numpy()
    np.testing.assert_allclose(nearest, mixture.project_subdifferential(theta, p), atol=1e-12)


def test_what_has_no_meaning_is_refused() -> None:
    model = nn.Linear(2, 1)
    with pytest.raises(TypeError, match="one with a dual variable, a BregmanOptimizer, got ProxSGD"):
        TheoryMonitor(model, ProxSGD(model.parameters()))
    with pytest.raises(ValueError, match="infimum must be a finite number, got nan"):
        TheoryMonitor(model, LinBreg(model.parameters()), infimum=float("nan"))
    two = LinBreg([{"params": [model.weight]}, {"params": [model.bias], "lr": 0.5}], lr=0.1)
    with (
        pytest.raises(ValueError, match=r"lr must be the same in all parameter groups, got \[0.1, 0.5\]"),
        TheoryMonitor(model, two).observe(lambda: model(torch.ones(1, 2)).sum()),
    ):
        pass
    one = TheoryMonitor(model, LinBreg(model.parameters()))
    with (
        pytest.raises(ValueError, match="micro_batches must be at least 2"),
        one.observe(lambda: model(torch.ones(1, 2)).sum(), [lambda: model(torch.ones(1, 2)).sum()]),
    ):
        pass
    with (
        pytest.raises(ValueError, match=r"loss must give a tensor without axes, got shape \(1, 1\)"),
        one.observe(lambda: model(torch.ones(1, 2))),
    ):
        pass


def test_a_loss_that_blows_up_is_written_as_valid_json(tmp_path: Path) -> None:
    model = nn.Linear(1, 1, bias=False)
    monitor = TheoryMonitor(model, LinBreg(model.parameters()), path=tmp_path / "rows.jsonl")
    with monitor.observe(lambda: model.weight.sum() * float("inf")):
        pass
    assert json.loads((tmp_path / "rows.jsonl").read_text())["loss"] is None
    assert flat(model.parameters()).dtype == torch.float64
