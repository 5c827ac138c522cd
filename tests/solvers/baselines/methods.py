"""The data of the generic tests: every baseline with a schedule that does something within 20 steps, bases, and layouts."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from mlbreg.solvers.baselines.ac_dc import ACDC
from mlbreg.solvers.baselines.gradual_pruning import GradualPruning
from mlbreg.solvers.baselines.granet import GraNet
from mlbreg.solvers.baselines.lasso import Lasso
from mlbreg.solvers.baselines.masked import MaskedOptimizer
from mlbreg.solvers.baselines.prune_and_fine_tune import PruneAndFineTune
from mlbreg.solvers.baselines.rigl import RigL
from mlbreg.solvers.baselines.sparse_evolutionary_training import SET
from mlbreg.solvers.baselines.static_sparse import StaticSparse
from mlbreg.solvers.optim.regularizers import L1
from torch import Tensor
from torch.optim import SGD, Adam, AdamW

MASKED: dict[str, Callable[..., MaskedOptimizer]] = {
    "static": partial(StaticSparse, density=0.3),
    "set": partial(SET, density=0.3, total_steps=20, every=3),
    "rigl": partial(RigL, density=0.3, total_steps=24, every=3),
    "rigl-uniform": partial(RigL, density=0.3, total_steps=24, every=3, distribution="uniform", drop_fraction=0.9),
    "pruning": partial(GradualPruning, density=0.2, begin=2, every=3, end=14),
    "pruning-layer": partial(GradualPruning, density=0.2, begin=2, every=3, end=14, scope="layer", distribution="erk"),
    "prune": partial(PruneAndFineTune, density=0.2, prune_after=12),
    "acdc": partial(
        ACDC, density=0.2, warmup=2, length=3, final_decompressed=3, final_compressed=6, total_steps=20, scope="layer"
    ),
    "granet": partial(GraNet, density=0.2, begin=2, every=3, end=14, total_steps=20),
    "granet-dense": partial(GraNet, density=0.2, begin=2, every=3, end=14, total_steps=20, initial_density=1.0),
}
ALL: dict[str, Callable[..., Any]] = {
    **MASKED,
    "lasso": partial(Lasso, regularizer=L1(0.01), threshold=0.02, threshold_steps=True),
}
#: Keep as many weights as they started with.
CONSTANT = ("static", "set", "rigl", "rigl-uniform")

BASES: dict[str, dict[str, Any]] = {
    "sgd": {"base": SGD, "lr": 0.05},
    "nesterov": {"base": SGD, "lr": 0.05, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01},
    "foreach": {"base": SGD, "lr": 0.05, "momentum": 0.9, "foreach": True, "maximize": True},
    "adam": {"base": Adam, "lr": 0.01, "weight_decay": 0.01, "amsgrad": True},
    "adamw": {"base": AdamW, "lr": 0.01, "fused": True},
}

#: name: shapes; matrices, kernels, biases, a layer that ERK makes dense, empty and 0-d parameters.
LAYOUTS: dict[str, list[tuple[int, ...]]] = {
    "linear": [(6, 9), (6,), (4, 6), (4,)],
    "conv": [(4, 3, 3, 3), (), (2, 4, 1, 1), (0, 3), (3, 5, 2), (30, 40)],
}


def parameters(layout: str, seed: int = 0, dtype: torch.dtype = torch.float32) -> list[torch.nn.Parameter]:
    """Normal entries; kernels in channels-last memory, so that a mask has to follow strides."""
    generator = torch.Generator().manual_seed(seed)
    drawn = [torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype) for shape in LAYOUTS[layout]]
    return [torch.nn.Parameter(x.to(memory_format=torch.channels_last) if x.dim() == 4 else x) for x in drawn]


def gradients(params: list[torch.nn.Parameter], step: int) -> list[Tensor]:
    """A function of the step, so that two runs see the same; dense, whatever the masks are; strides as autograd makes them."""
    generator = torch.Generator().manual_seed(1000 + step)
    drawn = [torch.randn(p.shape, generator=generator, dtype=torch.float64) for p in params]
    return [torch.empty_like(p, requires_grad=False).copy_(x) for p, x in zip(params, drawn, strict=True)]


def train(optimizer: Any, params: list[torch.nn.Parameter], first: int, last: int) -> None:
    """Steps ``first`` … ``last``."""
    for step in range(first, last + 1):
        for p, g in zip(params, gradients(params, step), strict=True):
            p.grad = g
        optimizer.step()
