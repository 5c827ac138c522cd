"""An optimizer whose steps are those of torch.optim's SGD, Adam or AdamW, on gradients that it may change first.

The base rule is torch's own object. It owns nothing: its state and its parameter groups are those of the optimizer around
it, so that learning-rate schedulers, ``state_dict()``, GradScaler and the rest of torch see one ordinary optimizer. The
``.grad`` of a parameter is the same tensor with the same values before and after a step.

entry of a parameter group | meaning
---------------------------|----------------------------------------------------------------------------------
``lr``, ``momentum``, …    | the options of the base rule
``base``                   | the name of the base rule; fixed
``check_finite``           | raise where a gradient holds NaN or ±∞, before anything is changed
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.optim import SGD, Adam, AdamW, Optimizer

#: The base rules: they act on each entry alone, so that an entry with gradient 0 and state 0 stays where it is at 0.
BASES: tuple[type[Optimizer], ...] = (SGD, Adam, AdamW)


class WrappedOptimizer(Optimizer, ABC):
    """A base rule and what is done before and after it."""

    #: Entries of a parameter's state that are not the base rule's.
    own_state: ClassVar[tuple[str, ...]] = ()
    #: Entries of a group that a checkpoint must share with the optimizer that loads it.
    fixed: ClassVar[tuple[str, ...]] = ("base",)

    def __init__(
        self, params: Any, base: type[Optimizer], options: Mapping[str, Any], defaults: Mapping[str, Any]
    ) -> None:
        if base not in BASES:
            raise ValueError(f"base must be one of {', '.join(kind.__name__ for kind in BASES)}, got {base!r}")
        # The parameter is a dummy; torch's constructor checks the options and says what the defaults are.
        self._rule: Any = base([torch.zeros(0)], **options)
        if self._rule.defaults["differentiable"]:
            raise ValueError("differentiable must be False, got True: masks and thresholds have no derivative")
        own = {"base": base.__name__, "check_finite": True}
        super().__init__(params, {**self._rule.defaults, **own, **defaults})

    @abstractmethod
    def _advance(self) -> None:
        """One step; the gradients are there and finite, where the groups ask for that."""

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One step; returns the loss of ``closure``, which computes it and its gradients, or None without one.

        Raises a `ValueError` for a gradient that is sparse, or not finite (unless ``check_finite`` is False); then nothing has
        been changed.
        """
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        self._check_gradients()
        self._advance()
        return loss

    def _base_step(self, replaced: Mapping[Tensor, Tensor]) -> None:
        """A step of the base rule, in which a parameter of ``replaced`` has this gradient in place of its own."""
        gradients = {theta: theta.grad for theta in replaced}
        # Adam takes a state that is not empty for one that it has filled itself.
        own = {
            theta: {name: state.pop(name) for name in self.own_state if name in state}
            for theta, state in self.state.items()
        }
        self._rule.state, self._rule.param_groups = self.state, self.param_groups
        try:
            for theta, gradient in replaced.items():
                theta.grad = gradient
            self._rule.step()
        finally:
            for theta, original in gradients.items():
                theta.grad = original
            for theta, entries in own.items():
                self.state[theta].update(entries)

    def _check_gradients(self) -> None:
        asked: list[tuple[Tensor, str]] = []
        for number, group in enumerate(self.param_groups):
            for position, theta in enumerate(group["params"]):
                if theta.grad is None:
                    continue
                if theta.grad.is_sparse:
                    raise ValueError(f"gradients must be dense, got a sparse one for {named(group, number, position)}")
                if group["check_finite"]:
                    asked.append((theta.grad, named(group, number, position)))
        if not asked:
            return
        device = asked[0][0].device
        # One transfer from the device for all parameters.
        finite = torch.stack([torch.isfinite(g).all().to(device) for g, _ in asked]).tolist()
        for (g, name), good in zip(asked, finite, strict=True):
            if not good:
                raise ValueError(
                    f"gradients must be finite, got {int((~torch.isfinite(g)).sum())} of {g.numel()} entries NaN or infinite "
                    f"in {name}; nothing was changed (check_finite=False lets them through)"
                )

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from ``state_dict``; a `ValueError`, and nothing is changed, where it is of another kind of optimizer."""
        saved = state_dict["param_groups"]
        sizes = [[len(group["params"]) for group in groups] for groups in (saved, self.param_groups)]
        # Where the sizes differ torch says so.
        for number, old in enumerate(saved if sizes[0] == sizes[1] else []):
            self._check_saved_group(number, old, state_dict["state"])
        super().load_state_dict(state_dict)

    def _check_saved_group(self, number: int, old: Mapping[str, Any], state: Mapping[Any, Any]) -> None:
        """A `ValueError` for a group of a checkpoint that this optimizer must not load."""
        group = self.param_groups[number]
        for name in self.fixed:
            if name not in old or old[name] != group[name]:
                raise ValueError(
                    f"state_dict must be of an optimizer with the same {name}, got {old.get(name)!r} for group {number}, "
                    f"which has {group[name]!r} here"
                )

    def __getstate__(self) -> dict[str, Any]:
        """torch copies and pickles three attributes of an optimizer; the base rule is a fourth."""
        return {**super().__getstate__(), "_rule": self._rule}


def named(group: Mapping[str, Any], number: int, position: int) -> str:
    """How an error calls a parameter."""
    names = group.get("param_names")
    if names:
        return f"parameter {names[position]!r}"
    return f"parameter {position} of group {number}, of shape {tuple(group['params'][position].shape)}"


def in_layout_of(theta: Tensor) -> Tensor:
    """A copy of the gradient of a parameter, with the strides of the parameter.

    torch's fused rules walk through memory and take a gradient of other strides, as `masked_fill` leaves it for channels-last
    kernels, for one whose entries are permuted.
    """
    return torch.empty_like(theta).copy_(theta.grad)  # type: ignore[arg-type]
