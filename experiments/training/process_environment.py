"""What torchrun tells its processes, in variables of the environment; needs no torch."""

from __future__ import annotations

import os


def started_by_torchrun() -> bool:
    """Whether this is one of several processes of torchrun, or of another launcher that speaks as it does."""
    return "MASTER_ADDR" in os.environ and int(os.environ.get("WORLD_SIZE", "1")) > 1


def rank_here() -> int:
    """The number of this process; 0 without torchrun."""
    return _number("RANK", 0)


def gpu_here() -> int:
    """The number of its GPU on this machine."""
    return _number("LOCAL_RANK", 0)


def processes_here() -> int:
    """Those on this machine; 1 without torchrun."""
    return _number("LOCAL_WORLD_SIZE", 1)


def _number(name: str, alone: int) -> int:
    return int(os.environ.get(name, alone)) if started_by_torchrun() else alone
