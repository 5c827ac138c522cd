"""Do the checks have teeth? Plant each mutant of a claim and see whether a conclusion that held turns negative."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from .claim_record import Claim, Mutant
from .evidence import MutantEvidence
from .random_search import is_violation, random_search


@contextmanager
def planted(mutant: Mutant) -> Iterator[None]:
    """The mutant's patch in place, and the original back afterwards whatever happens."""
    if mutant.patch is None:
        yield
        return
    owner, attribute, replacement = mutant.patch
    original = owner.__dict__[attribute]
    setattr(owner, attribute, replacement)
    try:
        yield
    finally:
        setattr(owner, attribute, original)


def kill(claim: Claim, mutant: Mutant, holding: frozenset[str], problems: int, batch: int, seed: int) -> MutantEvidence:
    """Judge the claim with the mutant planted: a patch must break one of the conclusions that hold, ``holding``.

    A mutant that makes the code refuse its own numbers (a run that diverges to infinity) is noticed, too.
    """
    with planted(mutant):
        try:
            search = random_search(
                claim.given,
                mutant.margin or claim.margin,
                problems,
                batch,
                seed,
                (claim.id, "mutant"),
                stop_at_violation=True,
                only=holding if mutant.margin is None else None,
            )
        except (ValueError, ArithmeticError):
            return MutantEvidence(mutant.name, True, None)
    return MutantEvidence(mutant.name, is_violation(search.smallest), search.smallest if search.instances else None)
