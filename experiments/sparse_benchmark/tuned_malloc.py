"""The second process: contenders with glibc's malloc thresholds raised, which take their turns with those of this process.

By default glibc takes blocks above 32 MiB (2²⁵ bytes, which an activation of 128 × 64 × 32 × 32 floats just exceeds) from
the kernel and gives them back when they are freed: each step pays for page faults anew. ``mallopt`` can raise the thresholds
in a running process, but it also ends their dynamic adjustment for good, so the other contenders would no longer run as they
come. Hence a process that is started with the variables below; it waits at a pipe while it is not its turn.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from types import TracebackType
from typing import Any, final

import torch

from .contenders import NotAvailableError
from .patterns import Pattern
from .turns import Parts

#: Nothing goes back to the kernel, and the heap grows by 256 MiB at a time.
SETTINGS = {
    "MALLOC_MMAP_THRESHOLD_": str(2**32),
    "MALLOC_TRIM_THRESHOLD_": str(2**36),
    "MALLOC_TOP_PAD_": str(2**28),
}


class WorkerError(Exception):
    """The second process failed or ended."""


@final
class Worker:
    """A process of `worker`; a context manager. ``settings``: environment variables that it is started with."""

    def __init__(self, settings: dict[str, str] | None = None) -> None:
        command = [sys.executable, "-m", f"{__package__}.worker"]
        environment = {**os.environ, **(settings or {})}
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )
        self.ask(do="threads", threads=torch.get_num_threads())

    def __enter__(self) -> Worker:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with contextlib.suppress(BrokenPipeError):  # it has ended before
            self._process.stdin.close()
        self._process.stdout.close()
        if kind is not None:
            self._process.terminate()
        self._process.wait()

    def ask(self, **request: Any) -> dict[str, Any]:
        """The answer to a request. Raises a `WorkerError`; a `NotAvailableError` where a contender is not."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise WorkerError(f"the second process ended with code {self._process.wait()} when asked for {request}")
        answer: dict[str, Any] = json.loads(line)
        if "not_available" in answer:
            raise NotAvailableError(answer["not_available"])
        if "error" in answer:
            raise WorkerError(f"the second process answered {answer['error']} when asked for {request}")
        return answer

    def build(self, contender: str, network: str, batch: int) -> None:
        """Make a contender."""
        self.ask(do="build", contender=contender, network=network, batch=batch)

    def load(self, contender: str, pattern: Pattern) -> None:
        """Give it the weights of a pattern."""
        self.ask(do="load", contender=contender, pattern=pattern.as_data())

    def step(self, contender: str) -> Parts:
        """Let it take a step."""
        parts: Parts = self.ask(do="step", contender=contender)["parts"]
        return parts

    def memory(self, contender: str, steps: int) -> dict[str, float | None]:
        """See `memory.peak_of_steps`."""
        return dict(self.ask(do="memory", contender=contender, steps=steps)["memory"])
