"""What every executor does: judge claims in any order, and hand over each one's evidence as soon as it is there."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from ..claim_record import Claim
from ..effort import Effort
from ..evidence import ClaimEvidence
from ..verdicts import Verdict


class ExecutorError(Exception):
    """The claims cannot be judged where they were to be: a wrong address, a cluster with other code, a lost connection."""


@dataclass(frozen=True)
class Settings:
    """What a run depends on. The evidence depends on neither ``jobs`` nor ``executor``.

    effort     how long to look
    seed       the same seed gives the same evidence
    jobs       worker processes of the executor ``local``
    modules    the user's modules of claims: paths of files or dotted names
    executor   ``local`` or ``dask://host:port``
    """

    effort: Effort = Effort.STANDARD
    seed: int = 0
    jobs: int = 1
    modules: tuple[str, ...] = ()
    executor: str = "local"


class Executor(Protocol):
    """Judges claims somewhere."""

    def judge_all(
        self, claims: Sequence[Claim], settings: Settings, seconds: Mapping[str, float]
    ) -> Generator[ClaimEvidence, None, None]:
        """Evidence of all the claims, each as soon as it is there; closing the generator ends the work that is under way.

        ``seconds``: how long claims took in an earlier run, where that is known; the longest are begun first.

        Raises `ExecutorError`.
        """
        ...


def undecided(claim: Claim, reason: str, settings: Settings) -> ClaimEvidence:
    """Evidence of a claim that could not be judged to its end."""
    files = "".join(f" --claims {module}" for module in settings.modules)
    return ClaimEvidence(
        id=claim.id,
        title=claim.title,
        statement=claim.statement,
        source=claim.source,
        note=claim.note,
        reconstructed=claim.reconstructed,
        verdict=Verdict.UNDECIDED,
        reason=reason,
        instances=0,
        smallest_margin=None,
        reproduce=f"mlbreg verify {claim.id} --effort {settings.effort} --seed {settings.seed}{files}",
    )
