"""A network that computes in the smaller dense network that is left while some of its weights are frozen at zero.

    network = CoarseNetwork(model)
    network.select(masks)       # once per phase: the entries of each parameter that move
    y = network(x)              # as model(x); backward() fills the gradients of the model's own parameters

The small network has no weights of its own: each call takes the kept parts of the model's. Running statistics of batch
normalisation are those of the whole model, also of channels that are left out. A weight that somebody else makes non-zero
where it should be frozen makes a new small network; the result is always that of the model, up to rounding. Not the same:

- dropout in training draws other random numbers, for fewer channels;
- where an error is raised within a call, running statistics have not moved, while those of the model might have in part.
"""

from __future__ import annotations

import warnings
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, final

import torch
from torch import Tensor, fx, nn
from torch.func import functional_call

from ...sparse_cpu.graph import NotTraceableError, bound_arguments, fetch, is_watched, state, trace
from .constants import Constants
from .gathering import Bordered, SmallLayer, small_layers
from .phase_rules import PhaseRules
from .propagation import Propagation, propagate
from .report import LayerChange
from .shrinking import write_as_flatten
from .tracing import Traced, changed_values, fixed_modules

#: Graphs and small networks that are kept: for the full batch and the last one of an epoch, in training and evaluation.
_KEPT = 4


@final
@dataclass(frozen=True)
class _Graph:
    """What does not depend on the weights. ``attributes``: the names of bare parameters, buffers and constants in it."""

    traced: Traced
    attributes: dict[str, fx.Node]
    constants: dict[str, Any]


@final
@dataclass(frozen=True)
class _Small:
    """The network of one phase."""

    module: fx.GraphModule
    layers: list[SmallLayer]


@final
class CoarseNetwork:
    """See above. Anything that cannot be made smaller runs as it is, and the first time a warning says why."""

    def __init__(self, model: nn.Module) -> None:
        if not isinstance(model, nn.Module):
            raise TypeError(f"model must be a torch.nn.Module, got {type(model).__name__}")
        self.model = model
        self._masks: dict[Any, Tensor] | None = None
        self._may_be_nonzero: dict[Tensor, Tensor] = {}
        self._checked: dict[Tensor, int] = {}
        self._graphs: OrderedDict[Any, _Graph | str] = OrderedDict()
        self._smalls: OrderedDict[Any, _Small] = OrderedDict()
        self._noticed = False

    def select(self, masks: Mapping[Any, Tensor]) -> None:
        """Begin a phase in which only these entries move, bool of the shape of each parameter; all of those left out move.

        Does nothing when the masks are those of the phase that there is.
        """
        own = set(self.model.parameters())
        masks = {parameter: mask for parameter, mask in masks.items() if parameter in own}
        for parameter, mask in masks.items():
            if mask.shape != parameter.shape or mask.dtype != torch.bool:
                raise ValueError(
                    f"masks must be bool and of the shape of the parameter, {tuple(parameter.shape)}, got "
                    f"{mask.dtype} {tuple(mask.shape)}"
                )
        old = self._masks
        known = old is not None and old.keys() == masks.keys()
        if known and old is not None and all(mask is old[p] or torch.equal(mask, old[p]) for p, mask in masks.items()):
            self._masks = masks  # equal, and next time the same
            return
        self._masks = masks
        self._refresh()

    @property
    def layers(self) -> tuple[LayerChange, ...]:
        """The layers that were smaller in the last call."""
        if not self._smalls:
            return ()
        return tuple(_change(layer) for layer in next(reversed(self._smalls.values())).layers)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """As the model's ``forward``: with the same arguments, for the same result."""
        try:
            arguments = bound_arguments(self.model, args, kwargs)
            small = self._small(arguments)
        except NotTraceableError as reason:
            self.notice(str(reason))
            return self._in_full(*args, **kwargs)
        if not small.layers:
            return self._in_full(*args, **kwargs)
        like = next(parameter for layer in small.layers for parameter in layer.full.parameters())
        constants = Constants(like.detach())
        with torch.autocast(like.device.type, enabled=False):
            tensors = {name: x for layer in small.layers for name, x in layer.tensors(constants).items()}
        graph = self._graph(self._key(arguments), arguments)
        bare = {name: fetch(node, self.model, graph.constants) for name, node in graph.attributes.items()}
        result = functional_call(small.module, tensors | bare, tuple(arguments.values()), tie_weights=False)
        for layer in small.layers:
            layer.finish(tensors, constants)
        return result

    def notice(self, reason: str) -> None:
        """Warn, the first time, that the model runs as it is."""
        if not self._noticed:
            self._noticed = True
            warnings.warn(f"{type(self.model).__name__} runs in full: {reason}", stacklevel=3)

    def _in_full(self, *args: Any, **kwargs: Any) -> Any:
        forward: Any = type(self.model).forward
        return forward(self.model, *args, **kwargs)

    def _key(self, arguments: dict[str, Any]) -> Any:
        """What a graph depends on: the modules, their flags and hooks, and what is not a number in the arguments."""
        shapes = tuple((tuple(x.shape), x.dtype) if isinstance(x, Tensor) else (type(x), x) for x in arguments.values())
        return state(self.model), tuple(id(parameter) for parameter in self.model.parameters()), shapes

    def _graph(self, key: Any, arguments: dict[str, Any]) -> _Graph:
        if key not in self._graphs:
            try:
                self._graphs[key] = _traced(self.model, arguments)
            except NotTraceableError as reason:
                self._graphs[key] = str(reason)  # the error would keep the arguments alive
        found: _Graph | str = _recent(self._graphs, key)
        if isinstance(found, str):
            raise NotTraceableError(found)
        return found

    def _small(self, arguments: dict[str, Any]) -> _Small:
        if self._masks is None:
            raise RuntimeError("select must be called before the network")
        self._cover()
        key = self._key(arguments)
        if key not in self._smalls:
            graph = self._graph(key, arguments)
            found = propagate(graph.traced, PhaseRules(self._may_be_nonzero))
            layers = small_layers(found, found.table.decide())
            self._smalls[key] = _Small(_assembled(graph, found, layers), layers)
            if not layers:
                kept = "".join(f"; kept at {name}: {reason}" for name, reason in found.notes)
                self.notice(f"no whole filter, row or channel that could be left out is frozen at zero{kept}")
        small: _Small = _recent(self._smalls, key)
        return small

    def _refresh(self) -> None:
        self._smalls.clear()
        self._may_be_nonzero, self._checked = {}, {}
        for parameter, mask in (self._masks or {}).items():
            self._may_be_nonzero[parameter] = mask | (parameter.detach() != 0)
            self._checked[parameter] = parameter._version

    def _cover(self) -> None:
        """Make sure that what is taken for zero is zero; NaN is not."""
        changed = [p for p in self._may_be_nonzero if p._version != self._checked[p]]
        found = [((p.detach() != 0) & ~self._may_be_nonzero[p]).any() for p in changed]
        if any(bool(x) for x in found):
            self._refresh()
        for parameter in changed:
            self._checked[parameter] = parameter._version


def _traced(model: nn.Module, arguments: dict[str, Any]) -> _Graph:
    graph = trace(model, arguments)
    attributes = {str(node.target): node for node in graph.nodes if node.op == "get_attr"}
    parts: dict[str, Any] = {name: fetch(node, model, graph.constants) for name, node in attributes.items()}
    if not all(isinstance(x, Tensor) for x in parts.values()):
        raise NotTraceableError("it uses attributes that are neither parameters nor buffers")
    parts |= {
        str(node.target): model.get_submodule(str(node.target)) for node in graph.nodes if node.op == "call_module"
    }
    module = fx.GraphModule(parts, graph.nodes[0].graph)
    shapes = {node: tuple(x.shape) for node, x in graph.values.items() if isinstance(x, Tensor)}
    fixed = fixed_modules(module)
    watched = {name: "it has hooks" for name, part in module.named_modules() if name and is_watched(part)}
    nodes = {copied.name: copied for copied in module.graph.nodes}
    shapes = {nodes[node.name]: shape for node, shape in shapes.items()}
    return _Graph(Traced(module, shapes, watched | fixed, changed_values(module.graph)), attributes, graph.constants)


def _assembled(graph: _Graph, found: Propagation, layers: list[SmallLayer]) -> fx.GraphModule:
    full = graph.traced.module
    copied: dict[fx.Node, fx.Node] = {}
    own = fx.Graph()
    own.output(own.graph_copy(full.graph, copied))
    for node in found.reshapes:
        write_as_flatten(copied[node])
    small = {layer.name: layer.module for layer in layers}
    parts: dict[str, Any] = {}
    for node in own.nodes:
        name = str(node.target)
        if node.op == "call_module":
            parts[name] = small.get(name) or full.get_submodule(name)
        elif node.op == "get_attr":
            owner, _, attribute = name.rpartition(".")
            parts[name] = getattr(full.get_submodule(owner), attribute)
    return fx.GraphModule(parts, own)


def _change(layer: SmallLayer) -> LayerChange:
    after: Any = layer.module.convolution if isinstance(layer.module, Bordered) else layer.module
    shapes = [() if x.weight is None else tuple(x.weight.shape) for x in (layer.full, after)]
    sizes = [sum(parameter.numel() for parameter in x.parameters()) for x in (layer.full, after)]
    return LayerChange(layer.name, type(layer.full).__name__, shapes[0], shapes[1], sizes[0], sizes[1])


def _recent(kept: OrderedDict[Any, Any], key: Any) -> Any:
    """What is kept under a key; those that were not wanted for longest go."""
    kept.move_to_end(key)
    while len(kept) > _KEPT:
        kept.popitem(last=False)
    return kept[key]
