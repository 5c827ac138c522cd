"""ML LinBreg for networks (lunk2026 Algorithm 1): m of every m + 1 steps move the selected weights alone.

A cycle k is a coarse phase of m steps, when the criterion says so, and one fine step. In the coarse phase the groups outside
the selection (the paper: those with θ_g = 0) keep θ, v and every other state; see `mlbreg.solvers.multilevel`.

symbol    | here             | allowed
----------|------------------|---------------------------------------------------------------------------------
m         | ``coarse_steps`` | an integer ≥ 0; 0 is LinBreg. The paper: 99
τ̂/τ       | ``coarse_scale`` | > 0: the coarse step size as a multiple of ``lr``. Theorem 4.1 asks for ½ at τ = 1/𝖫
Rᵏ        | ``selection``    | (θ, J) ↦ mask of whole groups; left out: the groups with θ_g ≠ 0, all of θ where J = 0
criterion | ``criterion``    | of `mlbreg.solvers.criteria`: `Always`, `EveryKth`, `GradientTest` (10), `Magma`, `Never`

Step-wise freezing is the default; ``epoch_wise`` of `mlbreg.solvers.criteria` gives ``criterion`` and ``coarse_steps`` for
whole epochs. The criteria of the paper look at ∇L(θᵏ); here they get the gradient of the mini-batch with which the cycle
begins. All parameter groups freeze and thaw together.

`MultilevelAdaBreg` takes AdaBreg's step on both levels, and ``momentum`` LinBreg's momentum: the theory of lunk2026 covers neither.
A frozen entry keeps its moments as they are. A coarse step takes the same update on compact copies of the selected entries
and writes them back: its work and its memory are those of the selection, also where ``grad`` is a sparse COO tensor, which it
reads as it is. See `coarse_step`, and `selected_entries` for what a sparse gradient has to keep to.
"""

from __future__ import annotations

from abc import ABC
from collections.abc import Callable
from typing import Any, final

import numpy as np
import torch
from torch import Tensor

from ...theory.arrays import check_number
from ..arguments import count
from ..criteria import Always, Criterion, View
from .adabreg import REQUIRED, adabreg_, check_adam, fill_adam
from .base import Batch, check_share
from .coarse_step import SelectionPlaces, step_selected, step_whole
from .distributed_tensors import whole
from .gradients import with_gradient
from .linbreg import BregmanOptimizer, fill_momentum, linbreg_
from .regularizers import L1, ParameterRegularizer, from_group

Selection = Callable[[Tensor, ParameterRegularizer], Tensor]


def support(theta: Tensor, regularizer: ParameterRegularizer) -> Tensor:
    """The paper's selection."""
    return regularizer.support(theta)


class MultilevelOptimizer(BregmanOptimizer, ABC):
    """The cycle, for any step that keeps its state in tensors of the shape of θ.

    ``position`` in each parameter group says how many coarse steps of the cycle are done, ``cycle`` counts cycles; both are
    saved. ``selected`` in the state of a parameter is the mask of the coarse phase, and there during it alone.
    """

    def __init__(
        self,
        params: Any,
        regularizer: ParameterRegularizer,
        defaults: dict[str, Any],
        coarse_steps: int,
        coarse_scale: float,
        criterion: Criterion,
        selection: Selection,
    ) -> None:
        if not isinstance(criterion, Criterion):
            raise TypeError(f"criterion must be one of mlbreg.solvers.criteria, got {criterion!r}")
        self.criterion, self.selection = criterion, selection
        self._memory: Any = None
        self._coarse = False
        self._places = SelectionPlaces()
        own = {"coarse_steps": coarse_steps, "coarse_scale": coarse_scale, "cycle": 0, "position": 0}
        super().__init__(params, regularizer, {**defaults, **own})

    def _check_group(self, group: dict[str, Any], first: dict[str, Any]) -> None:
        super()._check_group(group, first)
        check_number("coarse_scale", group["coarse_scale"], above=0)
        for name in ("coarse_steps", "cycle", "position"):
            count(name, group[name])
            if group[name] != first[name]:
                raise ValueError(f"{name} must be the same in all groups, got {group[name]} and {first[name]}")

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """As in `base`. The group joins the cycle where it is; in a coarse phase it waits for the fine step."""
        lead = self.param_groups[0] if self.param_groups else self.defaults
        if isinstance(param_group, dict):  # base refuses the rest
            param_group = {**param_group, "cycle": lead["cycle"], "position": lead["position"]}
        super().add_param_group(param_group)
        self._memory = None  # what a criterion remembers of θ has another length now

    @property
    def in_coarse_phase(self) -> bool:
        """Whether the next step is a coarse step of a phase that has begun."""
        lead = self.param_groups[0]
        return bool(0 < lead["position"] < lead["coarse_steps"])

    def _before_step(self) -> None:
        lead = self.param_groups[0]
        if lead["position"] > 0:
            self._coarse = lead["position"] < lead["coarse_steps"]
            return
        self._coarse = lead["coarse_steps"] > 0 and self._decide(lead["cycle"])
        if self._coarse:
            for group in self.param_groups:
                regularizer = from_group(group)
                for theta in group["params"]:
                    self._state_of(theta, group)["selected"] = self._selected(theta, regularizer)

    def _after_step(self) -> None:
        lead = self.param_groups[0]
        position, cycle = (lead["position"] + 1, lead["cycle"]) if self._coarse else (0, lead["cycle"] + 1)
        for group in self.param_groups:
            group["position"], group["cycle"] = position, cycle
            if not self._coarse:
                for theta in group["params"]:
                    if theta in self.state:
                        self.state[theta].pop("selected", None)
        if not self._coarse:
            self._places = SelectionPlaces()

    def _selected(self, theta: Tensor, regularizer: ParameterRegularizer) -> Tensor:
        mask = self.selection(theta.detach(), regularizer)
        if mask.dtype != torch.bool or mask.shape != theta.shape:
            raise ValueError(
                f"selection must give a bool tensor of shape {tuple(theta.shape)}, got {mask.dtype} {tuple(mask.shape)}"
            )
        if self.selection is not support and regularizer.splits(mask):
            raise ValueError(f"selection must take whole groups of {regularizer!r}, got a mask that splits one")
        return mask.contiguous()

    def _decide(self, cycle: int) -> bool:
        if isinstance(self.criterion, Always):
            return True
        view = self._view(cycle)
        if self._memory is None:
            self._memory = self.criterion.init(view.theta)
        decision, self._memory = self.criterion.decide(self._memory, view)
        return bool(decision)

    def _view(self, cycle: int) -> View:
        """All parameters as one vector, in float64 on the CPU; nothing of that for criteria that do not look.

        The gradient is 0 where there is none: a parameter may have one in some cycles, and the vector keeps its length.
        """
        if not self.criterion.needs_gradient:
            return View(cycle, np.zeros(1), None, None)
        thetas, selected, gradients = [], [], []
        for group in self.param_groups:
            regularizer = from_group(group)
            batch = self._collect(group)
            known = dict(zip(batch.thetas, batch.gradients, strict=True))
            for theta in group["params"]:
                thetas.append(_flat(theta))
                gradients.append(_flat(known[theta]) if theta in known else np.zeros(theta.numel()))
                selected.append(whole(self._selected(theta, regularizer)).cpu().numpy().reshape(-1))
        return View(cycle, np.concatenate(thetas), np.concatenate(selected), np.concatenate(gradients))

    def _step_group(self, group: dict[str, Any]) -> None:
        if not self._coarse:
            super()._step_group(group)
            return
        tau = group["lr"] * group["coarse_scale"]

        def update(group: dict[str, Any], batch: Batch) -> None:
            self._update(group, batch, tau)

        thetas = with_gradient(group)
        states = [self._state_of(theta, group) for theta in thetas]
        others = step_selected(group, thetas, states, self._places, update)
        if others:
            step_whole(group, self._batch(group, others), update)

    def __getstate__(self) -> dict[str, Any]:
        own = {name: self.__dict__[name] for name in ("criterion", "selection", "_memory", "_coarse")}
        return {**super().__getstate__(), **own}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._places = SelectionPlaces()

    def state_dict(self) -> dict[str, Any]:
        """As everywhere in torch, with the memory of the criterion as one more entry of the first group."""
        saved = super().state_dict()
        if self._memory is not None:
            saved["param_groups"][0]["criterion_memory"] = [torch.as_tensor(part) for part in self._memory]
        return saved

    def _check_checkpoint(self, saved: dict[str, Any]) -> None:
        super()._check_checkpoint(saved)
        if "criterion_memory" in saved["param_groups"][0]:
            parts, empty = saved["param_groups"][0]["criterion_memory"], self.criterion.init(np.zeros(0))
            if empty is None or len(parts) != len(empty):
                raise ValueError(
                    f"state_dict must come from the criterion {self.criterion!r}, got the memory of another one"
                )

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """See `base`; the criterion and the selection are not in it, for they are no plain data: make the optimizer with them."""
        super().load_state_dict(state_dict)
        parts = self.param_groups[0].pop("criterion_memory", None)
        self._memory = None
        if parts is not None:
            self._memory = type(self.criterion.init(np.zeros(0)))(*(part.cpu().numpy() for part in parts))


def _flat(x: Tensor) -> np.ndarray:
    return whole(x.detach()).double().cpu().numpy().reshape(-1)


@final
class MultilevelLinBreg(MultilevelOptimizer):
    """Algorithm 1 with LinBreg steps. Arguments: see the table above, `linbreg` and `base`."""

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 0.1,
        regularizer: ParameterRegularizer = L1(1e-3),  # noqa: B008 - frozen
        delta: float = 1.0,
        momentum: float = 0.0,
        *,
        coarse_steps: int = 99,
        coarse_scale: float = 1.0,
        criterion: Criterion = Always(),  # noqa: B008 - frozen
        selection: Selection = support,
        weight_decay: float = 0.0,
        dual_decay: float = 0.0,
        maximize: bool = False,
        foreach: bool | None = None,
        fused: bool = False,
        check_finite: bool = True,
    ) -> None:
        defaults = {
            "lr": lr,
            "delta": delta,
            "momentum": momentum,
            "weight_decay": weight_decay,
            "dual_decay": dual_decay,
            "maximize": maximize,
            "foreach": foreach,
            "fused": fused,
            "check_finite": check_finite,
        }
        super().__init__(params, regularizer, defaults, coarse_steps, coarse_scale, criterion, selection)

    def _check_group(self, group: dict[str, Any], first: dict[str, Any]) -> None:
        super()._check_group(group, first)
        check_share("momentum", group["momentum"])

    def _fill_state(self, theta: Tensor, group: dict[str, Any], state: dict[str, Any]) -> None:
        super()._fill_state(theta, group, state)
        fill_momentum(group, state)

    def _update(self, group: dict[str, Any], batch: Batch, tau: Any) -> None:
        linbreg_(group, batch, tau)


@final
class MultilevelAdaBreg(MultilevelOptimizer):
    """Algorithm 1 with AdaBreg steps, whose analysis is open. Arguments: see the table above, `adabreg` and `base`."""

    _required = REQUIRED

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1e-3,
        regularizer: ParameterRegularizer = L1(1e-3),  # noqa: B008 - frozen
        delta: float = 1.0,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        *,
        coarse_steps: int = 99,
        coarse_scale: float = 1.0,
        criterion: Criterion = Always(),  # noqa: B008 - frozen
        selection: Selection = support,
        weight_decay: float = 0.0,
        dual_decay: float = 0.0,
        maximize: bool = False,
        foreach: bool | None = None,
        fused: bool = False,
        check_finite: bool = True,
    ) -> None:
        defaults = {
            "lr": lr,
            "delta": delta,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "dual_decay": dual_decay,
            "maximize": maximize,
            "foreach": foreach,
            "fused": fused,
            "capturable": False,
            "check_finite": check_finite,
        }
        super().__init__(params, regularizer, defaults, coarse_steps, coarse_scale, criterion, selection)

    def _check_group(self, group: dict[str, Any], first: dict[str, Any]) -> None:
        super()._check_group(group, first)
        check_adam(group)

    def _fill_state(self, theta: Tensor, group: dict[str, Any], state: dict[str, Any]) -> None:
        super()._fill_state(theta, group, state)
        fill_adam(theta, group, state)

    def _update(self, group: dict[str, Any], batch: Batch, tau: Any) -> None:
        adabreg_(group, batch, tau)
