"""Which assumptions hold for a loss and a regularizer, with the best constants, or with a witness that they cannot."""

from __future__ import annotations

import numpy as np

from ...theory.arrays import check_number
from ...theory.losses import Loss
from ...theory.regularizers import Regularizer
from . import convexity, smoothness, zoo
from .entry import ASSUMPTIONS, Entry, Exploration, Status
from .pl_inequality import assumption_2
from .setting import Setting

_RULES = (
    smoothness.relative,
    assumption_2,
    smoothness.lipschitz,
    convexity.strong,
    convexity.relative,
    convexity.towards_minimizer,
)


class UnknownNameError(ValueError):
    """A name that is not in the zoo."""


def explore(
    loss: Loss, regularizer: Regularizer, delta: float = 1, names: tuple[str, str] | None = None
) -> Exploration:
    """All assumptions for one pair, in floating point; the same arguments give the same answer.

    ``names`` are what the table calls the two. A `ValueError` where J does not fit the dimension of L, or δ ≤ 0. The
    answer is *unknown* throughout for a regularizer whose kinks are not known (`theory.kinks.pieces`).
    """
    check_number("delta", delta, above=0)
    regularizer.separable_groups(loss.dimension)
    setting = Setting(loss, regularizer, float(delta))
    called = names or (type(loss).__name__, type(regularizer).__name__)
    try:
        _ = setting.pieces
    except NotImplementedError as error:
        entries = tuple(Entry(key, Status.UNKNOWN, str(error)) for key in ASSUMPTIONS)
        return Exploration(*called, float(delta), entries)
    with np.errstate(all="ignore"):
        return Exploration(*called, float(delta), tuple(rule(setting) for rule in _RULES))


def table(
    loss: str | None = None, regularizer: str | None = None, delta: float = 1, lam: float = 0.5
) -> tuple[Exploration, ...]:
    """The zoo, or the part of it with this loss or this regularizer; an `UnknownNameError` names the known ones."""
    check_number("lam", lam, above=0)
    check_number("delta", delta, above=0)
    losses, regularizers = zoo.losses(), zoo.regularizers(lam)
    for kind, name, known in (("loss", loss, losses), ("regularizer", regularizer, regularizers)):
        if name is not None and name not in known:
            raise UnknownNameError(f"{kind} must be one of {', '.join(known)}, got {name!r}")
    return tuple(
        explore(losses[left], regularizers[right], delta, (left, right))
        for left in ([loss] if loss else losses)
        for right in ([regularizer] if regularizer else regularizers)
    )
