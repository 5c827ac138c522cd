"""Random masks that keep or drop whole groups of a parameter, and the sizes of these groups.

symbol | here         | meaning
-------|--------------|--------------------------------------------------------------------------------
r      | ``density``  | share of the groups that is kept, in expectation (`bernoulli`) or exactly (`exact_count`)
G      | `group_grid` | the groups of a layout, as the shape of an array with one entry for each
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ..optim.layouts import axes, check_shape, split


def group_grid(layout: str, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape that an array of one number a group has: it broadcasts against `split`'s view of the parameter."""
    check_shape(layout, shape)
    view = split(layout, torch.empty(shape, device="meta"))
    spanned = axes(layout, view.dim())
    return tuple(1 if axis in spanned else length for axis, length in enumerate(view.shape))


def group_count(layout: str, shape: tuple[int, ...]) -> int:
    """#G. A parameter without entries has no groups."""
    return math.prod(group_grid(layout, shape)) if math.prod(shape) else 0


def active_groups(layout: str, theta: Tensor) -> int:
    """#{g : θ_g ≠ 0}."""
    check_shape(layout, tuple(theta.shape))
    view = split(layout, theta.detach() != 0)
    spanned = axes(layout, view.dim())
    return int((view.sum(spanned) != 0).sum()) if spanned else int(view.sum())


def bernoulli(layout: str, shape: tuple[int, ...], density: float, generator: torch.Generator | None = None) -> Tensor:
    """M ~ Bernoulli(r), independent for each group: bool, of ``shape``, on the device of the generator (CPU without)."""
    grid = group_grid(layout, shape)
    # 53 random bits: single precision would turn a density of 1e-8 into 2⁻²⁴ · k.
    kept = torch.rand(grid, generator=generator, dtype=torch.float64, device=device_of(generator)) < density
    return _spread(layout, shape, kept)


def exact_count(
    layout: str, shape: tuple[int, ...], density: float, generator: torch.Generator | None = None
) -> Tensor:
    """A mask with round(r·#G) groups, each choice of so many as likely as any other: what other methods start from."""
    grid = group_grid(layout, shape)
    count = math.prod(grid)
    kept = torch.zeros(count, dtype=torch.bool, device=device_of(generator))
    kept[torch.randperm(count, generator=generator, device=device_of(generator))[: round(density * count)]] = True
    return _spread(layout, shape, kept.reshape(grid))


def _spread(layout: str, shape: tuple[int, ...], kept: Tensor) -> Tensor:
    view = split(layout, torch.empty(shape, device="meta")).shape
    return kept.expand(view).reshape(shape)


def device_of(generator: torch.Generator | None) -> torch.device:
    """Where random numbers are drawn: CPU without a generator."""
    return torch.device("cpu") if generator is None else generator.device
