"""Which weights a mask keeps: the ones with the largest scores, an exact number of them, ties to the first.

torch.topk leaves open which of equal scores it returns; a stable sort does not, so that a run can be repeated bit for bit,
and on another device.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor


def largest(scores: Sequence[Tensor], eligible: Sequence[Tensor], count: int) -> list[Tensor]:
    """Masks of the ``count`` eligible entries with the largest scores, taken over all the tensors together.

    ``scores`` ≥ 0 of any floating-point type, ``eligible`` bool of the same shapes. Among equal scores, the first in the order
    of the tensors and of their entries in C order. Raises where fewer than ``count`` are eligible, or a score is NaN.
    """
    possible = sum(int(allowed.sum()) for allowed in eligible)
    if not 0 <= count <= possible:
        raise ValueError(f"count must be between 0 and the {possible} eligible entries, got {count}")
    if not scores:
        return []
    device = scores[0].device
    dtype = torch.float64 if any(score.dtype == torch.float64 for score in scores) else torch.float32
    flat = torch.cat([score.flatten().to(device, dtype) for score in scores])
    if bool(flat.isnan().any()):
        raise ValueError("scores must not be NaN; parameters or gradients are")
    outside = torch.cat([~allowed.flatten().to(device) for allowed in eligible])
    order = flat.masked_fill(outside, -1.0).sort(descending=True, stable=True).indices
    chosen = torch.zeros_like(outside)
    chosen[order[:count]] = True
    parts = torch.split(chosen, [score.numel() for score in scores])
    return [part.reshape(score.shape).to(score.device) for part, score in zip(parts, scores, strict=True)]


def random_scores(seed: int, step: int, index: int, like: Tensor) -> Tensor:
    """Uniform on [0, 1), float64, of the shape of ``like``: a function of its first three arguments and the shape.

    There is no generator whose state a checkpoint would have to hold, and all processes of a distributed run draw the same.
    """
    generator = torch.Generator()
    generator.manual_seed(int(np.random.SeedSequence([seed, step, index]).generate_state(1, np.uint64)[0]) >> 1)
    return torch.rand(like.shape, generator=generator, dtype=torch.float64).to(like.device)
