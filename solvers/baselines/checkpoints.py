"""What a checkpoint of a masked optimizer holds, and what it must hold to be loaded."""

from __future__ import annotations

import numbers
from typing import Any

from torch import Tensor


def plain(value: Any) -> Any:
    """The value without NumPy's scalars, which torch.load refuses with ``weights_only=True``."""
    if isinstance(value, dict):
        return {name: plain(own) for name, own in value.items()}
    if isinstance(value, list):
        return [plain(own) for own in value]
    if isinstance(value, bool | str) or value is None:
        return value
    return int(value) if isinstance(value, numbers.Integral) else float(value)


def check_mask(mask: Any, theta: Tensor, ones: int | None, name: str) -> None:
    """A `ValueError` when a checkpoint has no mask for a parameter, or one that cannot be its; ``ones`` None: any number."""
    if not isinstance(mask, Tensor) or mask.shape != theta.shape:
        found = f"shape {tuple(mask.shape)}" if isinstance(mask, Tensor) else repr(mask)
        raise ValueError(f"state_dict must have a mask of shape {tuple(theta.shape)} for {name}, got {found}")
    active = int((mask == 1).sum())
    if active + int((mask == 0).sum()) != mask.numel():
        raise ValueError(f"state_dict must have a mask of zeros and ones for {name}, got other values")
    if ones is not None and active != ones:
        raise ValueError(f"state_dict must have a mask with {ones} ones for {name}, got {active}")
