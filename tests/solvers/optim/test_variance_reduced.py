"""The variance-reduced gradient of a network: the NumPy reference in lockstep, and no trace of the second evaluation."""

from __future__ import annotations

import copy
import io

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from mlbreg.solvers import linbreg, multilevel  # noqa: E402
from mlbreg.solvers.multilevel import Multilevel  # noqa: E402
from mlbreg.solvers.optim.evaluation import elsewhere, without_trace  # noqa: E402
from mlbreg.solvers.optim.multilevel import MultilevelLinBreg  # noqa: E402
from mlbreg.solvers.optim.regularizers import L1  # noqa: E402
from mlbreg.solvers.optim.variance_reduced import VarianceReducedGradient, examples  # noqa: E402
from mlbreg.solvers.oracles import draw_batches  # noqa: E402
from mlbreg.solvers.variance_reduced import VarianceReduced  # noqa: E402
from mlbreg.theory import regularizers as theory  # noqa: E402
from mlbreg.theory.losses import FiniteSum  # noqa: E402
from mlbreg.theory.problems import Problem  # noqa: E402
from torch import Tensor, nn  # noqa: E402

pytestmark = pytest.mark.torch
N, D = 12, 8


def _linear() -> tuple[np.ndarray, np.ndarray, nn.Linear]:
    rng = np.random.default_rng(3)
    matrix, target = rng.normal(size=(N, D)), rng.normal(size=N)
    model = nn.Linear(D, 1, bias=False).double()
    with torch.no_grad():
        model.weight.copy_(torch.tensor(rng.normal(size=(1, D)) * (rng.random((1, D)) < 0.6)))
    return matrix, target, model


def _reduced(model: nn.Module, x: Tensor, y: Tensor, scale: float = 1.0) -> VarianceReducedGradient:
    def backward(batch: Tensor) -> Tensor:
        loss = scale * ((model(x[batch]).squeeze(-1) - y[batch]) ** 2).mean()
        loss.backward()
        return loss

    return VarianceReducedGradient(model, backward)


def test_algorithm_1_with_the_estimate_is_the_numpy_reference_in_lockstep() -> None:
    matrix, target, model = _linear()
    loss = FiniteSum.least_squares(matrix, target)
    theta = model.weight.detach().numpy().reshape(-1).copy()
    ratio = loss.component_values(theta)[0] / (matrix[0] @ theta - target[0]) ** 2
    problem = Problem(loss, theory.L1(0.05), 1.0, theory.L1(0.05).separable_groups(D))
    tau, m, size, cycles = 0.3 / float(problem.relative_smoothness), 4, 3, 12
    settings = Multilevel(m, coarse_oracle=VarianceReduced(size))
    trace = multilevel.run(
        problem, settings, linbreg.init(problem.elastic_net, theta), tau, tau, cycles, np.random.default_rng(5)
    )

    reduced = _reduced(model, torch.tensor(matrix), torch.tensor(target), float(ratio))
    optimizer = MultilevelLinBreg(model.parameters(), lr=tau, regularizer=L1(0.05), coarse_steps=m)
    rng, passes = np.random.default_rng(5), [torch.arange(0, 5), torch.arange(5, N)]
    for step in range(cycles * (m + 1)):
        coarse = step % (m + 1) < m
        batch = torch.tensor(draw_batches(N, size, (), rng)) if coarse else None
        if optimizer.param_groups[0]["position"] == 0:
            reduced.begin_cycle(passes)
        elif optimizer.in_coarse_phase:
            reduced.estimate(batch)
        else:
            reduced.full_gradient(passes)
        optimizer.step()
        np.testing.assert_allclose(
            model.weight.detach().numpy().reshape(-1), trace.thetas[step + 1], rtol=1e-12, atol=1e-12
        )
    assert 0 < np.count_nonzero(trace.thetas[-1]) < D


def test_the_mean_of_the_estimate_over_all_batches_is_the_full_gradient() -> None:
    matrix, target, model = _linear()
    reduced = _reduced(model, torch.tensor(matrix), torch.tensor(target))
    reduced.begin_cycle([torch.arange(N)])
    with torch.no_grad():
        model.weight.add_(0.3)
    estimates = []
    for i in range(N):
        reduced.estimate(torch.tensor([i]))
        estimates.append(model.weight.grad)
    reduced.full_gradient([torch.arange(0, 7), torch.arange(7, N)])
    torch.testing.assert_close(torch.stack(estimates).mean(0), model.weight.grad, rtol=1e-13, atol=1e-13)
    assert float(torch.stack(estimates).std(0).max()) > 1e-3


def _network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Dropout(0.5), nn.Linear(6, 1))


def _data() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(32, 4, generator=generator), torch.randn(32, generator=generator)


def test_dropout_draws_the_same_mask_in_both_evaluations_so_that_they_cancel_at_the_start_of_the_cycle() -> None:
    model, (x, y) = _network(), _data()
    reduced = _reduced(model, x, y)
    reduced.begin_cycle(list(torch.arange(32).split(8)))
    full = [p.grad.clone() for p in model.parameters()]
    for _ in range(3):
        reduced.estimate(torch.arange(8))
        for p, wanted in zip(model.parameters(), full, strict=True):
            torch.testing.assert_close(p.grad, wanted, rtol=0, atol=1e-6)


def test_one_estimate_moves_buffers_and_random_numbers_as_one_ordinary_evaluation_does() -> None:
    model, (x, y) = _network(), _data()
    reduced = _reduced(model, x, y)
    before = [b.clone() for b in model.buffers()]
    reduced.begin_cycle(list(torch.arange(32).split(8)))
    assert all(torch.equal(a, b) for a, b in zip(before, model.buffers(), strict=True))
    with torch.no_grad():
        model[0].weight.add_(0.1)
    plain, parameters = copy.deepcopy(model), [p.detach().clone() for p in model.parameters()]
    state = torch.get_rng_state()
    loss = reduced.estimate(torch.arange(8))
    after = torch.get_rng_state()
    torch.set_rng_state(state)
    plain_loss = ((plain(x[:8]).squeeze(-1) - y[:8]) ** 2).mean()
    assert loss == float(plain_loss.detach())
    assert torch.equal(after, torch.get_rng_state())
    assert all(torch.equal(a, b) for a, b in zip(plain.buffers(), model.buffers(), strict=True))
    assert all(torch.equal(a, b.detach()) for a, b in zip(parameters, model.parameters(), strict=True))


def test_a_run_goes_on_bit_for_bit_from_the_middle_of_a_cycle() -> None:
    (x, y), ends = _data(), []
    for interrupted in (False, True):
        model = _network()
        reduced = _reduced(model, x, y)
        optimizer = MultilevelLinBreg(model.parameters(), lr=0.05, coarse_steps=3)
        for step in range(12):
            if interrupted and step == 6:
                file = io.BytesIO()
                parts = {"model": model, "optimizer": optimizer, "reduced": reduced}
                torch.save({name: part.state_dict() for name, part in parts.items()}, file)
                file.seek(0)
                saved, state = torch.load(file, weights_only=True), torch.get_rng_state()
                model = _network()
                torch.set_rng_state(state)
                reduced = _reduced(model, x, y)
                optimizer = MultilevelLinBreg(model.parameters(), lr=0.05, coarse_steps=3)
                model.load_state_dict(saved["model"])
                optimizer.load_state_dict(saved["optimizer"])
                reduced.load_state_dict(saved["reduced"])
            if optimizer.param_groups[0]["position"] == 0:
                reduced.begin_cycle(list(torch.arange(32).split(8)))
            else:
                reduced.estimate(torch.arange(8) + 2 * step)
            optimizer.step()
        ends.append([t.clone() for t in model.state_dict().values()])
    assert all(torch.equal(a, b) for a, b in zip(*ends, strict=True))


def test_parameters_come_back_bit_for_bit_when_the_evaluation_fails() -> None:
    model, (x, y) = _network(), _data()
    reduced = _reduced(model, x, y)
    reduced.begin_cycle([torch.arange(32)])
    with torch.no_grad():
        model[0].weight.mul_(1.7)
    before, state = copy.deepcopy(model.state_dict()), torch.get_rng_state()
    with pytest.raises(IndexError):
        reduced.estimate(torch.tensor([99]))
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert torch.equal(state, torch.get_rng_state())


def test_the_two_contexts_put_back_what_they_say() -> None:
    model, (x, _) = _network(), _data()
    own = list(model.parameters())
    before, pointers = copy.deepcopy(model.state_dict()), [p.data_ptr() for p in own]
    with without_trace(model), elsewhere(own, [torch.zeros_like(p) for p in own]):
        assert not any(p.count_nonzero() for p in own)
        assert not model(x).count_nonzero()
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert pointers == [p.data_ptr() for p in own]


def test_a_parameter_without_gradient_stays_without_and_mistakes_are_named() -> None:
    model, (x, y) = _network(), _data()
    model.register_parameter("idle", nn.Parameter(torch.ones(2)))
    reduced = _reduced(model, x, y)
    with pytest.raises(RuntimeError, match="begin_cycle must come before estimate"):
        reduced.estimate(torch.arange(4))
    with pytest.raises(ValueError, match="batches must hold one batch at least"):
        reduced.begin_cycle(iter([]))
    reduced.begin_cycle([torch.arange(32)])
    reduced.estimate(torch.arange(4))
    assert model.idle.grad is None
    other = VarianceReducedGradient(nn.Linear(2, 2), lambda batch: batch)
    with pytest.raises(ValueError, match=r"state\['anchor'\] must have the shapes"):
        other.load_state_dict(reduced.state_dict())
    with pytest.raises(ValueError, match="model must have a parameter"):
        VarianceReducedGradient(nn.ReLU(), lambda batch: batch)


def test_the_size_of_a_batch_is_the_length_of_its_first_tensor() -> None:
    assert examples((torch.ones(5, 2), torch.ones(5))) == 5
    assert examples({"x": [torch.ones(3)]}) == 3
    with pytest.raises(TypeError, match="batch must be a tensor"):
        examples("abc")
