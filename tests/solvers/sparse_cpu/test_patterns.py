"""Whether a pattern covers a weight, and values spread over one."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")
pytest.importorskip("numba")

from mlbreg.solvers.sparse_cpu.patterns import covers, spread  # noqa: E402

pytestmark = pytest.mark.torch
sizes = st.sampled_from([1, 7, 1 << 14, (1 << 14) + 1, 40_000])


@settings(max_examples=40, deadline=None)
@given(size=sizes, density=st.sampled_from([0.0, 0.01, 0.5, 1.0]), seed=st.integers(0, 2**16))
def test_a_pattern_covers_its_weight_until_one_entry_more_is_non_zero(size: int, density: float, seed: int) -> None:
    torch.manual_seed(seed)
    mask = torch.rand(size) < density
    weight = torch.randn(size) * mask
    assert covers(mask, weight)
    free = (~mask).nonzero().squeeze(1)
    for value in (1e-30, float("nan")):
        if len(free):
            weight[free[seed % len(free)]] = value
            assert not covers(mask, weight)
            assert not covers(mask, weight.double())


@settings(max_examples=40, deadline=None)
@given(size=sizes, density=st.sampled_from([0.0, 0.01, 0.5, 1.0]), seed=st.integers(0, 2**16))
def test_values_are_spread_and_the_rest_is_zero(size: int, density: float, seed: int) -> None:
    torch.manual_seed(seed)
    positions = (torch.rand(size) < density).nonzero().squeeze(1)
    values, flat = torch.randn(len(positions)), torch.full((size,), 7.0)
    spread(values, positions, flat)
    expected = torch.zeros(size)
    expected[positions] = values
    assert torch.equal(flat, expected)


def test_shapes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match=r"mask must be bool of shape \(3,\), got torch.float32"):
        covers(torch.ones(3), torch.ones(3))
    with pytest.raises(ValueError, match="values and positions must have one shape"):
        spread(torch.ones(3), torch.zeros(2, dtype=torch.int64), torch.zeros(4))
