"""A threshold on a trained network, found on the validation examples (the rows "+ thresh" of bungert2021's tables).

The paper does not publish its thresholds. Here it is the largest t of `THRESHOLDS` before the first that costs too much:

    θ_g ← 0 where ‖θ_g‖₂ < t √n_g

with the groups g of the regularizer of θ; parameters without one stay as they are. Thresholds are tried in rising order on
one network, so what a smaller one has cut is cut already.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

from ...solvers.optim.layouts import group_size, split
from ...solvers.optim.regularizers import GroupL2, Zero, from_group, group_norms

#: Ten a decade, from 10⁻⁵ to 1.
THRESHOLDS = tuple(10 ** (k / 10) for k in range(-50, 1))


@torch.no_grad()
def cut_as_far_as(groups: Iterable[dict[str, Any]], good: Callable[[], bool]) -> float:
    """Cut the parameters of an optimizer's ``groups`` in place; the threshold, 0 where the least one is not ``good``.

    ``good`` is asked after each cut; the parameters end as they were at the last good one.
    """
    regularised = [(group, from_group(group)) for group in groups if "regularizer" in group]
    cut: list[tuple[str, Tensor]] = [
        (regularizer.layout if isinstance(regularizer, GroupL2) else "entries", theta)
        for group, regularizer in regularised
        if not isinstance(regularizer, Zero)
        for theta in group["params"]
    ]
    reached = 0.0
    for threshold in THRESHOLDS if cut else ():
        before = [theta.clone() for _, theta in cut]
        for layout, theta in cut:
            bound = threshold * math.sqrt(group_size(layout, tuple(theta.shape)))
            split(layout, theta).masked_fill_(group_norms(layout, theta) < bound, 0)
        if not good():
            for (_, theta), old in zip(cut, before, strict=True):
                theta.copy_(old)
            break
        reached = threshold
    return reached
