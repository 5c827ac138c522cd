"""Which calls of a graph run in the blocked layout, which are one step together, and how wide the borders are.

Convolutions and linear layers run sparsely where their pattern is sparse enough; the others, and everything that is not
known, are torch's. Batch norm, ReLU, sums and pooling follow their input, and are in the layout as well where they lead to a
sparse layer. What runs together:

    norm, norm → relu, norm → add, norm → add → relu, add → relu

The name of a group is its last node, whose value is the only one that exists.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import final

from torch import fx, nn

from .blocks import Grid, Storage
from .graph import Graph, NotTraceableError
from .layers import Call, grid_of, known, takes_rows


@final
@dataclass(frozen=True, eq=False)
class Step:
    """One call in the layout, or several that run together.

    attribute    | meaning
    -------------|---------------------------------------------------------------
    ``call``     | the first call of the group, but for its inputs
    ``inputs``   | the nodes whose values are read
    ``residual`` | whether the last input is added to a batch norm
    ``relu``     | whether a ReLU follows
    """

    call: Call
    inputs: tuple[fx.Node, ...]
    residual: bool = False
    relu: bool = False


@final
@dataclass(frozen=True, eq=False)
class Placement:
    """``steps``: by the last node of each; ``same``: nodes whose value is that of another; ``grids``: of values in the layout."""

    steps: dict[fx.Node, Step]
    same: dict[fx.Node, fx.Node]
    swallowed: frozenset[fx.Node]
    """Nodes whose values do not exist."""
    grids: dict[fx.Node, Grid]
    rows: dict[fx.Node, bool]


def place(
    graph: Graph, model: nn.Module, is_sparse: Callable[[fx.Node, Call], bool], storage: Storage = "float32"
) -> Placement:
    """``is_sparse``: whether a convolution or linear layer is to run sparsely."""
    calls = {node: call for node in graph.nodes if (call := known(graph, node, model)) is not None}
    same: dict[fx.Node, fx.Node] = {}
    for node, call in [*calls.items()]:
        if call.kind == "same":
            same[node] = same.get(call.inputs[0], call.inputs[0])
            del calls[node]
    readers = _readers(graph, same)
    sparse = {node for node, call in calls.items() if call.kind in ("conv", "linear") and is_sparse(node, call)}
    leads = _leading_to(sparse, calls, readers, graph)
    inside: dict[fx.Node, bool] = {}
    """Nodes in the layout, and whether their values are rows."""
    for node in graph.nodes:
        call = calls.get(node)
        if call is None:
            continue
        inputs = [same.get(x, x) for x in call.inputs]
        kinds = {inside[x] for x in inputs if x in inside}
        needed = takes_rows(call, graph.values[inputs[0]].dim())
        if needed is not None:
            kinds.add(needed)
        if len(kinds) > 1:
            continue
        from_outside = any(x not in inside for x in inputs)
        if node in sparse or (call.kind not in ("conv", "linear") and (node in leads or not from_outside)):
            # Where nothing else is known, what comes from outside is rows unless it is a stack of images.
            rows = kinds.pop() if kinds else graph.values[inputs[0]].dim() != 4
            inside[node] = rows or call.kind == "flatten"
    steps, swallowed = _grouped(graph, calls, inside, same, readers)
    rows_of = dict(inside)
    for node, step in steps.items():
        for x in step.inputs:
            rows = inside[node] and step.call.kind != "flatten"
            if rows_of.setdefault(x, rows) != rows:  # read from outside, in two ways
                raise NotTraceableError(f"{x.name} is read as images and as rows")
    return Placement(steps, same, swallowed, _grids(graph, steps, rows_of, storage), rows_of)


def _readers(graph: Graph, same: dict[fx.Node, fx.Node]) -> dict[fx.Node, list[fx.Node]]:
    found: dict[fx.Node, list[fx.Node]] = {node: [] for node in graph.nodes}
    for node in graph.nodes:
        if node not in same:
            for x in node.all_input_nodes:
                found[same.get(x, x)].append(node)
    return found


def _leading_to(
    sparse: set[fx.Node], calls: dict[fx.Node, Call], readers: dict[fx.Node, list[fx.Node]], graph: Graph
) -> set[fx.Node]:
    """Nodes from which a sparse layer is reached through calls that can run in the layout."""
    found: set[fx.Node] = set()
    for node in reversed(graph.nodes):
        for reader in readers[node]:
            call = calls.get(reader)
            through = call is not None and call.kind not in ("conv", "linear") and reader in found
            if reader in sparse or through:
                found.add(node)
    return found


def _grouped(
    graph: Graph,
    calls: dict[fx.Node, Call],
    inside: dict[fx.Node, bool],
    same: dict[fx.Node, fx.Node],
    readers: dict[fx.Node, list[fx.Node]],
) -> tuple[dict[fx.Node, Step], frozenset[fx.Node]]:
    steps: dict[fx.Node, Step] = {}
    swallowed: set[fx.Node] = set()

    def only_reader(node: fx.Node, kind: str) -> fx.Node | None:
        found = readers[node]
        if len(found) != 1 or found[0] not in inside or calls[found[0]].kind != kind:
            return None
        return found[0]

    for node in graph.nodes:
        if node not in inside:
            continue
        call = calls[node]
        inputs = tuple(same.get(x, x) for x in call.inputs)
        step = Step(call, inputs)
        if call.kind == "add":
            # The later one of two batch norms takes the other's result as its residual.
            for main, other in (inputs[::-1], inputs):
                before = steps.get(main)
                alone = len(readers[main]) == 1 and main != other
                if before is not None and alone and before.call.kind == "norm" and not (before.residual or before.relu):
                    step = Step(before.call, (*before.inputs, other), residual=True)
                    swallowed.add(main)
                    del steps[main]
                    break
        if call.kind == "relu":
            before = steps.get(inputs[0])
            if before is not None and before.call.kind in ("norm", "add") and only_reader(inputs[0], "relu") is node:
                step = Step(before.call, before.inputs, before.residual, relu=True)
                swallowed.add(inputs[0])
                del steps[inputs[0]]
        steps[node] = step
    return steps, frozenset(swallowed)


def _grids(
    graph: Graph, steps: dict[fx.Node, Step], rows: dict[fx.Node, bool], storage: Storage
) -> dict[fx.Node, Grid]:
    shapes = {node: tuple(graph.values[node].shape) for node in rows}
    borders = dict.fromkeys(rows, 0)
    for node, step in steps.items():
        if step.call.kind == "conv" and step.call.geometry is not None:
            of_x, of_dy = step.call.geometry.borders(*shapes[step.inputs[0]][2:])
            borders[step.inputs[0]] = max(borders[step.inputs[0]], of_x)
            borders[node] = max(borders[node], of_dy)
    return {node: grid_of(shapes[node], rows[node], border, storage) for node, border in borders.items()}
