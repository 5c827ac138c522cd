"""The variance-reduced coarse model for networks (lunk2026 Appendix B, reconstructed): SVRG with one anchor a cycle.

    g = ∇L_B(θ) − ∇L_B(θᵏ) + ∇L(θᵏ)

symbol  | here                  | when it is computed
--------|-----------------------|-------------------------------------------------------------------
∇L(θᵏ)  | `begin_cycle`         | once a cycle: one pass over the data, mean over its examples
L_B     | ``backward(batch)``   | the mean loss on a mini-batch
g       | `estimate`            | at each step: two evaluations on the same batch, at θ and at θᵏ

Each call leaves its result in ``.grad``. R is the optimizer's: during a coarse phase it moves the selected entries alone, so
Rg is what it uses. A cycle with `mlbreg.solvers.optim.multilevel.MultilevelLinBreg`:

    if optimizer.param_groups[0]["position"] == 0:
        reduced.begin_cycle(batches)        # .grad = ∇L(θᵏ), which is g at θᵏ, and what criterion (10) asks for
    elif optimizer.in_coarse_phase:
        reduced.estimate(next_batch)
    else:
        reduced.full_gradient(batches)      # the fine step; a mini-batch gradient is possible, too
    optimizer.step()

What the estimate rests on. It is unbiased when B is drawn uniformly and L is the mean of losses of single examples. Batch
norm in training mode couples the examples of a batch: then ∇L(θᵏ) is the mean over the batches of the pass, and the
estimate is unbiased only for B drawn uniformly from these very batches; its statistics frozen (``.eval()`` on these
layers), the sum is finite again. Running statistics move once a step, by the evaluation at θ; the evaluation at θᵏ and the
full pass leave buffers as they were. Both evaluations of a step use the same dropout masks; the full pass draws fresh ones.
Memory: two copies of the parameters, and two more while `estimate` runs. Reference: `mlbreg.solvers.variance_reduced`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, final

import torch
from torch import Tensor, nn

from .evaluation import copy_into, elsewhere, without_trace
from .precision import state_dtype


def examples(batch: Any) -> int:
    """How many examples a batch holds: the length of its first tensor."""
    first = batch
    while not isinstance(first, Tensor):
        if isinstance(first, Mapping) and first:
            first = next(iter(first.values()))
        elif isinstance(first, tuple | list) and first:
            first = first[0]
        else:
            raise TypeError(f"batch must be a tensor, or a sequence or mapping that begins with one, got {type(batch)}")
    return len(first)


@final
class VarianceReducedGradient:
    """The estimator of a model.

    ``backward(batch)`` computes the mean loss on a batch, calls ``backward`` on it (unscaled: no GradScaler) and returns it.
    It may be called at other parameters than the current ones and must depend on nothing else than these, the batch, the
    model's buffers and torch's random numbers. ``count(batch)`` weights the batches of a pass.
    """

    def __init__(
        self, model: nn.Module, backward: Callable[[Any], Tensor], count: Callable[[Any], float] = examples
    ) -> None:
        self.model, self.backward, self.count = model, backward, count
        self.parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
        if not self.parameters:
            raise ValueError("model must have a parameter that requires a gradient, got none")
        self._anchor: list[Tensor] | None = None
        self._full: list[Tensor | None] = []

    def begin_cycle(self, batches: Iterable[Any]) -> float:
        """Take θᵏ = θ; ``.grad`` is ∇L(θᵏ) afterwards. Returns L(θᵏ)."""
        loss = self.full_gradient(batches)
        self._anchor = [parameter.detach().clone() for parameter in self.parameters]
        self._full = [None if p.grad is None else p.grad.to(state_dtype(p), copy=True) for p in self.parameters]
        return loss

    def full_gradient(self, batches: Iterable[Any]) -> float:
        """``.grad`` is the mean gradient over the examples of the batches afterwards. Returns the mean loss."""
        total: list[Tensor | None] = [None] * len(self.parameters)
        weight, loss = 0.0, 0.0
        buffers = list(self.model.buffers())
        before = [buffer.clone() for buffer in buffers]
        try:
            for batch in batches:
                size = float(self.count(batch))
                if not 0 < size < float("inf"):
                    raise ValueError(f"count must give a finite number > 0 for each batch, got {size!r}")
                value, gradients = self._evaluate(batch)
                weight, loss = weight + size, loss + size * value
                for index, (parameter, gradient) in enumerate(zip(self.parameters, gradients, strict=True)):
                    if gradient is not None:
                        part = gradient.to(state_dtype(parameter)) * size
                        before_it = total[index]
                        total[index] = part if before_it is None else before_it.add_(part)
        finally:
            copy_into(buffers, before)
        if weight == 0:
            raise ValueError("batches must hold one batch at least, got none; an iterator that was used up gives none")
        for parameter, summed in zip(self.parameters, total, strict=True):
            parameter.grad = None if summed is None else (summed / weight).to(parameter.dtype)
        return loss / weight

    def estimate(self, batch: Any) -> float:
        """``.grad`` is g afterwards. Returns L_B(θ)."""
        if self._anchor is None:
            raise RuntimeError("begin_cycle must come before estimate: there is no θᵏ yet")
        with without_trace(self.model), elsewhere(self.parameters, self._anchor):
            _, there = self._evaluate(batch)
        loss, here = self._evaluate(batch)
        for parameter, g, old, full in zip(self.parameters, here, there, self._full, strict=True):
            if g is None and old is None and full is None:
                parameter.grad = None
                continue
            wide = torch.zeros_like(parameter, dtype=state_dtype(parameter))
            for part, sign in ((g, 1), (old, -1), (full, 1)):
                if part is not None:
                    wide.add_(part, alpha=sign)
            parameter.grad = wide.to(parameter.dtype)
        return loss

    def _evaluate(self, batch: Any) -> tuple[float, list[Tensor | None]]:
        for parameter in self.parameters:
            parameter.grad = None
        with torch.enable_grad():
            loss = self.backward(batch)
        return float(loss.detach()), [parameter.grad for parameter in self.parameters]

    def state_dict(self) -> dict[str, Any]:
        """θᵏ and ∇L(θᵏ), as tensors: with it a run goes on bit for bit in the middle of a cycle."""
        return {"anchor": self._anchor, "full": list(self._full)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from `state_dict`; a `ValueError` where it belongs to another model, and then nothing is changed."""
        if set(state) != {"anchor", "full"}:
            raise ValueError(f"state must have the entries 'anchor' and 'full', got {sorted(state)}")
        if state["anchor"] is None:
            self._anchor, self._full = None, []
            return
        for name in ("anchor", "full"):
            shapes = [None if x is None else tuple(x.shape) for x in state[name]]
            wanted = [tuple(parameter.shape) for parameter in self.parameters]
            if len(shapes) != len(wanted) or any(
                a != b for a, b in zip(shapes, wanted, strict=True) if a is not None or name == "anchor"
            ):
                raise ValueError(
                    f"state[{name!r}] must have the shapes {wanted} of the model's parameters, got {shapes}"
                )
        own = self.parameters
        self._anchor = [x.detach().to(p.device, p.dtype, copy=True) for x, p in zip(state["anchor"], own, strict=True)]
        self._full = [
            None if x is None else x.detach().to(p.device, state_dtype(p), copy=True)
            for x, p in zip(state["full"], own, strict=True)
        ]
