"""Sparse COO gradients: the numbers of the dense gradient, in every optimizer, from values in any order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("numba")

from mlbreg.solvers.criteria import GradientTest, Magma  # noqa: E402
from mlbreg.solvers.optim import selected_entries  # noqa: E402
from mlbreg.solvers.optim.multilevel import MultilevelAdaBreg, MultilevelLinBreg  # noqa: E402
from mlbreg.solvers.optim.proxsgd import ProxSGD  # noqa: E402
from mlbreg.solvers.optim.regularizers import L1, GroupL2, ParameterRegularizer  # noqa: E402
from mlbreg.solvers.optim.selected_entries import SelectedEntries  # noqa: E402

from .optimizer_cases import CASES, OptimizerCase, parameters, same, tensor  # noqa: E402

pytestmark = pytest.mark.torch
Parameter = torch.nn.Parameter
SHAPE = (4, 3, 2)


def _coo(indices: Any, values: Any, shape: tuple[int, ...] = SHAPE, coalesced: bool = False) -> Any:
    return torch.sparse_coo_tensor(indices, values, shape, is_coalesced=coalesced or None, check_invariants=True)


def _full(g: Any) -> Any:
    return _coo(torch.ones_like(g).nonzero().T, g.reshape(-1), tuple(g.shape), coalesced=True)


def _shuffled(g: Any) -> Any:
    order = torch.randperm(g.numel(), generator=torch.Generator().manual_seed(0))
    full = _full(g)
    return _coo(full._indices()[:, order], full._values()[order], tuple(g.shape))


def _twice(g: Any) -> Any:
    """Halves add up without an error."""
    full = _full(g)
    return _coo(full._indices().repeat(1, 2), full._values().repeat(2) / 2, tuple(g.shape))


def _rows(g: Any) -> Any:
    """As nn.Embedding gives it: the last axes are dense, and the rows in any order."""
    order = torch.arange(g.shape[0] - 1, -1, -1)
    return _coo(order.unsqueeze(0), g[order], tuple(g.shape))


FORMS: dict[str, Callable[[Any], Any]] = {
    "non-zeros": lambda g: g.to_sparse(),
    "all": _full,
    "not marked as coalesced": lambda g: _coo(_full(g)._indices(), g.reshape(-1), tuple(g.shape)),
    "in disorder": _shuffled,
    "twice": _twice,
    "rows": _rows,
    "all axes dense": lambda g: g.to_sparse(0) if g.dim() == 0 else _coo(torch.zeros(0, 1).long(), g[None], g.shape),
}


def _steps(make: Callable[..., Any], form: Callable[[Any], Any], shapes: Any = (SHAPE,), **options: Any) -> list[Any]:
    """The parameters and their state after each step, each gradient with about half of its entries 0."""
    optimizer = make([Parameter(tensor(*shape)) for shape in shapes], **options)
    history = []
    for step in range(6):
        for number, parameter in enumerate(parameters(optimizer)):
            g = tensor(*parameter.shape, seed=10 * step + number)
            parameter.grad = form(torch.where(g > 0.2, g, 0))
        optimizer.step()
        for parameter in parameters(optimizer):
            state = optimizer.state[parameter]
            history += [parameter.detach().clone(), *(state[name].clone() for name in sorted(state))]
    return history


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("case", [case for case in CASES if case.ours], ids=str)
def test_a_sparse_gradient_gives_the_steps_of_the_dense_one(case: OptimizerCase, form: str) -> None:
    assert same(_steps(case, FORMS[form]), _steps(case, lambda g: g))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("fused", [False, True], ids=["plain", "fused"])
@pytest.mark.parametrize("layout", ["entries", "rows", "columns", "kernels", "heads:2", "whole"])
def test_it_does_for_groups_of_every_cut_and_in_the_fused_update(layout: str, fused: bool, form: str) -> None:
    if fused and layout == "columns":
        return
    for make in (MultilevelLinBreg, MultilevelAdaBreg, ProxSGD):
        options: dict[str, Any] = {"regularizer": GroupL2(0.2, layout), "weight_decay": 0.1, "fused": fused}
        if make is not ProxSGD:
            options.update(coarse_steps=2, maximize=True)
        assert same(_steps(make, FORMS[form], **options), _steps(make, lambda g: g, **options))


@pytest.mark.parametrize("shape", [(), (0, 2), (5,)], ids=str)
def test_it_does_for_parameters_of_any_shape(shape: tuple[int, ...]) -> None:
    options = {"regularizer": L1(0.01), "coarse_steps": 2, "momentum": 0.5}
    sparse, dense = (
        _steps(MultilevelLinBreg, form, (shape,), **options) for form in (lambda g: g.to_sparse(), lambda g: g)
    )
    assert same(sparse, dense)


def test_entries_outside_the_selection_are_ignored_and_missing_ones_are_zero() -> None:
    theta = torch.tensor([1.0, 0.0, 1.0, 1.0])
    optimizer = MultilevelLinBreg([Parameter(theta)], lr=0.5, regularizer=L1(0.0), coarse_steps=3, selection=_nonzero)
    (parameter,) = parameters(optimizer)
    parameter.grad = _coo(torch.tensor([[1, 2]]), torch.tensor([7.0, 1.0]), (4,), coalesced=True)
    optimizer.step()
    assert parameter.tolist() == [1.0, 0.0, 0.5, 1.0]
    parameter.grad = _coo(torch.zeros(1, 0).long(), torch.zeros(0), (4,))
    optimizer.step()
    assert parameter.tolist() == [1.0, 0.0, 0.5, 1.0]


def _nonzero(theta: Any, _: ParameterRegularizer) -> Any:
    return theta != 0


@pytest.mark.parametrize("regularizer", [L1(0.01), GroupL2(0.01, "rows"), GroupL2(0.01, "columns")], ids=repr)
def test_indices_that_are_handed_over_again_are_compared_once(
    regularizer: ParameterRegularizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    found = selected_entries.positions_of
    monkeypatch.setattr(selected_entries, "positions_of", lambda gradient: calls.append(1) or found(gradient))
    theta = tensor(6, 5)
    theta[1:3] = 0
    theta[:, 2] = 0
    results = []
    for sparse in (True, False):
        optimizer = MultilevelLinBreg([Parameter(theta.clone())], regularizer=regularizer, coarse_steps=5)
        (parameter,) = parameters(optimizer)
        selected = regularizer.support(theta)
        indices = selected.nonzero().T.contiguous()
        for step in range(5):
            g = tensor(6, 5, seed=step)
            parameter.grad = (
                _coo(indices, g[selected], (6, 5)) if sparse else g
            )  # without the flag, as autograd gives it
            optimizer.step()
        results.append(parameter.detach())
    assert same(*zip(results, strict=True))
    assert len(calls) == 1
    parameter.grad = _coo(indices.clone(), g[selected], (6, 5))
    optimizer.step()


def test_values_at_the_selected_positions_are_taken_as_they_stand() -> None:
    mask = tensor(5, 4) != 0
    entries = SelectedEntries.of(mask, "entries")
    assert entries is not None
    values = torch.randn(int(mask.sum()))
    for _ in range(2):
        gradient = _coo(mask.nonzero().T, values, (5, 4), coalesced=True)
        assert entries.gather(gradient).data_ptr() == gradient._values().data_ptr()


def test_wrong_indices_that_are_marked_as_coalesced_are_put_in_order() -> None:
    mask = torch.tensor([True, True, False, True])
    entries = SelectedEntries.of(mask, "entries")
    assert entries is not None
    gradient = torch.sparse_coo_tensor(
        torch.tensor([[3, 0, 0]]), torch.tensor([1.0, 2.0, 4.0]), (4,), is_coalesced=True, check_invariants=False
    )
    assert entries.gather(gradient).reshape(-1).tolist() == [6.0, 0.0, 1.0]


@pytest.mark.parametrize("criterion", [GradientTest(0.5, 1e-3), Magma(0.5, 0.01, 2)], ids=repr)
def test_criteria_see_the_dense_gradient_as_the_plain_update_sees_it(criterion: Any) -> None:
    options = {"regularizer": L1(0.1), "coarse_steps": 2, "criterion": criterion, "maximize": True, "weight_decay": 0.3}
    dense = _steps(MultilevelLinBreg, lambda g: g, **options)
    assert same(_steps(MultilevelLinBreg, _rows, **options), dense)
    for one, other in zip(_steps(MultilevelLinBreg, _rows, fused=True, **options), dense, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("steps", [0, 1])
@pytest.mark.parametrize("case", [case for case in CASES if case.ours and not case.label], ids=str)
def test_a_sparse_gradient_that_is_not_finite_is_named_and_nothing_changes(case: OptimizerCase, steps: int) -> None:
    optimizer = case([Parameter(tensor(*SHAPE))])
    (parameter,) = parameters(optimizer)
    for step in range(steps):
        parameter.grad = tensor(*SHAPE, seed=step)
        optimizer.step()
    before = parameter.detach().clone()
    g = tensor(*SHAPE)
    g[0, 0, 0] = float("nan")
    g[3, 1, 1] = float("inf")
    for form in ("all", "in disorder", "rows"):
        parameter.grad = FORMS[form](g)
        with pytest.raises(ValueError, match="got 2 of 24 entries NaN or infinite in parameter 0 of group 0"):
            optimizer.step()
    huge = torch.full((4,), 3e38)
    huge[2:] *= -1
    parameter.grad = _coo(torch.tensor([[0, 0, 1, 1]] * 2 + [[0, 0, 1, 1]]), huge)
    with pytest.raises(ValueError, match="got 2 of 24 entries NaN or infinite"):
        optimizer.step()
    assert torch.equal(parameter, before)
    parameter.grad = _full(tensor(*SHAPE, seed=1))
    optimizer.step()
    assert not torch.equal(parameter, before)


@pytest.mark.parametrize("case", [case for case in CASES if case.ours and not case.label], ids=str)
def test_an_embedding_with_sparse_gradients_trains_as_one_with_dense_ones(case: OptimizerCase) -> None:
    results = []
    for sparse in (True, False):
        embedding = torch.nn.Embedding(6, 3, sparse=sparse)
        with torch.no_grad():
            embedding.weight.copy_(tensor(6, 3))
        optimizer = case(embedding.parameters())
        for step in range(6):
            optimizer.zero_grad(set_to_none=step % 2 == 0)
            embedding(torch.tensor([1, 4, 1, step % 5])).square().sum().backward()
            optimizer.step()
        results.append(embedding.weight.detach())
    torch.testing.assert_close(*results, rtol=1e-5, atol=1e-6)
