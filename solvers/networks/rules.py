"""Which regularizer each parameter of a model gets, by the type of its layer: `regularize` makes the parameter groups.

    groups = regularize(model, conv=GroupL2(0.05, "kernels"), linear=L1(0.01))      # prints which parameters got what
    optimizer = LinBreg(groups, lr=0.1)

argument        | parameters (`layer_types`)          | what the regularizer means there
----------------|-------------------------------------|-----------------------------------------------------------------
``linear``      | weights of nn.Linear                | as it is
``conv``        | weights of convolutions             | it says its layout: ``kernels``, ``filters`` and ``rows`` (the same
                |                                     | groups: the weights into one output unit are a filter), ``channels``
``attention``   | projections of nn.MultiheadAttention | ``heads:n`` with the layer's n: see below
``embedding``   | weights of nn.Embedding             | ``rows``: one token
``recurrent``   | weights of nn.RNN, nn.LSTM, nn.GRU  | as it is: the gates are stacked along axis 0
``overrides``   | names that match a pattern          | literally: its layout cuts the axes of the tensor

None, the default, is no regularizer. Biases, normalisations and parameters of modules that torch does not have are never
regularised, unless an override says so. No layer is an exception for being the first or the last.

A layout is about the layer, not about the order of the axes of its tensor. A transposed convolution has its inputs on
axis 0, so its filters are cut as the tensor's channels, and the other way round. Where a convolution has groups, axis 1
(axis 1 of a transposed one) is not one channel an entry, and that cut is refused.
in_proj_weight stacks queries, keys and values: ``heads:n`` becomes ``heads:3n``, a group for each of them in each head.
The heads of out_proj.weight lie along axis 1, for which there is no such layout: it gets ``columns``, one coordinate of
one head's output to a group.

A parameter that stands in several places (tied weights) appears once. Where the rules of its places differ an override
has to decide. Frozen parameters (``requires_grad`` False) are left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Any

from torch import nn

from ..optim.regularizers import GroupL2, ParameterRegularizer, Zero, to_group
from .assignments import Assignment, Assignments, described
from .layer_types import LayerParameter, Place, layer_parameters

#: Output units and input units change places with the first two axes.
_MIRRORED = {"filters": "channels", "channels": "filters", "rows": "columns", "columns": "rows"}


def regularize(
    model: nn.Module,
    *,
    linear: ParameterRegularizer | None = None,
    conv: ParameterRegularizer | None = None,
    attention: ParameterRegularizer | None = None,
    embedding: ParameterRegularizer | None = None,
    recurrent: ParameterRegularizer | None = None,
    overrides: Mapping[str, ParameterRegularizer | None] | None = None,
    verbose: bool = True,
) -> list[dict[str, Any]]:
    """Parameter groups for an optimizer; arguments, groups and errors as `assign` and `Assignments.groups` say.

    Prints the table of `Assignments` unless ``verbose`` is False.
    """
    assignments = assign(
        model,
        linear=linear,
        conv=conv,
        attention=attention,
        embedding=embedding,
        recurrent=recurrent,
        overrides=overrides,
    )
    if verbose:
        print(assignments)
    return assignments.groups()


def assign(
    model: nn.Module,
    *,
    linear: ParameterRegularizer | None = None,
    conv: ParameterRegularizer | None = None,
    attention: ParameterRegularizer | None = None,
    embedding: ParameterRegularizer | None = None,
    recurrent: ParameterRegularizer | None = None,
    overrides: Mapping[str, ParameterRegularizer | None] | None = None,
) -> Assignments:
    """The regularizer of each parameter.

    ``overrides`` maps patterns for names (fnmatch: ``"fc.weight"``, ``"layers.*.q_proj.weight"``) to regularizers; the last
    pattern that matches one of a parameter's names decides. Raises a `ValueError` for a pattern that matches no parameter, a
    regularizer that does not fit the shape of a parameter, tied parameters whose rules differ, and a model with nothing to
    train; a `TypeError` for what is no regularizer.
    """
    given = {"linear": linear, "conv": conv, "attention": attention, "embedding": embedding, "recurrent": recurrent}
    rules = {kind: _checked(kind, value) for kind, value in given.items()}
    literal = {pattern: _checked(f"overrides[{pattern!r}]", value) for pattern, value in (overrides or {}).items()}
    parameters = layer_parameters(model)
    names = [place.name for parameter in parameters for place in parameter.places]
    for pattern in literal:
        if not any(fnmatchcase(name, pattern) for name in names):
            raise ValueError(
                f"overrides must match parameters of the model, but {pattern!r} matches none of "
                f"{', '.join(names[:8])}{', …' if len(names) > 8 else ''}"
            )
    trained = tuple(_assign_one(p, rules, literal) for p in parameters if p.parameter.requires_grad)
    if not trained:
        raise ValueError("model must have a parameter with requires_grad, got none")
    return Assignments(trained, tuple(p for p in parameters if not p.parameter.requires_grad))


def _checked(argument: str, value: ParameterRegularizer | None) -> ParameterRegularizer:
    if value is None:
        return Zero()
    if not isinstance(value, ParameterRegularizer):
        raise TypeError(f"{argument} must be a regularizer such as L1(1e-3), or None, got {value!r}")
    to_group(value)  # an optimizer would refuse a class without @register
    return value


def _assign_one(
    parameter: LayerParameter, rules: Mapping[str, ParameterRegularizer], literal: Mapping[str, ParameterRegularizer]
) -> Assignment:
    matching = [pattern for pattern in literal if any(fnmatchcase(place.name, pattern) for place in parameter.places)]
    if matching:
        result = Assignment(parameter, literal[matching[-1]], matching[-1])
    else:
        wanted = [_by_rule(place, rules) for place in parameter.places]
        if any(one != wanted[0] for one in wanted):
            disagreeing = "; ".join(
                f"{place.name} ({place.kind}): {described(one)}"
                for place, one in zip(parameter.places, wanted, strict=True)
            )
            raise ValueError(
                f"tied parameters must have one regularizer, got {disagreeing}: "
                f"decide with overrides={{{parameter.name!r}: …}}"
            )
        result = Assignment(parameter, wanted[0], "")
    if result.regularizer != Zero() and not parameter.parameter.is_floating_point():
        raise ValueError(f"{parameter.name!r} must be real to be regularised, got {parameter.parameter.dtype}")
    try:
        result.regularizer.check(parameter.shape)
    except ValueError as error:
        raise ValueError(f"{described(result.regularizer)} does not fit {parameter.name!r}: {error}") from error
    return result


def _by_rule(place: Place, rules: Mapping[str, ParameterRegularizer]) -> ParameterRegularizer:
    regularizer = rules.get(place.kind, Zero())
    if not isinstance(regularizer, GroupL2):
        return regularizer
    if place.kind == "conv":
        return _of_convolution(place, regularizer)
    if place.kind == "attention" and regularizer.layout.startswith("heads:"):
        return _of_heads(place, regularizer)
    return regularizer


def _of_convolution(place: Place, regularizer: GroupL2) -> GroupL2:
    layout = _MIRRORED.get(regularizer.layout, regularizer.layout) if place.transposed else regularizer.layout
    convolution = place.convolution
    if convolution is not None and convolution.groups > 1 and layout in ("channels", "columns"):
        raise ValueError(
            f"layout {regularizer.layout!r} needs a convolution without groups, but {place.name!r} has "
            f"{convolution.groups}: an entry of its axis 1 belongs to {convolution.groups} channels; "
            f"decide with overrides={{{place.name!r}: …}}"
        )
    return replace(regularizer, layout=layout)


def _of_heads(place: Place, regularizer: GroupL2) -> GroupL2:
    if regularizer.layout != f"heads:{place.heads}":
        raise ValueError(
            f"attention must have the layout 'heads:{place.heads}' for {place.name!r}, which has {place.heads} heads, "
            f"got {regularizer.layout!r}; decide with overrides={{{place.name!r}: …}}"
        )
    if not isinstance(place.module, nn.MultiheadAttention):
        return replace(regularizer, layout="columns")  # the weight of out_proj
    stacked = place.name.endswith("in_proj_weight")
    return replace(regularizer, layout=f"heads:{3 * place.heads}") if stacked else regularizer
