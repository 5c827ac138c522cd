"""ML LinBreg with sparse coarse phases against ML LinBreg as it is."""

from __future__ import annotations

import copy
import subprocess
import sys
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("numba")

from mlbreg.solvers.criteria import Always, EveryKth, GradientTest, Magma  # noqa: E402
from mlbreg.solvers.optim.linbreg import LinBreg  # noqa: E402
from mlbreg.solvers.optim.multilevel import MultilevelAdaBreg, MultilevelLinBreg  # noqa: E402
from mlbreg.solvers.optim.regularizers import L1, GroupL2, Zero  # noqa: E402
from mlbreg.solvers.sparse_cpu import network as network_module  # noqa: E402
from mlbreg.solvers.sparse_cpu.training import kept_patterns, sparse_compute  # noqa: E402
from torch import nn  # noqa: E402

from .network_examples import ResNet, cnn, mlp, sparse  # noqa: E402

pytestmark = pytest.mark.torch


def _batches(steps: int) -> Any:
    generator = torch.Generator().manual_seed(5)
    for _ in range(steps):
        yield torch.randn(16, 3, 12, 12, generator=generator), torch.randint(5, (16,), generator=generator)


def _groups(model: Any, regularizer: Any) -> list[dict[str, Any]]:
    weights = [p for p in model.parameters() if p.dim() > 1]
    others = [p for p in model.parameters() if p.dim() < 2]
    return [{"params": weights, "regularizer": regularizer}, {"params": others, "regularizer": Zero()}]


def _keep_half(theta: Any, _: Any) -> Any:
    """A selection of one's own: all, but for every second row, which may be non-zero and is frozen then."""
    mask = torch.ones_like(theta, dtype=torch.bool)
    mask[::2] = False
    return mask


def _train(
    model: Any, optimizer: Any, steps: int, sparsely: bool, activations: Any = "float32"
) -> tuple[list[float], list[tuple[bool, int]]]:
    losses, ran = [], []
    dtype = next(model.parameters()).dtype
    for x, labels in _batches(steps):
        x = x.to(dtype)
        optimizer.zero_grad()
        if sparsely:
            with sparse_compute(model, optimizer, break_even=1.0, activations=activations) as network:
                ran.append(("forward" in model.__dict__, optimizer.param_groups[0]["position"]))
                loss = nn.functional.cross_entropy(model(x), labels)
                loss.backward()
            assert len(network.sparse_layers) > 0 or not ran[-1][0]
        else:
            loss = nn.functional.cross_entropy(model(x), labels)
            loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses, ran


CASES = {
    "L1, always": (MultilevelLinBreg, L1(0.02), {"coarse_steps": 4}),
    "momentum and decay": (MultilevelLinBreg, L1(0.02), {"coarse_steps": 3, "momentum": 0.5, "weight_decay": 0.01}),
    "filters": (MultilevelLinBreg, GroupL2(0.005, layout="rows"), {"coarse_steps": 4}),
    "every second": (MultilevelLinBreg, L1(0.02), {"coarse_steps": 4, "criterion": EveryKth(2)}),
    "gradient test": (MultilevelLinBreg, L1(0.02), {"coarse_steps": 4, "criterion": GradientTest(0.1, 1e-6)}),
    "magma": (MultilevelLinBreg, L1(0.02), {"coarse_steps": 4, "criterion": Magma(0.1, 0.01, 2)}),
    "own selection": (MultilevelLinBreg, L1(0.001), {"coarse_steps": 4, "selection": _keep_half}),
    "no coarse steps": (MultilevelLinBreg, L1(0.02), {"coarse_steps": 0}),
    "AdaBreg": (MultilevelAdaBreg, L1(0.01), {"coarse_steps": 4, "lr": 1e-3, "eps": 1e-3}),
}


@pytest.mark.parametrize(
    ("make", "case", "steps"),
    # Longer, and a ReLU or a threshold that rounding decides parts any two runs in float32.
    [(ResNet, "L1, always", 20), (mlp, "L1, always", 30), (cnn, "L1, always", 30)]
    + [(mlp if case == "own selection" else ResNet, case, 12) for case in CASES if case != "L1, always"],
)
def test_many_steps_give_the_parameters_of_the_dense_run_in_float64(make: Any, case: str, steps: int) -> None:
    kind, regularizer, settings = CASES[case]
    model = sparse(make)
    twin = copy.deepcopy(model).double()
    optimizer = kind(_groups(model, regularizer), **settings)
    other = kind(_groups(twin, regularizer), **settings)
    losses, _ = _train(model, optimizer, steps, True)
    expected, _ = _train(twin, other, steps, False)
    assert losses == pytest.approx(expected, rel=1e-4)
    assert optimizer.param_groups[0]["cycle"] == other.param_groups[0]["cycle"]
    with torch.no_grad():
        for (name, p), q in zip(model.named_parameters(), twin.parameters(), strict=True):
            assert float((p - q).abs().max()) <= 2e-5, name
            assert torch.equal(p != 0, q != 0), name


def test_thirty_steps_with_activations_of_bfloat16_stay_close_to_those_of_float32() -> None:
    runs = []
    for activations in ("float32", "bfloat16"):
        model = sparse(ResNet)
        optimizer = MultilevelLinBreg(_groups(model, L1(0.02)), coarse_steps=4)
        runs.append(_train(model, optimizer, 30, True, activations)[0])
    assert runs[0] != runs[1]
    # The fine steps that cannot be sparse are the same.
    assert runs[1] == pytest.approx(runs[0], rel=0.03)


def test_other_settings_in_a_phase_go_on_with_its_patterns() -> None:
    model = sparse(mlp)
    optimizer = MultilevelLinBreg(_groups(model, L1(0.02)), coarse_steps=6)
    _train(model, optimizer, 2, True)
    patterns = kept_patterns(model, optimizer)
    assert patterns
    with sparse_compute(model, optimizer, break_even=1.0, activations="bfloat16") as network:
        assert network.activations == "bfloat16"
        model(next(_batches(1))[0])
        assert len(network.sparse_layers) == 3
    again = kept_patterns(model, optimizer)
    assert again.keys() == patterns.keys()
    assert all(again[name] is patterns[name] for name in patterns)


def test_coarse_phases_run_sparsely_and_plans_are_made_once_in_each(monkeypatch: pytest.MonkeyPatch) -> None:
    model = sparse(cnn, density=0.2)
    optimizer = MultilevelLinBreg(_groups(model, L1(0.02)), coarse_steps=4)
    made = []
    plan = network_module.Plan
    monkeypatch.setattr(network_module, "Plan", lambda *args: made.append(1) or plan(*args))
    _, ran = _train(model, optimizer, 10, True)
    assert all(sparsely for sparsely, position in ran if position < 4)
    assert len(made) == 2 * 2  # two convolutions, two phases


def test_frozen_entries_get_no_gradient_in_coarse_steps_and_one_in_fine_steps() -> None:
    model = sparse(cnn, density=0.2)
    optimizer = MultilevelLinBreg(_groups(model, L1(0.02)), coarse_steps=2)
    weight = model[0].weight
    for (x, labels), coarse in zip(_batches(3), (True, True, False), strict=True):
        frozen = weight == 0
        optimizer.zero_grad()
        with sparse_compute(model, optimizer, break_even=1.0):
            nn.functional.cross_entropy(model(x), labels).backward()
        assert bool(weight.grad[frozen].any()) is not coarse
        assert weight.grad[~frozen].all()
        optimizer.step()


def test_sparse_gradients_give_the_same_run_and_hold_the_selection_alone() -> None:
    runs = []
    for sparse_gradients in (False, True):
        model = sparse(ResNet)
        optimizer = MultilevelLinBreg(_groups(model, L1(0.02)), coarse_steps=3, momentum=0.5)
        layouts = []
        for x, labels in _batches(9):
            optimizer.zero_grad()
            with sparse_compute(model, optimizer, break_even=1.0, sparse_gradients=sparse_gradients):
                nn.functional.cross_entropy(model(x), labels).backward()
            layouts.append(model.conv.weight.grad.layout)
            optimizer.step()
        runs.append([p.detach().clone() for p in model.parameters()])
    assert layouts == [*[torch.sparse_coo] * 3, torch.strided] * 2 + [torch.sparse_coo]
    for dense, compact in zip(*runs, strict=True):
        assert torch.equal(dense, compact)


def test_sparse_gradients_share_their_indices_and_add_up() -> None:
    model = sparse(cnn, density=0.2)
    optimizer = MultilevelLinBreg(_groups(model, L1(0.02)), coarse_steps=3)
    weight, where = model[0].weight, set()
    (x, labels), (z, others) = _batches(2)
    with sparse_compute(model, optimizer, break_even=1.0, sparse_gradients=True):
        nn.functional.cross_entropy(model(x), labels).backward()
        where.add(weight.grad._indices().data_ptr())
        one, weight.grad = weight.grad, None
        nn.functional.cross_entropy(model(z[:5]), others[:5]).backward()
        where.add(weight.grad._indices().data_ptr())
        two, weight.grad = weight.grad, None
        nn.functional.cross_entropy(model(x), labels).backward()
        nn.functional.cross_entropy(model(z[:5]), others[:5]).backward()
    assert len(where) == 1
    assert one._values().numel() == int((weight != 0).sum())
    torch.testing.assert_close(weight.grad.to_dense(), one.to_dense() + two.to_dense())


def test_without_numba_the_model_runs_as_it_is_after_one_notice() -> None:
    """In a process of its own, where numba cannot be imported."""
    code = """
import sys, warnings
sys.modules["numba"] = None
import torch
from mlbreg.solvers.optim.multilevel import MultilevelLinBreg
from mlbreg.solvers.sparse_cpu.training import sparse_compute
model = torch.nn.Linear(3, 2)
optimizer = MultilevelLinBreg(model.parameters(), coarse_steps=3)
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    for _ in range(5):
        with sparse_compute(model, optimizer) as network:
            assert network is None
            model(torch.ones(1, 3)).sum().backward()
        optimizer.step()
print(len(caught), caught[0].message, caught[0].filename)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith(
        "1 the model runs dense: numba, which compiles the sparse kernels, cannot be imported"
    )
    assert done.stdout.strip().endswith("<string>")


def test_the_parameters_of_another_optimizer_get_their_whole_gradient() -> None:
    model = sparse(cnn, density=0.2)
    optimizer = MultilevelLinBreg(model[0].parameters(), regularizer=L1(0.02), coarse_steps=3)
    x, labels = next(_batches(1))
    with sparse_compute(model, optimizer, break_even=1.0):
        nn.functional.cross_entropy(model(x), labels).backward()
    assert not model[0].weight.grad[model[0].weight == 0].any()
    assert model[3].weight.grad[model[3].weight == 0].any()


def test_going_on_from_a_checkpoint_in_a_phase_gives_the_same_run() -> None:
    model = sparse(mlp)
    optimizer = MultilevelLinBreg(_groups(model, L1(0.02)), coarse_steps=6)
    _train(model, optimizer, 3, True)
    saved = copy.deepcopy((model.state_dict(), optimizer.state_dict()))
    _train(model, optimizer, 5, True)
    again = sparse(mlp, seed=9)
    resumed = MultilevelLinBreg(_groups(again, L1(0.02)), coarse_steps=6)
    _train(again, resumed, 2, True)  # a phase of its own, with other masks in the same cycle
    again.load_state_dict(saved[0])
    resumed.load_state_dict(saved[1])
    _train(again, resumed, 5, True)
    for p, q in zip(model.parameters(), again.parameters(), strict=True):
        torch.testing.assert_close(p, q, rtol=1e-5, atol=1e-6)


def test_the_model_is_as_before_after_the_context_and_after_an_error_in_it() -> None:
    model = sparse(mlp)
    optimizer = MultilevelLinBreg(model.parameters(), regularizer=L1(0.02))
    kept = set(vars(model))
    with pytest.raises(ZeroDivisionError), sparse_compute(model, optimizer):
        raise ZeroDivisionError
    assert set(vars(model)) == kept
    inside = sparse_compute(model, optimizer)
    with sparse_compute(model, optimizer), pytest.raises(RuntimeError, match="inside sparse_compute"), inside:
        pass
    assert set(vars(model)) == kept


def test_other_optimizers_are_refused() -> None:
    model = sparse(mlp)
    optimizer: Any = LinBreg(model.parameters())
    with (
        pytest.raises(TypeError, match="MultilevelLinBreg or MultilevelAdaBreg, got LinBreg"),
        sparse_compute(model, optimizer),
    ):
        pass


def test_always_is_what_is_known_beforehand() -> None:
    model = sparse(mlp)
    for criterion, known in ((Always(), True), (EveryKth(2, first=1), False), (GradientTest(0.1, 1e-6), False)):
        optimizer = MultilevelLinBreg(model.parameters(), regularizer=L1(0.02), criterion=criterion)
        with sparse_compute(model, optimizer, break_even=1.0) as network:
            assert network.dense_gradients == (frozenset() if known else True)
