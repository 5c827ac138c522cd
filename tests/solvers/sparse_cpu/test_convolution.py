"""The sparse convolution against torch's dense one in float64: forward, input gradient, weight gradient, and both at once."""

from __future__ import annotations

import subprocess
import sys
from typing import Any, NamedTuple

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")
pytest.importorskip("numba")

from mlbreg.solvers.sparse_cpu import cover  # noqa: E402
from mlbreg.solvers.sparse_cpu.backward import gradients  # noqa: E402
from mlbreg.solvers.sparse_cpu.blocks import Blocked, Grid, Storage, pack, unpack, zeros  # noqa: E402
from mlbreg.solvers.sparse_cpu.convolution import (  # noqa: E402
    NonZeros,
    forward,
    input_gradient,
    non_zeros,
    weight_gradient,
)
from mlbreg.solvers.sparse_cpu.geometry import Geometry  # noqa: E402
from mlbreg.solvers.sparse_cpu.plan import Plan  # noqa: E402

from .activations import ROUNDING, STORAGES, normal, rounded, storages  # noqa: E402

pytestmark = pytest.mark.torch


class Case(NamedTuple):
    """A convolution and random data for it."""

    geometry: Geometry
    weight: Any
    x: Any
    dy: Any
    storage: Storage = "float32"


@st.composite
def cases(draw: st.DrawFn) -> Case:
    images, channels, out = draw(st.sampled_from([1, 3, 16, 17, 33])), draw(st.integers(1, 4)), draw(st.integers(1, 4))
    pairs = st.tuples(st.integers(1, 3), st.integers(1, 3))
    kernel = draw(st.tuples(st.integers(1, 5), st.integers(1, 5)))
    geometry = Geometry(kernel, draw(pairs), draw(st.tuples(st.integers(0, 2), st.integers(0, 2))), draw(pairs))
    height, width = draw(st.integers(1, 18)), draw(st.integers(1, 18))
    span = [
        n + 2 * p - d * (k - 1)
        for n, k, p, d in zip((height, width), kernel, geometry.padding, geometry.dilation, strict=True)
    ]
    assume(min(span) >= 1)
    torch.manual_seed(draw(st.integers(0, 2**16)))
    weight = torch.randn(out, channels, *kernel)
    kept = draw(st.sampled_from(["none", "one", "few", "half", "all", "no first row", "no first column"]))
    share = {"few": 0.05, "half": 0.5, "no first row": 0.5, "no first column": 0.5}.get(kept, 1.0)
    weight = weight * (torch.rand(weight.shape) < share)
    if kept in ("none", "one"):
        weight = torch.zeros_like(weight)
    if kept == "one":
        weight.view(-1)[draw(st.integers(0, weight.numel() - 1))] = 2.0
    if kept == "no first row":
        weight[0] = 0
    if kept == "no first column":
        weight[:, 0] = 0
    storage = draw(storages)
    x, dy = (
        normal(storage, images, channels, height, width),
        normal(storage, images, out, *geometry.output(height, width)),
    )
    return Case(geometry, weight, x, dy, storage)


@st.composite
def small_images(draw: st.DrawFn) -> Case:
    """A 3 × 3 window on images whose border is left out, or with blocks of channels that fit into a cache."""
    height = draw(st.sampled_from([4, 8, 16]))
    channels, out = draw(st.integers(1, 40)), draw(st.integers(1, 40))
    torch.manual_seed(draw(st.integers(0, 2**16)))
    weight = torch.randn(out, channels, 3, 3) * (torch.rand(out, channels, 3, 3) < draw(st.sampled_from([0.02, 0.5])))
    images, storage = draw(st.sampled_from([1, 17, 33])), draw(storages)
    x, dy = normal(storage, images, channels, height, height), normal(storage, images, out, height, height)
    return Case(Geometry((3, 3), padding=(1, 1)), weight, x, dy, storage)


def _plan(case: Case, extra: int = 0) -> Plan:
    images, channels, height, width = case.x.shape
    of_x, of_dy = case.geometry.borders(height, width)
    x = Grid(images, channels, height, width, of_x + extra, case.storage)
    return Plan(case.weight != 0, case.geometry, x, Grid(*case.dy.shape, of_dy + extra, case.storage))


def _dense(case: Case) -> tuple[Any, Any, Any]:
    x, weight = case.x.double().requires_grad_(), case.weight.double().requires_grad_()
    g = case.geometry
    y = torch.nn.functional.conv2d(x, weight, stride=g.stride, padding=g.padding, dilation=g.dilation)
    y.backward(case.dy.double())
    return y.detach(), x.grad, weight.grad[case.weight != 0]


def _close(ours: Any, exact: Any, magnitude: Any, storage: Storage = "float32") -> bool:
    """Up to the rounding of a sum whose terms have this sum of absolute values: what cancels is rounded, too.

    And once more where the sum is stored.
    """
    return bool(((ours.double() - exact).abs() <= 3e-6 * magnitude + ROUNDING[storage] * exact.abs() + 1e-12).all())


@settings(max_examples=100, deadline=None)
@given(case=cases() | small_images(), extra=st.integers(0, 1))
def test_all_three_are_those_of_the_dense_convolution(case: Case, extra: int) -> None:
    plan = _plan(case, extra)
    y, dx, dw = _dense(case)
    sizes = _dense(Case(case.geometry, case.weight.abs(), case.x.abs(), case.dy.abs()))
    x, out = pack(case.x, zeros(plan.x)), zeros(plan.y)
    forward(plan, case.weight, x, out)
    assert _close(unpack(out), y, sizes[0], case.storage)
    dy, back = pack(case.dy, zeros(plan.y)), zeros(plan.x)
    input_gradient(plan, case.weight, dy, back)
    assert _close(unpack(back), dx, sizes[1], case.storage)
    before = normal(case.storage, *case.x.shape)
    onto = pack(before, zeros(plan.x))
    input_gradient(plan, case.weight, dy, onto, add=True)
    assert _close(unpack(onto), dx + before, sizes[1] + before.abs(), case.storage)
    assert _close(weight_gradient(plan, x, dy), dw, sizes[2])
    both, more = zeros(plan.x), pack(before, zeros(plan.x))
    for onto, add in ((both, False), (more, True)):
        assert _close(gradients(plan, case.weight, x, dy, onto, add), dw, sizes[2])
    assert _close(unpack(both), dx, sizes[1], case.storage)
    assert _close(unpack(more), dx + before, sizes[1] + before.abs(), case.storage)


@settings(max_examples=100, deadline=None)
@given(case=cases() | small_images())
def test_a_gated_gradient_is_zero_where_the_input_is_not_positive(case: Case) -> None:
    plan = _plan(case)
    _, dx, dw = _dense(case)
    sizes = _dense(Case(case.geometry, case.weight.abs(), case.x.abs(), case.dy.abs()))
    x, dy, is_open = pack(case.x, zeros(plan.x)), pack(case.dy, zeros(plan.y)), case.x > 0
    target = zeros(plan.x)
    assert _close(gradients(plan, case.weight, x, dy, target, gate=True), dw, sizes[2])
    assert _close(unpack(target), dx * is_open, sizes[1], case.storage)
    before = rounded(1 + torch.rand_like(case.x), case.storage)
    onto = pack(before, zeros(plan.x))
    gradients(plan, case.weight, x, dy, onto, add=True, gate=True)
    untouched = unpack(onto) == before
    assert not plan.reaches_all or not untouched[~is_open].any()
    expected = torch.where(untouched, before.double(), (dx + before) * is_open)
    assert _close(unpack(onto), expected, sizes[1] + before.abs(), case.storage)


@settings(max_examples=100, deadline=None)
@given(case=cases())
def test_a_plan_knows_whether_all_pixels_of_the_gradient_are_written(case: Case) -> None:
    plan = _plan(case)
    back = pack(torch.full_like(case.x, float("nan")), zeros(plan.x))
    input_gradient(plan, case.weight, pack(case.dy, zeros(plan.y)), back)
    assert bool(unpack(back).isnan().any()) is not plan.reaches_all


@settings(max_examples=60, deadline=None)
@given(case=cases() | small_images())
def test_nothing_outside_the_image_is_written_and_nothing_outside_the_borders_is_read(case: Case) -> None:
    """The memory lies between poisoned pages of NaN: a read beyond it spoils the result, a write beyond it the poison."""
    plan = _plan(case)
    x, dy = pack(case.x, _poisoned(plan.x)), pack(case.dy, _poisoned(plan.y))
    out, back = _poisoned(plan.y), _poisoned(plan.x)
    forward(plan, case.weight, x, out)
    input_gradient(plan, case.weight, dy, back)
    input_gradient(plan, case.weight, dy, back, add=True)
    gradient = weight_gradient(plan, x, dy)
    assert torch.isfinite(gradient).all()
    for add in (False, True):
        assert torch.isfinite(gradients(plan, case.weight, x, dy, back, add)).all()
    for blocked in (x, dy, out, back):
        guard = _GUARDS.pop(blocked.address)
        inside = blocked.memory.numel()
        assert guard[:_GUARD].isnan().all()
        assert guard[_GUARD + inside :].isnan().all()
        assert torch.isfinite(blocked.memory).all()
        rest = blocked.memory.clone()
        Blocked(rest, blocked.grid).interior.zero_()
        assert not rest.any()


_GUARD = 4096
_GUARDS: dict[int, Any] = {}


def _poisoned(grid: Grid) -> Blocked:
    inside = grid.blocks * grid.block // grid.dtype.itemsize
    whole = torch.full((inside + 2 * _GUARD,), float("nan"), dtype=grid.dtype)
    blocked = Blocked(whole[_GUARD : _GUARD + inside].zero_(), grid)
    _GUARDS[blocked.address] = whole
    return blocked


@pytest.mark.parametrize("side", [4, 8])
def test_more_channels_than_the_second_cache_holds_are_taken_in_blocks(side: int) -> None:
    torch.manual_seed(0)
    weight = torch.randn(20, 300, 3, 3) * (torch.rand(20, 300, 3, 3) < 0.02)
    case = Case(
        Geometry((3, 3), padding=(1, 1)), weight, torch.randn(3, 300, side, side), torch.randn(3, 20, side, side)
    )
    plan = _plan(case)
    assert plan.forward.channel_blocks > 1
    assert plan.forward.segments == 9
    y, x, out = _dense(case)[0], pack(case.x, zeros(plan.x)), zeros(plan.y)
    forward(plan, weight, x, out)
    torch.testing.assert_close(unpack(out).double(), y, rtol=1e-5, atol=1e-5)


def test_sums_of_many_channels_are_stored_once_where_they_are_rounded() -> None:
    torch.manual_seed(0)
    x, dy = normal("bfloat16", 3, 300, 8, 8), normal("bfloat16", 3, 20, 8, 8)
    plan = _plan(Case(Geometry((3, 3), padding=(1, 1)), torch.ones(20, 300, 3, 3), x, dy, "bfloat16"))
    assert {sweep.channel_blocks for sweep in (plan.forward, plan.gradient, *plan.backward, *plan.adding)} == {1}


@pytest.mark.parametrize("storage", STORAGES)
def test_nan_and_infinity_reach_the_pixels_of_their_windows_alone(storage: Storage) -> None:
    x = torch.zeros(33, 1, 8, 8)
    x[1, 0, 1, 1], x[32, 0, 6, 6] = float("nan"), float("inf")
    case = Case(Geometry((3, 3), padding=(1, 1)), torch.ones(1, 1, 3, 3), x, x, storage)
    plan = _plan(case)
    y, dx = zeros(plan.y), zeros(plan.x)
    forward(plan, case.weight, pack(x, zeros(plan.x)), y)
    input_gradient(plan, case.weight, pack(x, zeros(plan.y)), dx)
    for found in (unpack(y), unpack(dx)):
        assert found[1, 0, :3, :3].isnan().all()
        assert found[32, 0, 5:, 5:].isposinf().all()
        assert int(torch.isfinite(found).sum()) == found.numel() - 18


@pytest.mark.parametrize("side", [4, 16])
def test_a_gradient_in_blocks_of_channels_is_gated_after_the_last_of_them(side: int) -> None:
    torch.manual_seed(0)
    weight = torch.randn(300, 20, 3, 3) * (torch.rand(300, 20, 3, 3) < 0.02)
    case = Case(
        Geometry((3, 3), padding=(1, 1)), weight, torch.randn(3, 20, side, side), torch.randn(3, 300, side, side)
    )
    plan = _plan(case)
    assert plan.adding[0].channel_blocks > 1
    dx, x, dy, target = _dense(case)[1], pack(case.x, zeros(plan.x)), pack(case.dy, zeros(plan.y)), zeros(plan.x)
    gradients(plan, weight, x, dy, target, gate=True)
    torch.testing.assert_close(unpack(target).double(), dx * (case.x > 0), rtol=1e-5, atol=1e-5)


def test_many_non_zeros_are_put_in_order_by_all_threads() -> None:
    torch.manual_seed(0)
    weight = torch.randn(64, 64, 3, 3)
    case = Case(Geometry((3, 3), padding=(1, 1)), weight, torch.randn(2, 64, 4, 4), torch.randn(2, 64, 4, 4))
    plan, (_, dx, dw) = _plan(case), _dense(case)
    x, dy, back = pack(case.x, zeros(plan.x)), pack(case.dy, zeros(plan.y)), zeros(plan.x)
    torch.testing.assert_close(weight_gradient(plan, x, dy).double(), dw, rtol=1e-5, atol=1e-4)
    torch.testing.assert_close(gradients(plan, weight, x, dy, back).double(), dw, rtol=1e-5, atol=1e-4)
    torch.testing.assert_close(unpack(back).double(), dx, rtol=1e-5, atol=1e-4)


def test_non_zeros_that_were_gathered_before_must_be_as_many() -> None:
    geometry, mask = Geometry((1, 1)), torch.ones(2, 2, 1, 1, dtype=torch.bool)
    plan = Plan(mask, geometry, Grid(1, 2, 1, 1), Grid(1, 2, 1, 1))
    gathered = non_zeros(plan, torch.tensor([1.0, 2.0, 3.0, 4.0]).view(2, 2, 1, 1))
    assert gathered.values.tolist() == [1.0, 2.0, 3.0, 4.0]
    with pytest.raises(ValueError, match="weight must have 4 non-zeros, got 3"):
        non_zeros(plan, NonZeros(gathered.values[:3]))


def test_kernels_leave_the_number_of_threads_of_torch_alone() -> None:
    """In a process of its own: the first kernel starts the threads."""
    code = (
        "import torch; torch.set_num_threads(1)\n"
        "from mlbreg.solvers.sparse_cpu import elementwise\n"
        "from mlbreg.solvers.sparse_cpu.blocks import Grid, zeros\n"
        "x = zeros(Grid(1, 1, 1, 1)); elementwise.add(x, x)\n"
        "import numba; print(torch.get_num_threads(), numba.get_num_threads())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1", "1"]


@pytest.mark.parametrize("storage", STORAGES)
def test_one_thread_and_two_agree(storage: Storage) -> None:
    torch.manual_seed(0)
    weight = torch.randn(8, 8, 3, 3) * (torch.rand(8, 8, 3, 3) < 0.3)
    x, dy = torch.randn(40, 8, 12, 12), torch.randn(40, 8, 12, 12)
    case = Case(Geometry((3, 3), padding=(1, 1)), weight, x, dy, storage)
    plan, before, results = _plan(case), torch.get_num_threads(), []
    x, dy = pack(case.x, zeros(plan.x)), pack(case.dy, zeros(plan.y))
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            out, back = zeros(plan.y), zeros(plan.x)
            forward(plan, weight, x, out)
            input_gradient(plan, weight, dy, back)
            both = zeros(plan.x)
            gradient, again = (gradients(plan, weight, x, dy, both) for _ in range(2))
            assert torch.equal(gradient, again)
            assert torch.equal(both.memory, back.memory)
            results.append((out.memory, back.memory, weight_gradient(plan, x, dy), gradient))
    finally:
        torch.set_num_threads(before)
    assert torch.equal(results[0][0], results[1][0])
    assert torch.equal(results[0][1], results[1][1])
    for one, two in zip(results[0][2:], results[1][2:], strict=True):
        torch.testing.assert_close(one, two, rtol=1e-5, atol=1e-4)


@settings(max_examples=100, deadline=None)
@given(height=st.integers(1, 20), width=st.integers(1, 20), step=st.integers(1, 3))
def test_the_covers_cover(height: int, width: int, step: int) -> None:
    for cut, most in ((cover.overlapping, None), (cover.exact, 1)):
        hits = torch.zeros(height, width, dtype=torch.int64)
        for kind, r, c, _ in cut(height, width, step).tolist():
            rows, cols = cover.SHAPES[kind]
            assert 0 <= r <= height - rows
            assert 0 <= c <= width - cols
            assert step < 3 or cols == 1
            hits[r : r + rows, c : c + cols] += 1
        assert bool((hits >= 1).all())
        assert most is None or bool((hits == most).all())


@settings(max_examples=50, deadline=None)
@given(shape=st.tuples(st.integers(1, 40), *[st.integers(1, 5)] * 3), border=st.integers(0, 2), storage=storages)
def test_packing_and_unpacking_is_the_identity(shape: tuple[int, ...], border: int, storage: Storage) -> None:
    x = normal(storage, shape[0], shape[2], shape[1], shape[3]).transpose(1, 2)  # not contiguous
    blocked = pack(x, zeros(Grid(*shape, border, storage)))
    assert torch.equal(unpack(blocked), x)
    assert float(blocked.memory.double().sum()) == pytest.approx(float(x.double().sum()), abs=1e-9)


def test_wrong_shapes_borders_and_memory_are_refused() -> None:
    geometry, mask = Geometry((3, 3), padding=(1, 1)), torch.ones(4, 2, 3, 3, dtype=torch.bool)
    x, y = Grid(16, 2, 8, 8, 1), Grid(16, 4, 8, 8, 1)
    with pytest.raises(ValueError, match=r"borders must be at least \(1, 1\) .* got 0 and 1"):
        Plan(mask, geometry, Grid(16, 2, 8, 8, 0), y)
    with pytest.raises(ValueError, match=r"mask must have shape \(O, C, K, L\) = \(4, 3, 3, 3\), got \(4, 2, 3, 3\)"):
        Plan(mask, geometry, Grid(16, 3, 8, 8, 1), y)
    with pytest.raises(ValueError, match=r"y must be a grid of .*\(16, 4, 8, 8\)"):
        Plan(mask, geometry, x, Grid(16, 4, 8, 9, 1))
    with pytest.raises(ValueError, match="as large as the window"):
        Geometry((9, 9)).output(8, 8)
    plan = Plan(mask, geometry, x, y)
    with pytest.raises(ValueError, match="x must have the grid of the plan"):
        forward(plan, torch.ones(4, 2, 3, 3), zeros(Grid(16, 2, 8, 8, 2)), zeros(y))
    memory = torch.zeros(x.blocks * x.block // 4 + 1)[1:]
    with pytest.raises(ValueError, match="x must be contiguous float32 memory aligned to 64 bytes"):
        forward(plan, torch.ones(4, 2, 3, 3), Blocked(memory, x), zeros(y))
    with pytest.raises(ValueError, match=r"x must be float32 on the CPU of shape \(16, 2, 8, 8\)"):
        pack(torch.zeros(16, 2, 8, 8, dtype=torch.float64), zeros(x))
    with pytest.raises(ValueError, match="x must have the grid of the plan"):
        forward(plan, torch.ones(4, 2, 3, 3), zeros(Grid(16, 2, 8, 8, 1, "bfloat16")), zeros(y))
    with pytest.raises(ValueError, match="x and y must have the same storage, got float32 and bfloat16"):
        Plan(mask, geometry, x, Grid(16, 4, 8, 8, 1, "bfloat16"))
    with pytest.raises(ValueError, match="storage must be 'float32' or 'bfloat16', got 'float16'"):
        Grid(1, 1, 1, 1, 0, "float16")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="channels must be ≥ 1, got 0"):
        Grid(1, 0, 1, 1)
    for weight in (torch.ones(4, 2, 3, 3, dtype=torch.float64), torch.ones(4, 3, 3, 3)):
        for multiply in (
            lambda w: forward(plan, w, zeros(x), zeros(y)),
            lambda w: input_gradient(plan, w, zeros(y), zeros(x)),
            lambda w: gradients(plan, w, zeros(x), zeros(y), zeros(x)),
        ):
            with pytest.raises(ValueError, match=r"weight must be float32 on the CPU of shape \(4, 2, 3, 3\), got"):
                multiply(weight)
