"""What `compact` did to a network, layer by layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from ..flops import FlopCount
from ..text_table import text_table


@final
@dataclass(frozen=True)
class LayerChange:
    """The shape of a layer's weight before and after, and its parameters (bias included)."""

    name: str
    kind: str
    before: tuple[int, ...]
    after: tuple[int, ...]
    parameters_before: int
    parameters_after: int


@final
@dataclass(frozen=True)
class CompactReport:
    """The layers, the totals, and what stayed dense because it is not understood.

    attribute              | meaning
    -----------------------|------------------------------------------------------------------------------------
    ``layers``             | every layer with parameters
    ``left_dense``         | (name, reason): its channels were kept
    ``before``, ``after``  | FLOPs of a forward pass of the example input
    ``largest_difference`` | of an output, |before − after|, on the example input
    """

    layers: tuple[LayerChange, ...]
    left_dense: tuple[tuple[str, str], ...]
    parameters_before: int
    parameters_after: int
    before: FlopCount
    after: FlopCount
    largest_difference: float

    def __str__(self) -> str:
        rows = [
            (x.name, x.kind, _shape(x.before), _shape(x.after), x.parameters_before, x.parameters_after)
            for x in self.layers
        ]
        rows.append(("total", "", "", "", self.parameters_before, self.parameters_after))
        lines = [
            text_table(("layer", "kind", "weight before", "after", "parameters before", "after"), rows),
            f"FLOPs: {self.before.dense:,} before, {self.after.dense:,} after; "
            f"of the non-zero weights alone {self.before.sparse:,} before, {self.after.sparse:,} after.",
            f"Outputs on the example input differ by at most {self.largest_difference:.3g}.",
            *(f"Left dense at {name}: {reason}." for name, reason in self.left_dense),
            *(f"- {line}" for line in self.before.assumptions),
        ]
        return "\n".join(lines)


def _shape(shape: tuple[int, ...]) -> str:
    return " × ".join(map(str, shape))
