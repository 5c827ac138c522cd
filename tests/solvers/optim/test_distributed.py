"""Two processes on this machine (gloo): DDP, and FSDP2, which gives each process a part of every parameter."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from mlbreg.solvers.criteria import GradientTest, Magma  # noqa: E402
from mlbreg.solvers.optim.adabreg import AdaBreg  # noqa: E402
from mlbreg.solvers.optim.distributed_tensors import whole  # noqa: E402
from mlbreg.solvers.optim.linbreg import LinBreg  # noqa: E402
from mlbreg.solvers.optim.multilevel import MultilevelAdaBreg, MultilevelLinBreg  # noqa: E402
from mlbreg.solvers.optim.proxsgd import ProxSGD  # noqa: E402
from mlbreg.solvers.optim.regularizers import L1, GroupL2, Nuclear  # noqa: E402

pytestmark = [
    pytest.mark.torch,
    pytest.mark.slow,
    pytest.mark.skipif(not torch.distributed.is_available(), reason="this build of torch has no torch.distributed"),
]
STEPS = 6


def _model() -> Any:
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(6, 8), torch.nn.Tanh(), torch.nn.Linear(8, 5)).double()


def _layout(layout: str) -> Callable[[Any], Any]:
    def make(model: Any) -> Any:
        weights = [p for p in model.parameters() if p.dim() == 2]
        biases = [p for p in model.parameters() if p.dim() == 1]
        J = Nuclear(0.05) if layout == "nuclear" else GroupL2(0.05, layout)
        # Five rows on two processes: three here and two there, so heads are for the first layer.
        cut = weights[:1] if layout.startswith("heads") else weights
        rest = [p for p in weights if all(p is not q for q in cut)]
        return LinBreg([{"params": cut, "regularizer": J}, {"params": [*rest, *biases]}], lr=0.3)

    return make


MAKERS: dict[str, Callable[[Any], Any]] = {
    "linbreg": lambda model: LinBreg(model.parameters(), lr=0.3, regularizer=L1(0.1), momentum=0.5, weight_decay=0.01),
    "lists": lambda model: LinBreg(model.parameters(), lr=0.3, regularizer=L1(0.1), foreach=True),
    "adabreg": lambda model: AdaBreg(model.parameters(), lr=0.05, regularizer=L1(0.1)),
    "proxsgd": lambda model: ProxSGD(model.parameters(), lr=0.3, regularizer=L1(0.1)),
    **{layout: _layout(layout) for layout in ("rows", "columns", "whole", "heads:1", "heads:2", "heads:4", "nuclear")},
    "always": lambda model: MultilevelLinBreg(model.parameters(), lr=0.3, regularizer=L1(0.1), coarse_steps=2),
    "gradient test": lambda model: MultilevelLinBreg(
        model.parameters(), lr=0.3, regularizer=L1(0.1), coarse_steps=1, criterion=GradientTest(0.5, 1e-6)
    ),
    "magma": lambda model: MultilevelAdaBreg(
        model.parameters(), lr=0.05, regularizer=L1(0.1), coarse_steps=1, criterion=Magma(0.5, 0.1, 2)
    ),
}


def _train(model: Any, optimizer: Any, x: Any, y: Any) -> list[Any]:
    for _ in range(STEPS):
        optimizer.zero_grad()
        (model(x) - y).square().mean().backward()
        optimizer.step()
    return [whole(parameter.detach()).clone() for parameter in model.parameters()]


def _data() -> tuple[Any, Any]:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(8, 6, generator=generator).double(), torch.randn(8, 5, generator=generator).double()


def _ddp(rank: int, folder: Path) -> None:
    x, y = (part[4 * rank : 4 * rank + 4] for part in _data())
    results = {}
    for name, make in MAKERS.items():
        model = torch.nn.parallel.DistributedDataParallel(_model())
        results[name] = _train(model, make(model), x, y)
    torch.save(results, folder / f"result-{rank}.pt")


def _sharded(mesh: Any) -> Any:
    from torch.distributed.fsdp import fully_shard

    return fully_shard(_model(), mesh=mesh)


def _fsdp(rank: int, folder: Path) -> None:
    from torch.distributed.device_mesh import init_device_mesh

    mesh = init_device_mesh("cpu", (2,))
    x, y = (part[4 * rank : 4 * rank + 4] for part in _data())
    results: dict[str, Any] = {}
    for name, make in MAKERS.items():
        model = _sharded(mesh)
        results[name] = _train(model, make(model), x, y)
    results["error"] = _nan_on_the_first(mesh, rank)
    results["resumed"] = [_resumed(name, mesh, x, y) for name in ("adabreg", "always", "magma")]
    torch.save(results, folder / f"result-{rank}.pt")


def _nan_on_the_first(mesh: Any, rank: int) -> str:
    model = _sharded(mesh)
    optimizer = MAKERS["linbreg"](model)
    model(_data()[0]).sum().backward()
    if rank == 0:
        next(model.parameters()).grad.to_local().fill_(float("nan"))
    with pytest.raises(ValueError, match="gradients must be finite") as caught:
        optimizer.step()
    return str(caught.value)


def _resumed(name: str, mesh: Any, x: Any, y: Any) -> bool:
    """Through the optimizer's own state_dict and through that of torch.distributed.checkpoint."""
    from torch.distributed.checkpoint.state_dict import get_optimizer_state_dict, set_optimizer_state_dict

    model = _sharded(mesh)
    optimizer, first, second = (MAKERS[name](model) for _ in range(3))
    _train(model, optimizer, x, y)
    first.load_state_dict(optimizer.state_dict())
    set_optimizer_state_dict(model, second, get_optimizer_state_dict(model, optimizer))
    entries = [(p, key, value) for p in model.parameters() for key, value in optimizer.state[p].items()]
    return len(entries) > 0 and all(
        torch.equal(whole(value), whole(other.state[p][key])) for other in (first, second) for p, key, value in entries
    )


def _process(rank: int, work: Callable[[int, Path], None], folder: Path) -> None:
    torch.set_num_threads(1)
    torch.distributed.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=2)
    try:
        work(rank, folder)
    finally:
        torch.distributed.destroy_process_group()


def _run(work: Callable[[int, Path], None], folder: Path) -> list[dict[str, Any]]:
    torch.multiprocessing.spawn(_process, args=(work, folder), nprocs=2)
    return [torch.load(folder / f"result-{rank}.pt") for rank in range(2)]


def _alone(name: str) -> list[Any]:
    model = _model()
    return _train(model, MAKERS[name](model), *_data())


def test_with_ddp_two_processes_do_what_one_does_on_the_joined_batch(tmp_path: Path) -> None:
    one, other = _run(_ddp, tmp_path)
    for name in MAKERS:
        for a, b, alone in zip(one[name], other[name], _alone(name), strict=True):
            assert torch.equal(a, b), name
            torch.testing.assert_close(a, alone, rtol=1e-9, atol=1e-11)
            assert torch.equal(a != 0, alone != 0), name
    assert any(not a.all() for a in one["linbreg"])


def test_with_fsdp_two_processes_do_what_one_does_also_where_groups_lie_on_both(tmp_path: Path) -> None:
    one, other = _run(_fsdp, tmp_path)
    for name in MAKERS:
        for a, b, alone in zip(one[name], other[name], _alone(name), strict=True):
            assert torch.equal(a, b), name
            torch.testing.assert_close(a, alone, rtol=1e-9, atol=1e-11)
    assert one["error"] == other["error"]
    assert "got 24 of 48 entries NaN or infinite" in one["error"]
    assert one["resumed"] == other["resumed"] == [True, True, True]
