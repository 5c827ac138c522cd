"""The runs of a sweep as processes of this machine."""

from __future__ import annotations

import time
from collections.abc import Generator, Sequence

from .plan import PlannedRun
from .run_process import Outcome, RunProcess, Setting

_POLL_SECONDS = 0.1


def run_here(
    runs: Sequence[PlannedRun], setting: Setting, workers: int, keep_open: Sequence[int] = ()
) -> Generator[Outcome, None, None]:
    """At most ``workers`` at a time, in their order; outcomes as they come. Closing the generator stops those that run."""
    waiting = list(reversed(runs))
    running: list[RunProcess] = []
    try:
        while waiting or running:
            while waiting and len(running) < workers:
                running.append(RunProcess(waiting.pop(), setting, keep_open))
            ended = [(process, found) for process in running if (found := process.poll()) is not None]
            for process, found in ended:
                running.remove(process)
                yield found
            if not ended:
                time.sleep(_POLL_SECONDS)
    finally:
        for process in running:
            process.ask_to_stop()
        for process in running:
            process.end()
