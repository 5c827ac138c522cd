"""Parameters whose parts lie on several processes (FSDP2)."""

from __future__ import annotations

import sys
from typing import Any

from torch import Tensor


def is_distributed(x: Tensor) -> bool:
    """Whether x is a DTensor."""
    distributed = sys.modules.get("torch.distributed.tensor")  # seconds to import, and without it there is no DTensor
    return distributed is not None and isinstance(x, distributed.DTensor)


def whole(x: Tensor) -> Tensor:
    """x; all of it on each process where it is a DTensor."""
    if not is_distributed(x):
        return x
    part: Any = x
    gathered: Tensor = part.full_tensor()
    return gathered
