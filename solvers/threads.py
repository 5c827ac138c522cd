"""Compiled kernels run on as many threads as torch does."""

from __future__ import annotations

from typing import Any

import numba
import torch


def use_torch_threads() -> int:
    """Tell numba; returns the number. What torch is set to does not change."""
    settings: Any = numba.config
    wanted = torch.get_num_threads()
    threads: int = min(wanted, settings.NUMBA_NUM_THREADS)
    numba.set_num_threads(threads)
    if torch.get_num_threads() != wanted:  # numba has started its threads, and with them changed OpenMP's setting
        torch.set_num_threads(wanted)
    return threads
