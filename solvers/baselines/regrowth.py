"""Drop and grow: every layer gives up its smallest active weights and gets as many others, so its density stays."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from .masked import SparseParameter
from .selection import largest


def regrown_masks(entries: Sequence[SparseParameter], fraction: float, growth: Sequence[Tensor]) -> list[Tensor]:
    """For each parameter the mask in which ⌊fraction·n_l⌋ of its n_l active weights have been replaced, see `drop_and_grow`."""
    return [
        drop_and_grow(entry.theta, entry.mask, scores, int(fraction * int(entry.mask.sum())))
        for entry, scores in zip(entries, growth, strict=True)
    ]


def drop_and_grow(theta: Tensor, mask: Tensor, growth: Tensor, drop: int) -> Tensor:
    """The mask without its ``drop`` smallest |θ|, and with the ``drop`` largest ``growth`` among what is not in it then.

    What has just been dropped may grow again (Evci et al. 2020, algorithm 1: i ∉ θ∖I_drop), so there are always candidates
    enough.
    """
    active = int(mask.sum())
    kept = largest([theta.abs()], [mask], active - drop)[0]
    grown = largest([growth], [~kept], drop)[0]
    return kept | grown
