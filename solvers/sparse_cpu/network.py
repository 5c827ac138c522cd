"""A network of torch that computes with its non-zero weights alone.

    network = SparseNetwork(model)
    y = network(x)              # as model(x); backward() fills the gradients of the model's own parameters

The model stays what it is: its parameters, running statistics, hooks and ``training`` flags are the ones that are used.
Weights may change; where one becomes non-zero outside its pattern the patterns are made anew, so the result is always that of
the model. The gradient of a weight that runs sparsely is 0 outside its pattern, unless ``dense_gradients`` asks for all of it;
``sparse_gradients`` makes it a sparse COO tensor, as `nn.Embedding` does.

what                                             | runs
-------------------------------------------------|---------------------------------------------------------------
convolutions, linear layers of density ≤ ``break_even`` | sparsely, see `layers` for what is known
one that is denser, where conversions would cost more | likewise
batch norm, ReLU, sums, pooling around them      | in the blocked layout
all other modules and functions                  | by torch, with conversion before and after
a model that torch.fx cannot trace; autocast     | by torch, after one warning
"""

from __future__ import annotations

import warnings
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, final

import torch
from torch import Tensor, fx, nn

from ...theory.arrays import check_number
from .blocks import Storage, check_storage
from .buffers import Buffers
from .graph import Graph, NotTraceableError, bound_arguments, trace
from .layers import Call
from .linear import LinearPlan
from .patterns import covers
from .placement import Placement, place
from .plan import Plan
from .program import Program

#: Forward and backward passes of a 3×3 convolution of ResNet18, batch 128, AVX-512, 2 threads: as long as torch's in
#: channels_last at a density of 0.6–0.7.
BREAK_EVEN = 0.5
#: There and back, forward and backward, conversions of one channel take as long as so many weights run by torch.
CONVERSION = 80
#: Programs that are kept: for the full batch and the last one of an epoch, in training and evaluation.
_KEPT = 4
#: Sets of buffers: they survive a change of patterns.
_KEPT_BUFFERS = 2


@final
class SparseNetwork:
    """``break_even``: the density in [0, 1] up to which a layer runs sparsely.

    ``activations``: how the layout stores activations and their gradients, "float32" or "bfloat16". The latter takes half of
    the memory and less time where memory sets the pace, from a sparsity of about 95 %; each is rounded to 8 bits then. All
    else stays float32: weights, their gradients, statistics, and every sum until it is stored.
    """

    def __init__(self, model: nn.Module, break_even: float = BREAK_EVEN, activations: Storage = "float32") -> None:
        if not isinstance(model, nn.Module):
            raise TypeError(f"model must be a torch.nn.Module, got {type(model).__name__}")
        if not check_number("break_even", break_even, at_least=0) <= 1:
            raise ValueError(f"break_even must be in [0, 1], got {break_even!r}")
        check_storage("activations", activations)
        self.model, self.break_even, self.activations = model, break_even, activations
        self.dense_gradients: bool | frozenset[nn.Parameter] = False
        """Whether gradients of weights are wanted outside the patterns, too; or of which weights."""
        self.sparse_gradients = False
        """Whether gradients of weights that are wanted on the pattern alone are sparse COO tensors."""
        self._plans: dict[Any, Plan | LinearPlan] = {}
        self._forward = model.forward
        self._masks: dict[nn.Parameter, Tensor] = {}
        self._checked: dict[nn.Parameter, int] = {}
        self._graphs: OrderedDict[Any, Graph] = OrderedDict()
        self._programs: OrderedDict[Any, Program] = OrderedDict()
        self._buffers: OrderedDict[Any, Buffers] = OrderedDict()
        self._noticed = False

    def refresh(self, selected: Mapping[Any, Tensor] | None = None) -> None:
        """Make the patterns anew: the non-zeros of each weight, and the entries that ``selected`` has for it (bool masks)."""
        for parameter, mask in (selected or {}).items():
            if mask.shape != parameter.shape or mask.dtype != torch.bool:
                raise ValueError(
                    f"selected must hold bool masks of the shape of the parameter, {tuple(parameter.shape)}, got "
                    f"{mask.dtype} {tuple(mask.shape)}"
                )
        self._programs.clear()
        self._plans.clear()
        self._masks, self._checked = {}, {}
        for parameter in self.model.parameters():
            if _may_be_sparse(parameter):
                mask = parameter.detach() != 0
                if selected is not None and parameter in selected:
                    mask |= selected[parameter]
                self._masks[parameter] = mask
                self._checked[parameter] = parameter._version

    @property
    def patterns(self) -> dict[nn.Parameter, Tensor]:
        """The masks that there are, bool: of each weight what the next call computes with, if it covers the weight."""
        return dict(self._masks)

    def restore(self, patterns: Mapping[nn.Parameter, Tensor]) -> None:
        """Go on with exactly what `patterns` gave in an earlier process, where `refresh` would add the non-zeros of now."""
        self._programs.clear()
        self._plans.clear()
        self._masks, self._checked = dict(patterns), {}

    @property
    def sparse_layers(self) -> list[str]:
        """The names of the layers that ran sparsely in the last call."""
        if not self._programs:
            return []
        return [str(node.target) for node in next(reversed(self._programs.values())).layers]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """As the model's ``forward``: with the same arguments, for the same result."""
        if torch.is_autocast_enabled("cpu"):
            return self._dense("autocast is on, and the kernels compute in float32", *args, **kwargs)
        try:
            arguments = self._bound(args, kwargs)
            program = self._program(arguments)
        except NotTraceableError as reason:
            return self._dense(str(reason), *args, **kwargs)
        if program is None:
            return self._forward(*args, **kwargs)
        program.dense_gradients, program.sparse_gradients = self.dense_gradients, self.sparse_gradients
        return program.run(list(arguments.values()))

    def is_covered(self) -> bool:
        """Whether every weight is 0 outside its pattern, so that no pattern has to be made anew for the next call."""
        return bool(self._masks) and not self._uncovered()

    def _dense(self, reason: str, *args: Any, **kwargs: Any) -> Any:
        if not self._noticed:
            self._noticed = True
            warnings.warn(f"{type(self.model).__name__} runs dense: {reason}", stacklevel=3)
        return self._forward(*args, **kwargs)

    def _bound(self, args: Any, kwargs: Any) -> dict[str, Any]:
        if "forward" in self.model.__dict__ and self.model.__dict__["forward"] is not self:
            raise NotTraceableError("its forward is not that of its class")
        arguments = bound_arguments(self.model, args, kwargs)
        for name, x in arguments.items():
            if isinstance(x, Tensor) and x.device.type != "cpu":
                raise NotTraceableError(f"argument {name!r} is on {x.device}")
        return arguments

    def _program(self, arguments: dict[str, Any]) -> Program | None:
        """None where no layer is to run sparsely."""
        self._cover()
        shapes = tuple((tuple(x.shape), x.dtype) if isinstance(x, Tensor) else (type(x), x) for x in arguments.values())
        key = (tuple(module.training for module in self.model.modules()), shapes)

        def make() -> Program:
            graph: Graph = _recent(self._graphs, key, lambda: trace(self.model, arguments), _KEPT)
            return self._made(graph, _recent(self._buffers, shapes, Buffers, _KEPT_BUFFERS))

        program: Program = _recent(self._programs, key, make, _KEPT)
        return program if program.layers else None

    def _cover(self) -> None:
        """Make sure that no weight is non-zero outside its pattern."""
        if not self._masks:
            self.refresh()
        elif self._uncovered():
            self.refresh({p: mask for p, mask in self._masks.items() if p.shape == mask.shape})

    def _uncovered(self) -> bool:
        for parameter in self.model.parameters():
            if _may_be_sparse(parameter) and self._checked.get(parameter) != parameter._version:
                mask = self._masks.get(parameter)
                if mask is None or mask.shape != parameter.shape or not covers(mask, parameter):
                    return True
                self._checked[parameter] = parameter._version
        return False

    def _made(self, graph: Graph, buffers: Buffers) -> Program:
        counts = {p: int(mask.count_nonzero()) for p, mask in self._masks.items()}
        below = sum(p.numel() for p, n in counts.items() if n <= self.break_even * p.numel())
        mostly = 2 * below >= sum(p.numel() for p in counts)

        def is_sparse(_: fx.Node, call: Call) -> bool:
            weight = call.module.weight
            if weight not in counts:
                return False
            # A dense layer among sparse ones needs conversions on both sides.
            saved = CONVERSION * (weight.shape[0] + weight.shape[1]) if mostly else 0
            return bool(counts[weight] <= self.break_even * (weight.numel() + saved))

        placement = place(graph, self.model, is_sparse, self.activations)
        return Program(self.model, graph, placement, self._planned(placement), buffers)

    def _planned(self, placement: Placement) -> dict[fx.Node, Plan | LinearPlan]:
        plans: dict[fx.Node, Plan | LinearPlan] = {}
        for node, step in placement.steps.items():
            if step.call.kind in ("conv", "linear"):
                weight, geometry = step.call.module.weight, step.call.geometry
                x, y = placement.grids[step.inputs[0]], placement.grids[node]
                key = weight, geometry, replace(x, images=1), replace(y, images=1)
                if key not in self._plans:
                    mask = self._masks[weight]
                    self._plans[key] = LinearPlan(mask, x, y) if geometry is None else Plan(mask, geometry, x, y)
                plans[node] = self._plans[key].with_images(x.images)
        return plans


def _may_be_sparse(parameter: nn.Parameter) -> bool:
    return parameter.device.type == "cpu" and parameter.dim() in (2, 4) and parameter.is_floating_point()


def _recent(kept: OrderedDict[Any, Any], key: Any, make: Callable[[], Any], most: int) -> Any:
    """What is kept under a key, made where it is not; those that were not wanted for longest go."""
    if key not in kept:
        kept[key] = make()
    kept.move_to_end(key)
    while len(kept) > most:
        kept.popitem(last=False)
    return kept[key]
