"""What LinBreg, AdaBreg, ProxSGD and the multilevel optimizers share: everything but the update itself.

entry of a parameter group | meaning
---------------------------|------------------------------------------------------------------------------------
``lr``                     | τ ≥ 0, a float or a 0-d tensor; learning-rate schedulers change it
``regularizer``, ``lam``, … | J as plain data, see `regularizers`; ``lam`` may be changed between steps
``weight_decay``           | w ≥ 0: w·θ is added to the gradient, as torch.optim.SGD does; a zero entry is not moved by it
``maximize``               | ascend instead of descend
``foreach``                | update lists of tensors with torch's multi-tensor kernels; None: on CUDA
``check_finite``           | raise where a gradient holds NaN or ±∞, before anything is changed

Parameters are changed in place and keep their storage. State is float32 at least, whatever the parameters are. Everything
that the next step depends on is in ``state_dict()``, as tensors and plain data: it loads with ``weights_only=True``, and a
run goes on bit for bit.
"""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.optim import Optimizer

from .regularizers import ParameterRegularizer, from_group, to_group


class Batch(NamedTuple):
    """The parameters of one group that have a gradient, and what belongs to them, in the same order."""

    thetas: list[Tensor]
    gradients: list[Tensor]
    """In the precision of the state, with the sign of descent, weight decay included; not the tensors of ``.grad``."""
    states: list[dict[str, Any]]
    regularizer: ParameterRegularizer
    foreach: bool

    def state(self, name: str) -> list[Tensor]:
        """One entry of all states."""
        return [state[name] for state in self.states]


class RegularizedOptimizer(Optimizer, ABC):
    """A torch optimizer with a regularizer in each parameter group."""

    def __init__(self, params: Any, regularizer: ParameterRegularizer, defaults: dict[str, Any]) -> None:
        to_group(regularizer)  # refuses what is no regularizer before anything is made
        super().__init__(params, {**defaults, "regularizer": regularizer})

    @abstractmethod
    def _check_group(self, group: dict[str, Any]) -> None:
        """A `ValueError` for settings of a group that are out of range."""

    @abstractmethod
    def _init_state(self, theta: Tensor, group: dict[str, Any], state: dict[str, Any]) -> None:
        """What the state of a parameter holds before its first step."""

    @abstractmethod
    def _update(self, group: dict[str, Any], batch: Batch) -> None:
        """One step for the parameters of a group."""

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add parameters; the group may have its own ``regularizer`` and settings."""
        regularizer = param_group.get("regularizer", self.defaults["regularizer"])
        if not isinstance(param_group["params"], Tensor):
            # An iterator would be used up here, and a list keeps the order that state_dict() goes by.
            param_group = {**param_group, "params": list(param_group["params"])}
        super().add_param_group({**param_group, **to_group(regularizer)})
        group = self.param_groups[-1]
        try:
            _check_common(group)
            self._check_group(group)
            for theta in group["params"]:
                if not theta.is_floating_point():
                    raise ValueError(f"params must be real floating-point tensors, got {theta.dtype}")
                regularizer.check(tuple(theta.shape))
        except ValueError:
            self.param_groups.pop()
            raise

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One step; returns the loss of ``closure``, which computes it and its gradients, or None without one.

        Raises a `ValueError` for a gradient that is sparse, or is not finite (unless ``check_finite`` is False); then nothing
        has been changed.
        """
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        self._check_gradients()
        self._before_step()
        for group in self.param_groups:
            batch = self._collect(group)
            if batch.thetas:
                self._update(group, batch)
        self._after_step()
        return loss

    def _before_step(self) -> None:
        """What happens once, before the groups are updated."""

    def _after_step(self) -> None:
        """What happens once, after the groups were updated."""

    def _check_gradients(self) -> None:
        for number, group in enumerate(self.param_groups):
            for position, theta in enumerate(group["params"]):
                if theta.grad is not None and theta.grad.is_sparse:
                    raise ValueError(f"gradients must be dense, got a sparse one for {_named(group, number, position)}")
        if torch.compiler.is_compiling():
            return  # a branch on values would break the graph
        asked = [(number, group) for number, group in enumerate(self.param_groups) if group["check_finite"]]
        gradients = [theta.grad for _, group in asked for theta in group["params"] if theta.grad is not None]
        if not gradients or bool(_all_finite(gradients)):
            return
        for number, group in asked:
            for position, theta in enumerate(group["params"]):
                bad = 0 if theta.grad is None else int((~torch.isfinite(theta.grad)).sum())
                if bad:
                    raise ValueError(
                        f"gradients must be finite, got {bad} of {theta.grad.numel()} entries NaN or infinite in "
                        f"{_named(group, number, position)}; nothing was changed (check_finite=False lets them through)"
                    )

    def _state_of(self, theta: Tensor, group: dict[str, Any]) -> dict[str, Any]:
        state: dict[str, Any] = self.state[theta]
        if not state:
            self._init_state(theta, group, state)
        return state

    def _collect(self, group: dict[str, Any]) -> Batch:
        thetas = [theta for theta in group["params"] if theta.grad is not None]
        states = [self._state_of(theta, group) for theta in thetas]
        gradients = [theta.grad.to(state_dtype(theta)) for theta in thetas]
        if group["maximize"]:
            gradients = [-gradient for gradient in gradients]
        if group["weight_decay"]:
            gradients = [
                gradient.add(theta, alpha=group["weight_decay"])
                for gradient, theta in zip(gradients, thetas, strict=True)
            ]
        foreach = group["foreach"]
        if foreach is None:
            foreach = bool(thetas) and all(theta.is_cuda for theta in thetas)
        return Batch(thetas, gradients, states, from_group(group), foreach)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from ``state_dict``: its settings too, as everywhere in torch; a `UserWarning` where that changes a regularizer.

        torch casts state to the type of its parameter. Here the dual variable and the moments keep their precision.
        """
        before = [_described(group) for group in self.param_groups]
        super().load_state_dict(state_dict)
        saved = (number for group in state_dict["param_groups"] for number in group["params"])
        for theta, number in zip(
            (theta for group in self.param_groups for theta in group["params"]), saved, strict=True
        ):
            for name, value in state_dict["state"].get(number, {}).items():
                if isinstance(value, Tensor) and value.is_floating_point() and name != "step":
                    self.state[theta][name] = value.detach().clone().to(theta.device, state_dtype(theta))
        for number, (old, group) in enumerate(zip(before, self.param_groups, strict=True)):
            new = _described(group)
            if new != old:
                warnings.warn(
                    f"the regularizer of parameter group {number} is now {new}, as the checkpoint says; the optimizer was "
                    f"made with {old}. Set optimizer.param_groups[{number}]['lam'] after loading to change it.",
                    stacklevel=2,
                )

    def regularizer_value(self) -> Tensor:
        """J(θ) of all groups."""
        with torch.no_grad():
            values = [
                from_group(group).value(theta.detach().to(state_dtype(theta)))
                for group in self.param_groups
                for theta in group["params"]
            ]
        return torch.stack([value.double().cpu() for value in values]).sum()


def state_dtype(theta: Tensor) -> torch.dtype:
    """The precision of the state: float32 at least."""
    return torch.promote_types(theta.dtype, torch.float32)


def check_share(name: str, value: Any) -> None:
    """A `ValueError` unless 0 ≤ value < 1."""
    if not 0 <= value < 1:
        raise ValueError(f"{name} must be in [0, 1), got {value!r}")


def _check_common(group: dict[str, Any]) -> None:
    lr = group["lr"]
    if isinstance(lr, Tensor) and lr.numel() != 1:
        raise ValueError(f"lr must be a number or a tensor with one entry, got shape {tuple(lr.shape)}")
    if not 0 <= float(lr) < float("inf"):
        raise ValueError(f"lr must be a finite number ≥ 0, got {lr!r}")
    if not 0 <= group["weight_decay"] < float("inf"):
        raise ValueError(f"weight_decay must be a finite number ≥ 0, got {group['weight_decay']!r}")
    for name in ("maximize", "check_finite"):
        if not isinstance(group[name], bool):
            raise ValueError(f"{name} must be True or False, got {group[name]!r}")
    if group["foreach"] not in (None, True, False):
        raise ValueError(f"foreach must be None, True or False, got {group['foreach']!r}")


def _all_finite(gradients: Iterable[Tensor]) -> Tensor:
    # 0·x is 0 for finite x and NaN otherwise; the sum of a tensor of zeros does not overflow.
    sums = [(gradient * 0).sum() for gradient in gradients]
    device = sums[0].device
    return torch.isfinite(torch.stack([total.float().to(device) for total in sums]).sum())


def _named(group: dict[str, Any], number: int, position: int) -> str:
    names = group.get("param_names")
    if names:
        return f"parameter {names[position]!r}"
    return f"parameter {position} of group {number}, of shape {tuple(group['params'][position].shape)}"


def _described(group: dict[str, Any]) -> str:
    return repr(from_group(group))
