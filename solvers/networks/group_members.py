"""The parameters of parameter groups, one by one: their names, the kinds of their layers, the groups of their masks.

Groups come from `rules.regularize`, or from ``optimizer.param_groups``, where the regularizer is plain data by then.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, final

from torch import Tensor

from ..optim.layouts import check_layout, check_shape
from ..optim.regularizers import L1, GroupL2, ParameterRegularizer, Zero, from_group


@final
@dataclass(frozen=True, eq=False)
class Member:
    """One parameter of the groups."""

    name: str
    named: bool
    """False where ``name`` is only the position."""
    parameter: Tensor
    layers: str
    """The kind of its layer as `rules` writes it, "" in groups made otherwise."""
    layout: str | None
    """The groups that a mask keeps or drops as a whole; None: no mask."""


def members_of(groups: Iterable[Mapping[str, Any]], layout: str | None) -> list[Member]:
    """All parameters. The layout is ``layout``, or that of the regularizer without one.

    Parameters with `Zero`, with less than two axes or without entries have no mask. Raises a `ValueError` for groups without
    a regularizer, a layout that does not fit, a regularizer without groups, and parameters on the meta device.
    """
    if layout is not None:
        check_layout(layout)
    members = []
    for number, group in enumerate(groups):
        if not isinstance(group, Mapping) or "regularizer" not in group:
            raise ValueError(
                "groups must be parameter groups with a regularizer, as regularize() makes them, "
                f"got {type(group).__name__} at {number}"
            )
        regularizer = group["regularizer"]
        if not isinstance(regularizer, ParameterRegularizer):
            regularizer = from_group(group)
        for position, (name, theta) in enumerate(_named(group)):
            label = name or f"groups[{number}]['params'][{position}]"
            groups_of_mask = _layout(label, theta, regularizer, layout)
            members.append(Member(label, bool(name), theta, str(group.get("layers", "")), groups_of_mask))
    return members


def mask_layout(regularizer: ParameterRegularizer) -> str:
    """The groups that the regularizer keeps or drops as a whole; a `ValueError` where it has no such groups."""
    if isinstance(regularizer, L1):
        return "entries"
    if isinstance(regularizer, GroupL2):
        return regularizer.layout
    raise ValueError(f"layout must be given for {regularizer!r}, which has no groups of its own")


def _named(group: Mapping[str, Any]) -> list[tuple[str, Tensor]]:
    params = [group["params"]] if isinstance(group["params"], Tensor) else group["params"]
    if isinstance(params, Iterator):
        raise ValueError("params must be a list, got an iterator, which would be used up before the optimizer sees it")
    pairs = [one if isinstance(one, tuple) else ("", one) for one in params]
    names = group.get("param_names")
    return [(name, theta) for name, (_, theta) in zip(names, pairs, strict=True)] if names else pairs


def _layout(label: str, theta: Tensor, regularizer: ParameterRegularizer, layout: str | None) -> str | None:
    if theta.is_meta:
        raise ValueError(f"parameters must have values, but {label!r} is on the meta device")
    if regularizer == Zero() or theta.dim() < 2 or not theta.numel():
        return None
    layout = layout or mask_layout(regularizer)
    try:
        check_shape(layout, tuple(theta.shape))
    except ValueError as error:
        raise ValueError(f"the mask does not fit {label!r}: {error}") from error
    return layout
