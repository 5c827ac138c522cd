"""The kernel for GPUs: run by triton's interpreter on the CPU, compiled for GPUs that need not be here, and on one."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from mlbreg.solvers.optim.adabreg import AdaBreg  # noqa: E402
from mlbreg.solvers.optim.fused import updates  # noqa: E402
from mlbreg.solvers.optim.linbreg import LinBreg  # noqa: E402
from mlbreg.solvers.optim.regularizers import L1, GroupL2, Zero  # noqa: E402

from ..optimizer_cases import parameters, tensor  # noqa: E402
from .fused_cases import OPTIONS, REGULARIZERS, assert_both_ways_agree  # noqa: E402

pytestmark = pytest.mark.torch
INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"
DTYPES = [torch.float32, torch.float64, torch.bfloat16, torch.float16]
#: The multilevel ones take the same launches.
UPDATES = [name for name in OPTIONS if "multilevel" not in name]
#: No shrinkage, entries, groups within a tile, groups longer than a tile.
INTERPRETED_REGULARIZERS = [Zero(), L1(0.3), GroupL2(0.15, "kernels"), GroupL2(0.15, "rows")]
on_a_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")


def test_the_interpreted_kernel_passes_its_tests() -> None:
    """triton reads TRITON_INTERPRET when the kernels are defined, so the tests below run in a process of their own."""
    pytest.importorskip("triton")
    command = [sys.executable, "-m", "pytest", "-q", "-W", "ignore", "-p", "no:cacheprovider", "-k", "when_interpreted"]
    run = subprocess.run(
        [*command, str(Path(__file__))],
        env={**os.environ, "TRITON_INTERPRET": "1", "PYTEST_ADDOPTS": ""},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    passed = re.search(r"(\d+) passed", run.stdout)
    assert passed is not None
    assert int(passed[1]) >= len(UPDATES) * len(INTERPRETED_REGULARIZERS), run.stdout


@pytest.mark.skipif(not INTERPRETED, reason="run by the test above")
@pytest.mark.parametrize("regularizer", INTERPRETED_REGULARIZERS, ids=repr)
@pytest.mark.parametrize("name", UPDATES)
def test_it_is_the_plain_update_when_interpreted(name: str, regularizer: Any, monkeypatch: Any) -> None:
    from mlbreg.solvers.optim.fused import cuda

    monkeypatch.setattr(updates, "_launch_on", lambda _: cuda.launch)
    assert_both_ways_agree(name, regularizer, torch.float32, steps=2)


@pytest.mark.skipif(not INTERPRETED, reason="run by the test above")
@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16], ids=str)
@pytest.mark.parametrize("regularizer", [L1(0.3), GroupL2(0.15, "rows")], ids=repr)
def test_it_is_so_in_every_precision_when_interpreted(dtype: Any, regularizer: Any, monkeypatch: Any) -> None:
    from mlbreg.solvers.optim.fused import cuda

    monkeypatch.setattr(updates, "_launch_on", lambda _: cuda.launch)
    # The interpreter cuts bfloat16 off where a GPU rounds, which adds up where θ⁺ is made of θ.
    for name in ("momentum", "adabreg decay") if dtype == torch.bfloat16 else ("adabreg decay", "proxsgd decay"):
        assert_both_ways_agree(name, regularizer, dtype, steps=2)


@pytest.mark.skipif(not INTERPRETED, reason="run by the test above")
def test_an_empty_parameter_does_not_change_its_neighbours_when_interpreted(monkeypatch: Any) -> None:
    from mlbreg.solvers.optim.fused import cuda

    monkeypatch.setattr(updates, "_launch_on", lambda _: cuda.launch)
    results = []
    for fused in (True, False):
        empty, single = torch.nn.Parameter(torch.ones(0, 3)), torch.nn.Parameter(torch.ones(1))
        optimizer = LinBreg([empty, single], regularizer=GroupL2(0.3, "whole"), fused=fused)
        empty.grad, single.grad = torch.ones(0, 3), torch.full((1,), 9.0)
        optimizer.step()
        results.append(single.detach())
    torch.testing.assert_close(*results)


def _assert_views_at_odd_addresses_agree(device: str) -> None:
    memory = tensor(3000).to(device)
    results = []
    for fused in (True, False):
        flat = memory.clone()
        odd, rest = torch.nn.Parameter(flat[1:1500]), torch.nn.Parameter(flat[1501:2999])
        optimizer = LinBreg([odd, rest], regularizer=L1(0.3), fused=fused)
        odd.grad, rest.grad = tensor(1499).to(device), tensor(1498).to(device)
        optimizer.step()
        results.append(flat)
        for outside in (0, 1500, 2999):
            assert flat[outside] == memory[outside]
    torch.testing.assert_close(*results)


@pytest.mark.skipif(not INTERPRETED, reason="run by the test above")
def test_parameters_that_are_views_at_odd_addresses_are_fine_when_interpreted(monkeypatch: Any) -> None:
    from mlbreg.solvers.optim.fused import cuda

    monkeypatch.setattr(updates, "_launch_on", lambda _: cuda.launch)
    _assert_views_at_odd_addresses_agree("cpu")


@pytest.mark.gpu
@on_a_gpu
def test_parameters_that_are_views_at_odd_addresses_are_fine_on_a_gpu() -> None:
    """Where loads of four numbers would fault: the interpreter does not see that."""
    _assert_views_at_odd_addresses_agree("cuda")


@pytest.mark.skipif(INTERPRETED, reason="the interpreter compiles nothing")
@pytest.mark.parametrize("capability", [80, 90])
@pytest.mark.filterwarnings("ignore:TRITON_DEFAULT_FP_FUSION")
def test_it_compiles_for_gpus_and_moves_four_numbers_at_a_time(
    capability: int, tmp_path: Path, monkeypatch: Any
) -> None:
    triton = pytest.importorskip("triton")
    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path))
    from mlbreg.solvers.optim.fused.cuda import _ENTRIES
    from mlbreg.solvers.optim.fused.cuda_kernels import update_entries, update_groups
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    def compiled(kernel: Any, theta: Any, state: Any, **constants: Any) -> str:
        fixed = {"SHRINKS": True, "ALIGNED": True, "THETA": theta, "STATE": state, **constants}
        kinds = {"table": "*i64", "numbers": f"*{state}", "parts": "*i32", "chunks": "*i32"}
        signature = {name: kinds.get(name, "constexpr") for name in kernel.arg_names}
        source = ASTSource(kernel, signature, constexprs={(kernel.arg_names.index(k),): v for k, v in fixed.items()})
        code: str = triton.compile(source, target=GPUTarget("cuda", capability, 32)).asm["ptx"]
        return code

    tl = triton.language
    for rule in range(4):
        code = compiled(update_entries, tl.float32, tl.float32, RULE=rule, TILE=_ENTRIES)
        assert "st.global.v4.b32" in code
        assert "ld.global.v4.b32" in code
    for theta, state in ((tl.bfloat16, tl.float32), (tl.float16, tl.float32), (tl.float64, tl.float64)):
        assert "st.global" in compiled(update_entries, theta, state, RULE=2, TILE=_ENTRIES)
        assert "st.global" in compiled(update_groups, theta, state, RULE=2, ROWS=2, TILE=512)


@pytest.mark.gpu
@on_a_gpu
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("name", OPTIONS)
def test_it_is_the_plain_update_on_a_gpu(name: str, dtype: Any) -> None:
    for regularizer in REGULARIZERS:
        assert_both_ways_agree(name, regularizer, dtype, "cuda")


@pytest.mark.gpu
@on_a_gpu
def test_a_large_network_is_updated_like_its_copy_on_the_cpu() -> None:
    results = []
    for device in ("cpu", "cuda"):
        params = [torch.nn.Parameter(tensor(*shape).to(device)) for shape in ((512, 512, 3, 3), (1000, 4608), (7,))]
        optimizer = AdaBreg(params, lr=0.05, regularizer=GroupL2(0.01, "rows"), fused=True)
        for step in range(3):
            for p in params:
                p.grad = tensor(*p.shape).to(device) * (step + 1)
            optimizer.step()
        results.append([p.detach().cpu() for p in params])
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


@pytest.mark.gpu
@on_a_gpu
@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_a_gradient_on_a_gpu_that_is_not_finite_is_refused(bad: float) -> None:
    params = [torch.nn.Parameter(tensor(40, 50).cuda()) for _ in range(3)]
    optimizer = LinBreg(params, fused=True)
    before = [p.detach().clone() for p in params]
    for p in params:
        p.grad = tensor(40, 50).cuda()
    params[1].grad[3, 4] = bad
    with pytest.raises(ValueError, match="gradients must be finite, got 1 of 2000 entries"):
        optimizer.step()
    assert all(torch.equal(one, other) for one, other in zip(before, parameters(optimizer), strict=True))


@pytest.mark.gpu
@on_a_gpu
def test_groups_that_are_too_long_for_one_program_are_refused() -> None:
    parameter = torch.nn.Parameter(torch.ones(300, 300, device="cuda"))
    with pytest.raises(
        ValueError, match="fused must be False on cuda for groups of more than 65,536 entries, got 90,000"
    ):
        LinBreg([parameter], regularizer=GroupL2(0.1, "whole"), fused=True)
