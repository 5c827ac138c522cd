"""Parameter regularizers against their twins in the theory, on every layout and shape."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from mlbreg.solvers.optim import layouts  # noqa: E402
from mlbreg.solvers.optim.regularizers import (  # noqa: E402
    L1,
    GroupL2,
    Nuclear,
    ParameterRegularizer,
    Zero,
    from_group,
    groups,
    register,
    to_group,
)

pytestmark = pytest.mark.torch

CASES = [
    (Zero(), (3, 4)),
    (L1(0.3), (3, 4)),
    (L1(0.3), ()),
    (L1(0.3), (0, 4)),
    (GroupL2(0.3, "entries"), (5,)),
    (GroupL2(0.3, "rows"), (3, 4)),
    (GroupL2(0.3, "rows"), (4,)),
    (GroupL2(0.3, "columns"), (3, 4)),
    (GroupL2(0.2, "kernels"), (3, 2, 3, 3)),
    (GroupL2(0.2, "kernels"), (3, 2, 5)),
    (GroupL2(0.1, "filters"), (3, 2, 3, 3)),
    (GroupL2(0.1, "channels"), (3, 2, 3, 3)),
    (GroupL2(0.1, "heads:2"), (6, 4)),
    (GroupL2(0.1, "heads:3"), (6,)),
    (GroupL2(0.2, "whole"), (2, 3)),
    (GroupL2(0.2, "rows"), (0, 3)),
    (Nuclear(0.3), (3, 4)),
    (Nuclear(0.3), (3, 2, 2)),
]
IDS = [f"{type(regularizer).__name__}-{getattr(regularizer, 'layout', '')}-{shape}" for regularizer, shape in CASES]


def _point(shape: tuple[int, ...], seed: int, regularizer: ParameterRegularizer) -> torch.Tensor:
    """A point with some groups at 0."""
    theta = torch.tensor(np.random.default_rng(seed).normal(size=shape))
    return regularizer.prox_(2 * theta, 2.0)


@pytest.mark.parametrize(("regularizer", "shape"), CASES, ids=IDS)
def test_value_prox_and_subgradient_are_those_of_the_theory(
    regularizer: ParameterRegularizer, shape: tuple[int, ...]
) -> None:
    regularizer.check(shape)
    twin = regularizer.theory(shape)
    rng = np.random.default_rng(1)
    for seed in range(10):
        z = np.asarray(rng.normal(size=shape) * 10 ** rng.uniform(-1, 1))
        theta = _point(shape, seed, regularizer)
        flat = theta.numpy().reshape(-1)
        assert float(regularizer.value(theta)) == pytest.approx(float(twin.value(flat)), rel=1e-12, abs=1e-12)
        np.testing.assert_allclose(
            regularizer.prox_(torch.tensor(z), 0.7).numpy().reshape(-1),
            twin.prox(z.reshape(-1), 0.7),
            rtol=1e-12,
            atol=1e-13,
        )
        np.testing.assert_allclose(
            regularizer.subgradient(theta, torch.tensor(z)).numpy().reshape(-1),
            twin.project_subdifferential(flat, z.reshape(-1)),
            rtol=1e-9,
            atol=1e-10,
        )


@pytest.mark.parametrize(("regularizer", "shape"), CASES, ids=IDS)
def test_lists_of_tensors_get_the_same_prox_and_it_is_in_place(
    regularizer: ParameterRegularizer, shape: tuple[int, ...]
) -> None:
    ones = [torch.from_numpy(np.random.default_rng(seed).normal(size=shape)) for seed in range(3)]
    expected = [regularizer.prox_(z.clone(), 0.5) for z in ones]
    addresses = [z.data_ptr() for z in ones]
    regularizer.prox_all_(ones, 0.5)
    assert [z.data_ptr() for z in ones] == addresses
    for z, wanted in zip(ones, expected, strict=True):
        assert torch.equal(z, wanted)


@pytest.mark.parametrize(
    ("layout", "count"), [("rows", 6), ("columns", 4), ("kernels", 24), ("heads:2", 2), ("whole", 1)]
)
def test_the_support_is_that_of_whole_groups(layout: str, count: int) -> None:
    theta = torch.zeros(6, 4, 3)
    assert groups(layout, theta.shape).count == count
    theta[1, 2, 0] = 1
    labels = np.asarray(groups(layout, theta.shape).labels).reshape(theta.shape)
    expected = labels == labels[1, 2, 0]
    assert np.array_equal(GroupL2(1.0, layout).support(theta).numpy(), expected)
    assert layouts.group_size(layout, tuple(theta.shape)) == expected.sum()


def test_a_parameter_group_holds_plain_data_that_give_the_regularizer_back() -> None:
    for regularizer in (Zero(), L1(0.5), GroupL2(0.5, "kernels"), Nuclear(2.0)):
        record = to_group(regularizer)
        assert all(isinstance(value, str | float) for value in record.values())
        assert from_group({**record, "lr": 0.1}) == regularizer


def test_a_regularizer_from_outside_is_registered_by_one_line() -> None:
    @register("half_l1")
    @dataclass(frozen=True)
    class HalfL1(ParameterRegularizer):
        lam: float

        def value(self, theta: torch.Tensor) -> torch.Tensor:
            return L1(self.lam / 2).value(theta)

        def prox_(self, z: torch.Tensor, step: float) -> torch.Tensor:
            return L1(self.lam / 2).prox_(z, step)

        def subgradient(self, theta: torch.Tensor, p: torch.Tensor) -> torch.Tensor:
            return L1(self.lam / 2).subgradient(theta, p)

        def theory(self, shape: tuple[int, ...]) -> object:
            return L1(self.lam / 2).theory(shape)

    assert from_group(to_group(HalfL1(0.5))) == HalfL1(0.5)
    with pytest.raises(ValueError, match="must be new"):
        register("half_l1")(L1)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: L1(-1), "lam must be a finite number ≥ 0, got -1"),
        (lambda: GroupL2(0.1, "kernel"), "layout must be one of .* got 'kernel'"),
        (lambda: GroupL2(0.1, "heads:0"), "layout must be one of .* got 'heads:0'"),
        (lambda: GroupL2(0.1, "kernels").check((3, 4)), "needs at least 3 axes, got shape \\(3, 4\\)"),
        (lambda: GroupL2(0.1, "heads:4").check((6, 4)), "first axis that 4 divides"),
        (lambda: Nuclear(0.1).check((3,)), "needs at least 2 axes"),
        (lambda: from_group({"regularizer": "l0"}), "regularizer must be one of .* got 'l0'"),
    ],
)
def test_wrong_regularizers_are_refused(make: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()  # type: ignore[operator]


def test_what_is_no_regularizer_is_refused() -> None:
    with pytest.raises(TypeError, match="regularizer must be one of"):
        to_group(0.1)  # type: ignore[arg-type]
