"""What LinBreg, AdaBreg, ProxSGD and the multilevel optimizers share: everything but the update itself.

entry of a parameter group | meaning
---------------------------|------------------------------------------------------------------------------------
``lr``                     | τ ≥ 0, a float or a 0-d tensor; learning-rate schedulers change it
``regularizer``, ``lam``, … | J as plain data, see `regularizers`; ``lam`` may be changed between steps
``weight_decay``           | w ≥ 0: w·θ is added to the gradient, as torch.optim.SGD does; a zero entry is not moved by it
``maximize``               | ascend instead of descend
``foreach``                | update lists of tensors with torch's multi-tensor kernels; None: on CUDA
``fused``                  | the whole update in one pass over memory, see `fused`
``check_finite``           | raise where a gradient holds NaN or ±∞, before anything is changed

What a gradient may be: see `gradients`. Parameters are changed in place and keep their storage. State is float32 at least,
whatever the parameters are. Everything that the next step depends on is in ``state_dict()``, as tensors and plain data: it
loads with ``weights_only=True``, and a run goes on bit for bit.
"""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor
from torch.optim import Optimizer

from ...theory.arrays import check_number
from .distributed_tensors import is_distributed, whole
from .gradients import check_gradients, dense_gradient, gradient_for_update, parameter_name, with_gradient
from .precision import state_dtype
from .regularizers import ParameterRegularizer, from_group, to_group


class Batch(NamedTuple):
    """The parameters of one group that have a gradient, and what belongs to them, in the same order."""

    thetas: list[Tensor]
    gradients: list[Tensor]
    """Dense, in the precision of the state, with the sign of descent, weight decay included; with ``fused`` as they stand in
    ``.grad``. Not to be written to: these may be the tensors of ``.grad``."""
    states: list[dict[str, Any]]
    regularizer: ParameterRegularizer
    foreach: bool

    def state(self, name: str) -> list[Tensor]:
        """One entry of all states."""
        return [state[name] for state in self.states]


class RegularizedOptimizer(Optimizer, ABC):
    """A torch optimizer with a regularizer in each parameter group."""

    _required: ClassVar[tuple[str, ...]] = ()
    """What the state of a parameter that was stepped always holds."""

    def __init__(self, params: Any, regularizer: ParameterRegularizer, defaults: dict[str, Any]) -> None:
        to_group(regularizer)  # refuses what is no regularizer before anything is made
        super().__init__(params, {**defaults, "regularizer": regularizer})

    @abstractmethod
    def _check_group(self, group: dict[str, Any], first: dict[str, Any]) -> None:
        """An error for settings of a group that are out of range, or unlike those of the first group where they must agree."""

    @abstractmethod
    def _fill_state(self, theta: Tensor, group: dict[str, Any], state: dict[str, Any]) -> None:
        """Add to the state of a parameter what it lacks for a step: all of it before the first one."""

    @abstractmethod
    def _update(self, group: dict[str, Any], batch: Batch, tau: Any) -> None:
        """One step of size τ for the parameters of a batch, which are some of a group or compact copies of them."""

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add parameters; the group may have its own ``regularizer`` and settings, ``lam`` or ``layout`` alone, too."""
        if not isinstance(param_group, dict):
            raise TypeError(f"param_group must be a dict, got {param_group!r}")
        regularizer = param_group.get("regularizer", self.defaults["regularizer"])
        if isinstance(regularizer, ParameterRegularizer) and "regularizer" in param_group:
            param_group = {**param_group, **to_group(regularizer)}
        elif not isinstance(regularizer, str):  # a name is what the groups of an optimizer hold
            param_group = {**to_group(regularizer), **param_group}
        super().add_param_group(param_group)
        group = self.param_groups[-1]
        try:
            self._check(group, self.param_groups[0])
            for theta in group["params"]:
                if not theta.is_floating_point():
                    raise ValueError(f"params must be real floating-point tensors, got {theta.dtype}")
                if theta.layout != torch.strided:
                    raise ValueError(f"params must be dense tensors, got {theta.layout}")
                from_group(group).check(tuple(theta.shape))
            if group.get("fused"):
                from .fused.updates import check_fused

                check_fused(group, from_group(group))
        except (TypeError, ValueError):
            self.param_groups.pop()
            raise

    def _check(self, group: dict[str, Any], first: dict[str, Any]) -> None:
        from_group(group)
        _check_common(group)
        self._check_group(group, first)

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One step; returns the loss of ``closure``, which computes it and its gradients, or None without one.

        Raises a `ValueError` for a gradient that is not of the shape of its parameter and its state, or is not finite (unless
        ``check_finite`` is False); then nothing has been changed.
        """
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        check_gradients(self.param_groups, self.state)
        self._before_step()
        for group in self.param_groups:
            self._step_group(group)
        self._after_step()
        return loss

    def _step_group(self, group: dict[str, Any]) -> None:
        thetas = with_gradient(group)
        if thetas:
            self._update(group, self._batch(group, thetas), group["lr"])

    def _before_step(self) -> None:
        """What happens once, before the groups are updated."""

    def _after_step(self) -> None:
        """What happens once, after the groups were updated."""

    def _state_of(self, theta: Tensor, group: dict[str, Any]) -> dict[str, Any]:
        state: dict[str, Any] = self.state[theta]
        self._fill_state(theta, group, state)
        return state

    def _collect(self, group: dict[str, Any]) -> Batch:
        """What a step will look at, the gradients with the sign of descent in any case."""
        return self._batch({**group, "fused": False}, with_gradient(group))

    def _batch(self, group: dict[str, Any], thetas: list[Tensor]) -> Batch:
        states = [self._state_of(theta, group) for theta in thetas]
        gradients = [gradient_for_update(theta, dense_gradient(theta), group) for theta in thetas]
        return Batch(thetas, gradients, states, from_group(group), takes_lists(group, thetas))

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from ``state_dict``: its settings too, as everywhere in torch; a `UserWarning` where that changes a regularizer.

        A `ValueError`, and nothing is changed, for the checkpoint of another optimizer or model, or one whose state is damaged.
        torch casts state to the type of its parameter. Here the dual variable and the moments keep their precision.
        """
        before = [_made_with(group) for group in self.param_groups]
        final: list[dict[str, Any]] = []

        # After the user's hooks, which may change what is loaded.
        def check(_: Optimizer, saved: dict[str, Any]) -> None:
            self._check_checkpoint(saved)
            final.append(saved)

        # Before the user's hooks, which may look at the state.
        def restore(_: Optimizer) -> None:
            for group, saved in zip(self.param_groups, final[0]["param_groups"], strict=True):
                for theta, key in zip(group["params"], saved["params"], strict=True):
                    for name, value in final[0]["state"].get(key, {}).items():
                        if name == "step":  # torch hands over the tensor of the checkpoint itself
                            self.state[theta][name] = self.state[theta][name].clone()
                        else:
                            dtype = state_dtype(theta) if value.is_floating_point() else value.dtype
                            self.state[theta][name] = value.detach().clone().to(theta.device, dtype)

        hooks = (
            self.register_load_state_dict_pre_hook(check),
            self.register_load_state_dict_post_hook(restore, prepend=True),
        )
        try:
            super().load_state_dict(state_dict)
        finally:
            for hook in hooks:
                hook.remove()
        for number, (old, group) in enumerate(zip(before, self.param_groups, strict=True)):
            new = _made_with(group)
            if new != old:
                warnings.warn(
                    f"the regularizer of parameter group {number} is now {new}, as the checkpoint says; the optimizer was "
                    f"made with {old}. Set optimizer.param_groups[{number}]['lam'] after loading to change it.",
                    stacklevel=2,
                )

    def _check_checkpoint(self, saved: dict[str, Any]) -> None:
        groups = saved["param_groups"]
        if [len(group["params"]) for group in groups] != [len(group["params"]) for group in self.param_groups]:
            return  # torch says so
        for number, (own, group) in enumerate(zip(self.param_groups, groups, strict=True)):
            for name in self.defaults:
                if name not in group and name != "differentiable":  # torch adds it to the defaults when it loads
                    raise ValueError(
                        f"state_dict must be one of {type(self).__name__}, got a parameter group {number} without {name!r}"
                    )
            self._check(group, groups[0])
            for position, (theta, key) in enumerate(zip(own["params"], group["params"], strict=True)):
                of = f"state_dict, for {parameter_name(own, number, position)},"
                from_group(group).check(tuple(theta.shape))
                state = saved["state"].get(key, {})
                for name in self._required if state else ():
                    if name not in state:
                        raise ValueError(f"{of} must hold {name!r}, got {', '.join(state)}")
                for name, value in state.items():
                    if not isinstance(value, Tensor) or (name != "step" and value.shape != theta.shape):
                        kind = tuple(value.shape) if isinstance(value, Tensor) else type(value).__name__
                        raise ValueError(f"{of} must hold tensors of shape {tuple(theta.shape)}, got {name} {kind}")
                    if group["check_finite"] and not bool(whole(torch.isfinite(value).all())):
                        raise ValueError(f"{of} must be finite, got a {name} with NaN or infinite entries")

    def regularizer_value(self) -> Tensor:
        """J(θ) of all groups."""
        with torch.no_grad():
            values = [
                from_group(group).value(theta.detach().to(state_dtype(theta)))
                for group in self.param_groups
                for theta in group["params"]
            ]
        return torch.stack([whole(value).double().cpu() for value in values]).sum()


def takes_lists(group: dict[str, Any], thetas: list[Tensor]) -> bool:
    """What ``foreach`` comes to for these parameters."""
    chosen: bool | None = group["foreach"]
    if group.get("fused") or any(is_distributed(theta) for theta in thetas):
        return False  # torch copies no lists of DTensors
    return bool(thetas) and all(theta.is_cuda for theta in thetas) if chosen is None else chosen


def _made_with(group: dict[str, Any]) -> str:
    """The regularizer before schedules and controllers, which keep ``initial_lam``, moved its λ."""
    return repr(from_group({**group, "lam": group.get("initial_lam", group.get("lam"))}))


def check_share(name: str, value: Any) -> None:
    """An error unless 0 ≤ value < 1."""
    if not check_number(name, value) >= 0 or not value < 1:
        raise ValueError(f"{name} must be in [0, 1), got {value!r}")


def _check_common(group: dict[str, Any]) -> None:
    lr = group["lr"]
    if isinstance(lr, Tensor) and lr.dim():
        raise ValueError(f"lr must be a number or a tensor without axes, got shape {tuple(lr.shape)}")
    check_number("lr", float(lr) if isinstance(lr, Tensor) else lr, at_least=0)
    check_number("weight_decay", group["weight_decay"], at_least=0)
    for name in ("maximize", "check_finite"):
        if not isinstance(group[name], bool):
            raise ValueError(f"{name} must be True or False, got {group[name]!r}")
    if not isinstance(group.get("fused", False), bool):
        raise ValueError(f"fused must be True or False, got {group['fused']!r}")
    if group["foreach"] is not None and not isinstance(group["foreach"], bool):
        raise ValueError(f"foreach must be None, True or False, got {group['foreach']!r}")
