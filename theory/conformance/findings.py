"""The worst margin that a law has met so far, and where it met it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..arrays import Array


class NotApplicable(Exception):  # noqa: N818 - not an error: the law says nothing about this object
    """The law does not concern this object; the message says why."""


class Findings:
    """What a law writes down while it tries its margins (see `mlbreg.theory.margins`): only the worst one is kept."""

    def __init__(self) -> None:
        self.tried = 0
        self.worst = math.nan
        self.witness: Mapping[str, Any] = {}
        self.complaint: str | None = None
        self.remarks: list[str] = []
        self._least_slack = math.inf

    def expect(self, margin: Array, statement: str, *, tolerance: float = 0.0, **witness: Any) -> None:
        """Every entry of ``margin`` must be ≥ −tolerance; NaN fails.

        A witness is a number or a vector, or an array with one vector for each margin: shape ``margin.shape + (k,)``.
        """
        margin = np.asarray(margin, dtype=np.float64)
        self.tried += margin.size
        if margin.size == 0:
            return
        slack = np.where(np.isnan(margin), -math.inf, margin + tolerance)
        place = np.unravel_index(int(np.argmin(slack)), margin.shape)
        least = float(slack[place])
        if least >= self._least_slack:
            return
        self._least_slack = least
        self.worst = float(margin[place])
        self.witness = {name: _at(value, margin.shape, place) for name, value in witness.items()}
        if least < 0:
            allowed = f", allowed is −{tolerance:.1e}" if tolerance else ""
            self.complaint = f"{statement} is violated: margin {self.worst:.3e}{allowed}"

    def require(self, condition: Any, statement: str, **witness: Any) -> None:
        """A condition without a size: it holds (margin 1) or it does not (margin −1); an array of them is one each."""
        self.expect(np.where(np.asarray(condition, dtype=bool), 1.0, -1.0), statement, **witness)

    def remark(self, text: str) -> None:
        """Something worth saying in the message of a law that holds."""
        self.remarks.append(text)


def _at(value: Any, shape: tuple[int, ...], place: tuple[Any, ...]) -> Any:
    value = np.asarray(value)
    if value.ndim == 0:
        return value.item()
    return value[place].item() if value.shape == shape else np.broadcast_to(value, (*shape, value.shape[-1]))[place]
