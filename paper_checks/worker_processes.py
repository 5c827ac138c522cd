"""Worker processes of this machine: they leave Ctrl-C to the parent and do not outlive it."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context, parent_process


def pool(workers: int, start: Callable[..., object] | None = None, *arguments: object) -> ProcessPoolExecutor:
    """A pool of fresh processes; each calls ``start(*arguments)`` first."""
    return ProcessPoolExecutor(workers, get_context("spawn"), _start, (start, arguments))


def _start(start: Callable[..., object] | None, arguments: tuple[object, ...]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends the workers
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if start is not None:
        start(*arguments)


def _end_with_parent() -> None:
    """A parent that was killed cannot end its workers; they would wait for it forever."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
