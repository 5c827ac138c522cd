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
all other modules and functions                  | by torch, with conversion before and after; one warning
                                                 | names those whose weights are sparse
a model that torch.fx cannot trace; autocast     | by torch, after one warning
"""

from __future__ import annotations

import sys
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
from .graph import Graph, NotTraceableError, bound_arguments, state, trace
from .layers import Call
from .linear import LinearPlan
from .patterns import covers
from .placement import Placement, place
from .plan import Plan
from .program import Program
from .unsupported import listed, unsupported

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
        self._given: dict[nn.Parameter, Tensor] = {}
        """The masks of `refresh` and `restore`; weights may stand in for others for a while, as in `torch.func`."""
        self._run = self._sparsely
        self._graphs: OrderedDict[Any, Graph] = OrderedDict()
        self._programs: OrderedDict[Any, Program] = OrderedDict()
        self._buffers: OrderedDict[Any, Buffers] = OrderedDict()
        self._noticed = self._named = False

    def __reduce_ex__(self, _: Any) -> Any:
        raise TypeError("a SparseNetwork cannot be copied or pickled: copy its model, outside of sparse_compute")

    def refresh(self, selected: Mapping[Any, Tensor] | None = None) -> None:
        """Make the patterns anew: the non-zeros of each weight, and the entries that ``selected`` has for it (bool masks)."""
        for parameter, mask in (selected or {}).items():
            if mask.shape != parameter.shape or mask.dtype != torch.bool:
                raise ValueError(
                    f"selected must hold bool masks of the shape of the parameter, {tuple(parameter.shape)}, got "
                    f"{mask.dtype} {tuple(mask.shape)}"
                )
        self._cover_all(selected or {})
        self._given = dict(self._masks)

    def _cover_all(self, masks: Mapping[Any, Tensor]) -> None:
        self._programs.clear()
        self._plans.clear()
        self._masks = {}
        for parameter in self.model.parameters():
            if _may_be_sparse(parameter):
                mask = parameter.detach() != 0
                if parameter in masks:
                    mask |= masks[parameter]
                self._masks[parameter] = mask

    @property
    def patterns(self) -> dict[nn.Parameter, Tensor]:
        """The masks that there are, bool: of each weight what the next call computes with, if it covers the weight."""
        known = self._given | self._masks
        return {p: known[p] for p in self.model.parameters() if p in known}

    def restore(self, patterns: Mapping[nn.Parameter, Tensor]) -> None:
        """Go on with exactly what `patterns` gave in an earlier process, where `refresh` would add the non-zeros of now."""
        self._programs.clear()
        self._plans.clear()
        self._masks, self._given = dict(patterns), dict(patterns)

    @property
    def sparse_layers(self) -> list[str]:
        """The names of the layers that ran sparsely in the last call."""
        if not self._programs:
            return []
        return [_name(node) for node in next(reversed(self._programs.values())).layers]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """As the model's ``forward``: with the same arguments, for the same result."""
        return self._run(*args, **kwargs)

    def hide_from_compiler(self) -> None:
        """Keep `torch.compile`, where it is in use, from looking into the kernels: its graphs end before them."""
        if "torch._dynamo" in sys.modules and self._run == self._sparsely:
            self._run = torch.compiler.disable(self._sparsely)  # type: ignore[no-untyped-call]

    def _sparsely(self, *args: Any, **kwargs: Any) -> Any:
        if torch._C._are_functorch_transforms_active():
            return self._dense("torch.func transforms it", *args, **kwargs)
        if torch.is_autocast_enabled("cpu"):
            return self._dense("autocast is on, and the kernels compute in float32", *args, **kwargs)
        try:
            arguments = self._bound(args, kwargs)
            program = self._program(arguments)
        except NotTraceableError as reason:
            return self._dense(str(reason), *args, **kwargs)
        if program is None:
            return self._forward(*args, **kwargs)
        program.dense_gradients, program.sparse_gradients = self._whole_gradients(), self.sparse_gradients
        return program.run(list(arguments.values()))

    def _whole_gradients(self) -> bool | frozenset[nn.Parameter]:
        if isinstance(self.dense_gradients, bool):
            return self.dense_gradients
        return self.dense_gradients | {p for p in self._masks if p not in self._given}  # nobody said what moves there

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
        key = (state(self.model), shapes)

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
            self._cover_all({p: mask for p, mask in (self._given | self._masks).items() if p.shape == mask.shape})

    def _uncovered(self) -> bool:
        for parameter in self.model.parameters():
            if _may_be_sparse(parameter):  # each time: a change through ``parameter.data`` leaves no trace
                mask = self._masks.get(parameter)
                if mask is None or mask.shape != parameter.shape or not covers(mask, parameter):
                    return True
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
        self._name_the_others(graph, placement, counts)
        return Program(self.model, graph, placement, self._planned(placement), buffers)

    def _name_the_others(self, graph: Graph, placement: Placement, counts: dict[nn.Parameter, int]) -> None:
        """Warn, the first time in training, of layers with sparse weights that are not known here."""
        is_empty = any(isinstance(x, Tensor) and x.numel() == 0 for x in graph.values.values())
        if self._named or is_empty or not self.model.training:
            return

        def is_sparse(p: nn.Parameter) -> bool:
            count = counts[p] if p in counts else int(p.detach().count_nonzero())
            return count <= self.break_even * p.numel()

        steps = placement.steps.values()
        weights = {step.call.module.weight for step in steps if step.call.kind in ("conv", "linear")}
        if others := unsupported(self.model, graph, weights, is_sparse):
            self._named = True
            warnings.warn(
                f"{type(self.model).__name__} has sparse layers that are not supported and run dense: {listed(others)}",
                stacklevel=7,
            )

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


def _name(node: fx.Node) -> str:
    """Of a module; of the weight that a function is given, or the module that it is the ``weight`` of."""
    weight: Any = node.kwargs.get("weight", node.args[1] if len(node.args) > 1 else None)
    return str(node.target if node.op == "call_module" else weight.target).removesuffix(".weight")


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
