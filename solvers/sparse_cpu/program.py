"""The steps of a sparse network for inputs of one shape, ready to run.

A value is there as a tensor of torch, as an activation in the layout, or both: it is converted where the next step needs it.
An activation with several readers is shared out (`autograd.Share`), so that its gradients are added up in one buffer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, final

import numpy as np
import torch
from torch import Tensor, fx, nn

from . import autograd, functions
from .batch_norm import Statistics
from .blocks import Grid
from .buffers import Buffers
from .graph import Graph, call, fetch
from .linear import LinearPlan
from .placement import Placement, Step
from .plan import Plan

#: In place of a reader's number: where the readers' gradients meet; the gate of a ReLU.
_MEETING, _GATE = -1, -2


class Key(NamedTuple):
    """A value: of which node, as an activation or a tensor of torch, for which of its readers."""

    node: fx.Node
    blocked: bool
    reader: int = 0


class Action(NamedTuple):
    """One step: ``run`` takes the inputs, and gives the outputs as a tuple; then ``dead`` values are let go.

    ``meets``: for which of its inputs it takes, as its last argument, the `Meeting` of the input's readers or None.
    """

    run: Callable[..., tuple[Any, ...]]
    inputs: tuple[Key, ...]
    outputs: tuple[Key, ...]
    dead: tuple[Key, ...] = ()
    meets: int | None = None


@final
class Program:
    """Runs the graph of a model with the plans of one pattern of non-zeros."""

    def __init__(
        self,
        model: nn.Module,
        graph: Graph,
        placement: Placement,
        plans: Mapping[fx.Node, Plan | LinearPlan],
        buffers: Buffers,
    ) -> None:
        self.buffers = buffers
        self.dense_gradients: bool | frozenset[nn.Parameter] = False
        """Whether gradients of weights are wanted outside the patterns, too; or of which weights."""
        self.sparse_gradients = False
        """Whether the other ones are sparse COO tensors."""
        self.layers = {node: functions.Layer(plan, self.buffers) for node, plan in plans.items()}
        self._model, self._graph, self._placement = model, graph, placement
        self._inputs = [node for node in graph.nodes if node.op == "placeholder"]
        self._actions: list[Action] = []
        self._made: dict[Key, Key] = {}
        self._result: Any = None
        self._compile()
        self._actions = _with_ends(self._actions, self._results())

    def run(self, arguments: list[Any]) -> Any:
        """The result of the model."""
        values: dict[Key, Any] = {
            Key(node, False): x for node, x in zip(self._inputs, arguments, strict=True)
        }  # fmt: skip
        for action in self._actions:
            made = action.run(*(values[key] for key in action.inputs))
            values.update(zip(action.outputs, made, strict=True))
            for key in action.dead:
                del values[key]
        return fx.map_arg(self._result, lambda node: values[Key(node, False)])

    def _results(self) -> set[Key]:
        found: set[Key] = set()
        fx.map_arg(self._result, lambda node: found.add(Key(node, False)))
        return found

    def _compile(self) -> None:
        same, steps = self._placement.same, self._placement.steps
        for node in self._graph.nodes:
            if node in same or node in self._placement.swallowed or node.op == "placeholder":
                continue
            if node.op == "output":
                self._result = fx.map_arg(node.args[0], lambda x: same.get(x, x))
                for key in self._results():
                    self._tensor(key.node)
            elif node in steps:
                self._blocked(node, steps[node])
            else:
                self._dense(node)
        self._actions = _with_early(
            self._actions, {n for n, layer in self.layers.items() if layer.untouched is not None}
        )
        self._share_out()

    def _dense(self, node: fx.Node) -> None:
        constant: Any = self._graph.values.get(node)
        if node.op == "get_attr":
            self._emit(lambda: (fetch(node, self._model, self._graph.constants),), (), node, False)
        elif _is_size(node):
            self._emit(lambda: (constant,), (), node, False)
        else:
            inputs = [self._placement.same.get(x, x) for x in node.all_input_nodes]
            keys = [self._tensor(x) for x in inputs]
            order = {x: i for i, x in enumerate(node.all_input_nodes)}

            def run(*given: Any) -> tuple[Any]:
                args, kwargs = fx.map_arg((node.args, node.kwargs), lambda x: given[order[x]])
                made = call(node, self._model, args, kwargs)
                if isinstance(made, Tensor) and made.shape != constant.shape:
                    raise RuntimeError(
                        f"{node.name} must give the shape {tuple(constant.shape)} that it has without hooks, got "
                        f"{tuple(made.shape)}"
                    )
                return (made,)

            self._emit(run, tuple(keys), node, False)

    def _emit(
        self,
        run: Callable[..., tuple[Any, ...]],
        inputs: tuple[Key, ...],
        node: fx.Node,
        blocked: bool,
        meets: int | None = None,
        beside: tuple[Key, ...] = (),
    ) -> None:
        key = Key(node, blocked)
        self._actions.append(Action(run, inputs, (key, *beside), meets=meets))
        self._made[key] = key

    def _tensor(self, node: fx.Node) -> Key:
        """The value as a tensor of torch; converts it where it is not yet one."""
        key = Key(node, False)
        if key not in self._made and Key(node, True) in self._made:
            grid, shape = self._placement.grids[node], tuple(self._graph.values[node].shape)

            def run(memory: Tensor) -> tuple[Tensor]:
                return (autograd.Unpack.apply(memory, self.buffers, grid).view(shape),)

            self._emit(run, (Key(node, True),), node, False)
        return key

    def _activation(self, node: fx.Node) -> Key:
        """The value as an activation in the layout; converts it where it is not yet one."""
        key = Key(node, True)
        if key not in self._made:
            grid = self._placement.grids[node]
            wanted = (grid.images, grid.channels, grid.height, grid.width)
            self._emit(
                lambda x: (autograd.Pack.apply(x.reshape(wanted), self.buffers, grid),), (Key(node, False),), node, True
            )  # fmt: skip
        return key

    def _blocked(self, node: fx.Node, step: Step) -> None:
        keys = tuple(self._activation(x) for x in step.inputs)
        grids, y = [self._placement.grids[x] for x in step.inputs], self._placement.grids[node]
        if step.call.kind == "conv":
            self._convolution(node, step, keys[0])
        elif step.call.kind == "norm":
            self._norm(node, step, keys, grids, y)
        else:
            run = self._operation(node, step, grids, y)
            self._emit(lambda *given: (run(*given),), keys, node, True)

    def _convolution(self, node: fx.Node, step: Step, x: Key) -> None:
        layer, module, gate = self.layers[node], step.call.module, Key(x.node, False, _GATE)
        gates = any(gate in action.outputs for action in self._actions)

        def run(x: Tensor, *others: Any) -> tuple[Any, ...]:
            gate = others[0] if gates else None
            meeting = others[gates] if len(others) > gates else None
            form = self._form(module)
            return (functions.Multiply.apply(x, module.weight, module.bias, layer, form, meeting, gate),)

        self._emit(run, (x, gate) if gates else (x,), node, True, 0)

    def _norm(self, node: fx.Node, step: Step, keys: tuple[Key, ...], grids: list[Grid], y: Grid) -> None:
        module, residual = step.call.module, grids[1] if step.residual else None
        gates = step.relu and step.residual  # without a residual y is not needed to gate

        def run(x: Tensor, beside: Tensor | None = None, meeting: Any = None) -> tuple[Any, ...]:
            norm = _norm(module, self.buffers, grids[0], y, residual, step.relu)
            gate = autograd.Gate() if gates else None
            made = functions.Normalise.apply(x, module.weight, module.bias, beside, norm, meeting, gate)
            return (made, gate) if gates else (made,)

        beside = (Key(node, False, _GATE),) if gates else ()
        self._emit(run, keys, node, True, 1 if step.residual else None, beside)

    def _operation(self, node: fx.Node, step: Step, grids: list[Grid], y: Grid) -> Callable[..., Tensor]:
        kind, module, buffers = step.call.kind, step.call.module, self.buffers
        if kind == "linear":
            layer = self.layers[node]
            return lambda x: functions.Multiply.apply(x, module.weight, module.bias, layer, self._form(module), None)
        if kind in ("relu", "add"):
            total = functions.Sum(
                buffers, grids[0], grids[1] if len(grids) > 1 else None, y, step.relu or kind == "relu"
            )
            return lambda a, b=None: functions.Add.apply(a, b, total)
        if kind == "pool":
            assert step.call.geometry is not None
            pool = functions.Pooling(
                buffers, grids[0], y, step.call.geometry, step.call.largest, step.call.count_padding
            )
            return lambda x: functions.Pool.apply(x, pool)
        if kind == "flatten":
            if grids[0] == y:
                return lambda x: x
            return lambda x: autograd.Flatten.apply(x, buffers, grids[0], y)
        raise AssertionError(f"no operation for {kind}")

    def _form(self, module: Any) -> functions.Form:
        asked = self.dense_gradients
        if asked if isinstance(asked, bool) else module.weight in asked:
            return "whole"
        return "sparse" if self.sparse_gradients else "pattern"

    def _share_out(self) -> None:
        """Give each reader of an activation its own, where there are several."""
        readers: dict[Key, int] = {}
        for action in self._actions:
            for key in action.inputs:
                readers[key] = readers.get(key, 0) + 1
        actions: list[Action] = []
        next_reader: dict[Key, int] = {}
        for action in self._actions:
            inputs = []
            for key in action.inputs:
                if key.blocked and readers[key] > 1:
                    next_reader[key] = next_reader.get(key, 0) + 1
                    inputs.append(key._replace(reader=next_reader[key]))
                else:
                    inputs.append(key)
            if action.meets is not None and inputs[action.meets].reader:
                inputs.append(inputs[action.meets]._replace(reader=_MEETING))
            actions.append(action._replace(inputs=tuple(inputs)))
            for key in action.outputs:
                if key.blocked and readers.get(key, 0) > 1:
                    actions.append(self._sharing(key, readers[key]))
        self._actions = actions

    def _sharing(self, key: Key, readers: int) -> Action:
        grid = self._placement.grids[key.node]
        outputs = tuple(key._replace(reader=i + 1) for i in range(readers))

        def run(x: Tensor) -> tuple[Any, ...]:
            return (*autograd.Share.apply(x, self.buffers, grid, readers), autograd.Meeting())

        return Action(run, (key,), (*outputs, key._replace(reader=_MEETING)))


def _is_size(node: fx.Node) -> bool:
    """Whether the value is known from the shapes alone."""
    if node.op == "call_method":
        return node.target in ("size", "dim", "numel", "ndimension")
    return node.op == "call_function" and node.target is getattr and node.args[1] in ("shape", "ndim")


def _with_early(actions: list[Action], early: set[fx.Node]) -> list[Action]:
    """The calls of some convolutions as soon as their input is there.

    What is called first gets its gradient last: a convolution that skips pixels then adds onto what the others have written.
    The other way round all of the gradient had to be set to 0 before it.
    """
    ordered: list[Action] = []
    for action in actions:
        place = len(ordered)
        if any(key.node in early for key in action.outputs):
            made = [i for i, other in enumerate(ordered) if set(other.outputs) & set(action.inputs)]
            place = made[-1] + 1 if made else place  # an argument of the model is made by nobody
        ordered.insert(place, action)
    return ordered


def _with_ends(actions: list[Action], results: set[Key]) -> list[Action]:
    """Let values go after their last use."""
    seen, ended = set(results), []
    for action in reversed(actions):
        ends = {key for key in (*action.inputs, *action.outputs) if key not in seen}
        seen |= ends
        ended.append(action._replace(dead=tuple(ends)))
    return ended[::-1]


def _norm(
    module: Any, buffers: Buffers, x: Grid, y: Grid, residual: Grid | None, relu: bool
) -> functions.Norm:  # fmt: skip
    by_batch = module.training or module.running_mean is None
    if by_batch and x.images * x.height * x.width == 1:
        raise ValueError(f"Expected more than 1 value per channel when training, got 1 for {x}")
    given = None
    if not by_batch:
        given = Statistics(module.running_mean.double().numpy(), module.running_var.double().numpy())
    update = _update(module) if module.training and module.running_mean is not None else None
    return functions.Norm(buffers, x, y, residual, module.eps, relu, given, update)


def _update(module: Any) -> Callable[[Statistics, int], None]:
    """The running statistics of torch: an exponential mean, or of all batches where ``momentum`` is None; var with n − 1."""

    def update(used: Statistics, n: int) -> None:
        module.num_batches_tracked.add_(1)
        momentum = module.momentum
        share = 1.0 / float(module.num_batches_tracked) if momentum is None else momentum
        for running, now in ((module.running_mean, used.mean), (module.running_var, used.var * (n / (n - 1)))):
            running.lerp_(torch.from_numpy(now.astype(np.float32)), share)

    return update
