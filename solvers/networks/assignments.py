"""What `rules` decided for each parameter of a model: as parameter groups, and as a table to read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, final

from torch import nn

from ..optim.regularizers import L1, GroupL2, Nuclear, ParameterRegularizer, Zero
from .layer_types import LayerParameter
from .masks import group_count
from .text_table import text_table

_NAMES_SHOWN = 4


@final
@dataclass(frozen=True, eq=False)
class Assignment:
    """One parameter, its regularizer, and the pattern of the override that decided, "" if a rule did."""

    parameter: LayerParameter
    regularizer: ParameterRegularizer
    pattern: str

    @property
    def kind(self) -> str:
        """The kind of the parameter at its first place."""
        return self.parameter.places[0].kind


@final
@dataclass(frozen=True, eq=False)
class Assignments:
    """What every parameter of a model got. ``str`` gives the table that `regularize` prints."""

    trained: tuple[Assignment, ...]
    frozen: tuple[LayerParameter, ...]

    def groups(self) -> list[dict[str, Any]]:
        """Parameter groups: one for each pair of kind and regularizer, then one for all that is not regularised.

        ``params`` holds pairs (name, parameter), ``regularizer`` the regularizer, ``layers`` the kind.
        """
        found: dict[tuple[str, ParameterRegularizer], list[tuple[str, nn.Parameter]]] = {}
        rest: list[tuple[str, nn.Parameter]] = []
        for one in self.trained:
            pair = (one.parameter.name, one.parameter.parameter)
            if one.regularizer == Zero():
                rest.append(pair)
            else:
                found.setdefault((one.kind, one.regularizer), []).append(pair)
        groups: list[dict[str, Any]] = [
            {"params": pairs, "regularizer": regularizer, "layers": kind}
            for (kind, regularizer), pairs in found.items()
        ]
        return groups + ([{"params": rest, "regularizer": Zero(), "layers": "unregularised"}] if rest else [])

    def __str__(self) -> str:
        lines: dict[tuple[str, ParameterRegularizer], list[LayerParameter]] = {}
        for one in self.trained:
            lines.setdefault((one.kind, one.regularizer), []).append(one.parameter)
        ordered = sorted(lines.items(), key=lambda line: line[0][1] == Zero())  # stable
        rows: list[list[Any]] = [
            [kind, described(regularizer), *_sizes(members), _groups(members, regularizer), _listed(members, kind)]
            for (kind, regularizer), members in ordered
        ]
        if self.frozen:
            rows.append(["frozen", "left out", *_sizes(self.frozen), None, _listed(self.frozen, "frozen")])
        notes = [f"override {one.pattern!r}: {one.parameter.name}" for one in self.trained if one.pattern]
        everything = [*(one.parameter for one in self.trained), *self.frozen]
        notes += [
            f"tied, counted once: {p.name} = {' = '.join(place.name for place in p.places[1:])}"
            for p in everything
            if len(p.places) > 1
        ]
        if all(one.regularizer == Zero() for one in self.trained):
            notes.append("nothing is regularised")
        table = text_table(["layers", "regularizer", "tensors", "entries", "groups", "parameters"], rows)
        return "\n".join([table, *notes])


def described(regularizer: ParameterRegularizer) -> str:
    """Its name and fields; "none" for J = 0."""
    return "none" if regularizer == Zero() else repr(regularizer)


def _sizes(members: Sequence[LayerParameter]) -> tuple[int, int]:
    return len(members), sum(member.parameter.numel() for member in members)


def _groups(members: Sequence[LayerParameter], regularizer: ParameterRegularizer) -> int | None:
    if isinstance(regularizer, L1):
        return sum(member.parameter.numel() for member in members)
    if isinstance(regularizer, GroupL2):
        return sum(group_count(regularizer.layout, member.shape) for member in members)
    return len(members) if isinstance(regularizer, Nuclear) else None


def _listed(members: Sequence[LayerParameter], kind: str) -> str:
    """Some names; all of them where nothing but the name says what it is."""
    names = [member.name for member in members]
    if kind in ("other", "frozen") or len(names) <= _NAMES_SHOWN:
        return ", ".join(names)
    return f"{', '.join(names[: _NAMES_SHOWN - 1])} and {len(names) - _NAMES_SHOWN + 1} more"
