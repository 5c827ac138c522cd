"""Pruning by magnitude: the largest |θ| among the active weights stay."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from .masked import SparseParameter
from .selection import largest


def pruned_masks(entries: Sequence[SparseParameter], remaining: float, scope: str) -> list[Tensor]:
    """Masks with n_f + remaining·(n_i − n_f) weights, to the nearest integer, and never more than are active.

    n_i and n_f are the first and the last count: of each parameter with ``scope`` = ``"layer"``, and of all of them together
    with ``"global"``, where the magnitudes decide how many each of them keeps.
    """
    if scope == "layer":
        return [_pruned([entry], remaining)[0] for entry in entries]
    return _pruned(entries, remaining)


def _pruned(entries: Sequence[SparseParameter], remaining: float) -> list[Tensor]:
    last, first = sum(entry.last for entry in entries), sum(entry.start for entry in entries)
    active = sum(int(entry.mask.sum()) for entry in entries)
    keep = min(active, last + round(remaining * (first - last)))
    return largest([entry.theta.abs() for entry in entries], [entry.mask for entry in entries], keep)
