"""What the fused update is compared with its twin on: optimizers with options, regularizers, shapes; and the comparison."""

from __future__ import annotations

from typing import Any

import torch
from mlbreg.solvers.optim.adabreg import AdaBreg
from mlbreg.solvers.optim.linbreg import LinBreg
from mlbreg.solvers.optim.multilevel import MultilevelAdaBreg, MultilevelLinBreg
from mlbreg.solvers.optim.proxsgd import ProxSGD
from mlbreg.solvers.optim.regularizers import L1, GroupL2, Zero
from torch.nn import Parameter

from ..optimizer_cases import parameters, take, tensor

OPTIONS: dict[str, tuple[Any, dict[str, Any]]] = {
    "linbreg": (LinBreg, {"lr": 0.1}),
    "momentum": (LinBreg, {"lr": 0.1, "momentum": 0.9, "delta": 0.5, "maximize": True, "weight_decay": 0.1}),
    "decay": (LinBreg, {"lr": 0.1, "weight_decay": 0.1, "dual_decay": 0.2, "delta": 2.0}),
    "adabreg": (AdaBreg, {"lr": 0.05}),
    "adabreg decay": (AdaBreg, {"lr": 0.05, "betas": (0.5, 0.9), "weight_decay": 0.1, "dual_decay": 0.2, "delta": 2.0}),
    "proxsgd": (ProxSGD, {"lr": 0.1}),
    "proxsgd decay": (ProxSGD, {"lr": 0.3, "weight_decay": 0.1, "maximize": True}),
    "multilevel": (MultilevelLinBreg, {"lr": 0.1, "coarse_steps": 2}),
    "multilevel momentum": (
        MultilevelLinBreg,
        {"lr": 0.1, "coarse_steps": 2, "momentum": 0.9, "maximize": True, "weight_decay": 0.1, "dual_decay": 0.2},
    ),
    "multilevel adabreg": (MultilevelAdaBreg, {"lr": 0.05, "coarse_steps": 2, "weight_decay": 0.1, "delta": 2.0}),
}
REGULARIZERS = [
    Zero(),
    L1(0.3),
    *(GroupL2(0.15, layout) for layout in ("entries", "rows", "filters", "kernels", "heads:2", "whole")),
]
#: The second is longer than a block, and than a tile of a GPU.
SHAPES = [(4, 3, 3, 3), (2, 5, 40, 30), (0, 3, 3)]


def make_parameters(dtype: Any, device: str = "cpu") -> list[Any]:
    """Parameters of each shape."""
    return [Parameter(tensor(*shape).to(device, dtype)) for shape in SHAPES]


def assert_both_ways_agree(name: str, regularizer: Any, dtype: Any, device: str = "cpu", steps: int = 6) -> None:
    """Some steps of the fused update and of the plain one end at the same parameters and state, in place."""
    make, options = OPTIONS[name]
    optimizers = [
        make(make_parameters(dtype, device), regularizer=regularizer, fused=fused, **options) for fused in (True, False)
    ]
    addresses = [p.data_ptr() for p in parameters(optimizers[0])]
    # Half precision: a number that falls between two entries may be rounded to either.
    # ProxSGD steps from the rounded θ, so that the next rounding may add to it.
    half = {"rtol": 2**-6 if make is ProxSGD else 2**-7, "atol": 1e-2}
    close = half if dtype in (torch.bfloat16, torch.float16) else {"rtol": 1e-4, "atol": 1e-5}
    close = {"rtol": 1e-12, "atol": 1e-12} if dtype == torch.float64 else close
    for step in range(steps):
        fused, plain = (take(optimizer, range(step, step + 1)) for optimizer in optimizers)
        for one, other in zip(fused, plain, strict=True):
            torch.testing.assert_close(one, other, **close)
    for one, other in zip(*map(parameters, optimizers), strict=True):
        for key, value in optimizers[1].state[other].items():
            torch.testing.assert_close(optimizers[0].state[one][key], value, **close)
    assert [p.data_ptr() for p in parameters(optimizers[0])] == addresses
    assert all(p._version > 0 for p in parameters(optimizers[0]) if p.numel())
