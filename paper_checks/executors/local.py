"""Judging in this process, or in several processes of this machine."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool

from .. import registry
from ..claim_record import Claim, registered
from ..effort import Effort
from ..evidence import ClaimEvidence
from ..judge import judge
from ..worker_processes import pool
from .base import ExecutorError, Settings
from .order import longest_first


class Local:
    """At most ``jobs`` processes; with one of them, or one claim, this process does it in the claims' own order."""

    def judge_all(
        self, claims: Sequence[Claim], settings: Settings, seconds: Mapping[str, float]
    ) -> Generator[ClaimEvidence, None, None]:
        """Evidence as it comes; see `Executor`."""
        if settings.jobs == 1 or len(claims) < 2:
            for claim in claims:
                yield judge(claim, settings.effort, settings.seed, settings.modules)
            return
        workers = pool(min(settings.jobs, len(claims)), registry.load, settings.modules)
        try:
            waiting: set[Future[ClaimEvidence]] = {
                workers.submit(_judge_by_id, claim.id, settings.effort, settings.seed, settings.modules)
                for claim in longest_first(claims, seconds)
            }
            while waiting:
                done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                for future in done:
                    yield future.result()
        except BaseException as error:
            running = list((workers._processes or {}).values())
            workers.shutdown(wait=False, cancel_futures=True)
            for process in running:
                process.terminate()
            if isinstance(error, BrokenProcessPool):
                raise ExecutorError(
                    "a worker process was ended from outside (for want of memory?) or crashed; --jobs 1 shows at which claim"
                ) from error
            raise
        workers.shutdown()


def _judge_by_id(id: str, effort: Effort, seed: int, modules: tuple[str, ...]) -> ClaimEvidence:
    return judge(registered()[id], effort, seed, modules)
