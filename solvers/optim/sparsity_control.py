"""Reach a target sparsity and hold it, by moving λ.

    s(f)  = the sparsity that the coming step would leave if every λ were multiplied by f
    λ ← f λ with s(f) = s_ref(n), f in [1/c, c]
    s_ref(n) = s* + (s₀ − s*)(1 − min(n/N, 1))³      (the ramp of Zhu and Gupta 2017)

symbol | here               | meaning
-------|--------------------|------------------------------------------------------------------------------
s*     | ``target``         | share of the entries, or of the groups, that are zero: one for all groups of parameters,
       |                    | whose λ keep their ratios, or one for each, ``{0: 0.9, 2: 0.99}`` by number
s₀     |                    | the sparsity before the first step of the controller
N      | ``ramp_steps``     | steps of the optimizer until s_ref = s*
c > 1  | ``max_factor``     | the most that λ changes at once
       | ``every``          | the least number of steps between two changes
       | ``unit``           | ``entries``, or ``groups`` of the layout of the regularizer

Call `step` after the gradients are there and *before* ``optimizer.step()``.

Aloradi et al. (2026) multiply λ by 1 + α·gap and damp α on overshoot. That needs an α that fits how fast the sparsity
answers, which differs a hundredfold between optimizers and during a run. But s(f) is known: the step ends with a prox, so
it is computed here for trial values of f, by bisection, and there is nothing to tune. What the prox is about to be taken of:

LinBreg, multilevel LinBreg  | v − m⁺, exactly (but for ``dual_decay``)
AdaBreg, multilevel AdaBreg  | v. Of the coming step its move is missing, at most about τ an entry
ProxSGD                      | θ − τg, exactly. With λ fixed its sparsity follows the size of each mini-batch's gradient, by
                             | several points at one half; so it holds within half a point with ``every=1`` alone

λ moves, and v stays. Then the pair (θ, v) belongs to the old λ until the next step takes the prox with the new one: θ
moves by at most δ|λ⁺ − λ| an entry, and the entries with |v| ≤ λ⁺ become zero. To keep θ instead, v⁺ = θ/δ + (λ⁺/λ)p, spares the
loss its jump and leaves the support as it is; what follows is slow, as LinBreg minimises L and not L + J. Measured on
scikit-learn's digits (dense MLP 64-128-64-10, LinBreg, 400 steps, then λ ten times as large; sparsity 4 %, loss 0.19 before):
with v kept 73 % and 1.49 after the step, 68 % and 0.12 after 600 more; with θ kept 4 % and 0.19, then 7 % and 0.07.

A ramp that is too short kills a network: so much λ at once that whole layers are zero, and their gradients with them. The
sparsity is right all the same; look at the loss, too.

In the coarse phases of the multilevel optimizers λ stays: frozen groups cannot answer. The fine step meets the target, and
until the next one the sparsity drifts up as selected groups become zero (digits, 10 steps a cycle: by up to 0.7 points at
targets of 50 and 80 %, by less than 0.4 above).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Literal, final

import torch
from torch import Tensor

from ..arguments import count
from ..criteria import Always
from .base import RegularizedOptimizer
from .layouts import group_size
from .linbreg import BregmanOptimizer, LinBreg
from .multilevel import MultilevelLinBreg, MultilevelOptimizer
from .precision import state_dtype
from .proxsgd import ProxSGD
from .regularizers import GroupL2, Nuclear, ParameterRegularizer, from_group

Unit = Literal["entries", "groups"]
#: Where no λ helps, λ stops here: an entry with v = 0 (a pixel that is always black) stays zero for every λ > 0.
_LAM_RANGE = (1e-20, 1e20)


def sparsity(optimizer: RegularizedOptimizer, unit: Unit = "entries", groups: list[int] | None = None) -> float:
    """The share of zeros in the parameters of some groups of parameters, by number; of all with a λ when left out."""
    chosen = _controlled(optimizer) if groups is None else groups
    pairs = [
        (from_group(optimizer.param_groups[n]), theta.detach())
        for n in chosen
        for theta in optimizer.param_groups[n]["params"]
    ]
    return _sparsity(pairs, unit)


@final
class SparsityController:
    """Moves ``lam`` of the parameter groups of a LinBreg, AdaBreg, ProxSGD or multilevel optimizer. See the table above."""

    def __init__(
        self,
        optimizer: RegularizedOptimizer,
        target: float | Mapping[int, float],
        *,
        ramp_steps: int = 1000,
        every: int = 1,
        unit: Unit = "entries",
        max_factor: float = 10.0,
        tolerance: float = 5e-4,
    ) -> None:
        if not isinstance(optimizer, BregmanOptimizer | ProxSGD):
            raise TypeError(f"optimizer must be a Bregman optimizer or ProxSGD, got {type(optimizer).__name__}")
        if unit not in ("entries", "groups"):
            raise ValueError(f"unit must be 'entries' or 'groups', got {unit!r}")
        count("ramp_steps", ramp_steps)
        count("every", every, at_least=1)
        if not 1 < max_factor < math.inf:
            raise ValueError(f"max_factor must be a finite number > 1, got {max_factor!r}")
        if not 0 < tolerance < 1:
            raise ValueError(f"tolerance must be in (0, 1), got {tolerance!r}")
        self.optimizer, self.unit, self.ramp_steps, self.every = optimizer, unit, ramp_steps, every
        self.max_factor, self.tolerance = float(max_factor), float(tolerance)
        free = _controlled(optimizer)
        self.targets = {(n,): s for n, s in target.items()} if isinstance(target, Mapping) else {tuple(free): target}
        self._steps, self._since = 0, every
        self._start: list[float] | None = None
        for numbers, wanted in self.targets.items():
            if isinstance(wanted, bool) or not isinstance(wanted, int | float) or not 0 <= wanted < 1:
                raise ValueError(f"target must be in [0, 1), got {wanted!r}")
            if not numbers or not set(numbers) <= set(free):
                raise ValueError(f"target must be for parameter groups with a λ, which are {free}, got {list(numbers)}")
            for number in numbers:
                lam = optimizer.param_groups[number]["lam"]
                if not lam > 0:
                    raise ValueError(f"lam must be > 0 to be multiplied, got {lam!r} in parameter group {number}")
                # So that a checkpoint is not taken for one with another regularizer.
                optimizer.param_groups[number].setdefault("initial_lam", lam)

    def reference(self) -> list[float]:
        """s_ref for each target, at the coming step."""
        start = self._measured() if self._start is None else self._start
        left = 1 - min(self._steps / self.ramp_steps, 1) if self.ramp_steps else 0.0
        return [s + (s0 - s) * left**3 for s, s0 in zip(self.targets.values(), start, strict=True)]

    def step(self) -> None:
        """Count one step of the optimizer, and set λ when it is time."""
        if self._start is None:
            self._start = self._measured()
        self._steps, self._since = self._steps + 1, self._since + 1
        if self._since < self.every or _coarse_to_come(self.optimizer):
            return
        self._since = 0
        for numbers, wanted in zip(self.targets, self.reference(), strict=True):
            factor = self._factor(numbers, wanted)
            for number in numbers:
                group = self.optimizer.param_groups[number]
                group["lam"] = min(max(group["lam"] * factor, _LAM_RANGE[0]), _LAM_RANGE[1])

    def _measured(self) -> list[float]:
        return [sparsity(self.optimizer, self.unit, list(numbers)) for numbers in self.targets]

    @torch.no_grad()
    def _factor(self, numbers: tuple[int, ...], wanted: float) -> float:
        """f with s(f) = wanted, or as near as [1/c, c] allows; s does not decrease in f."""
        points = [(number, *image) for number in numbers for image in _coming(self.optimizer, number)]
        groups = self.optimizer.param_groups

        def after(log_factor: float) -> float:
            pairs = []
            for number, z, size in points:
                group = groups[number]
                regularizer = from_group({**group, "lam": group["lam"] * math.exp(log_factor)})
                pairs.append((regularizer, regularizer.prox_(z.clone(), size) if size > 0 else z))
            return _sparsity(pairs, self.unit)

        limit = math.log(self.max_factor)
        gap = wanted - after(0.0)
        if abs(gap) <= self.tolerance:
            return 1.0
        inner, outer = 0.0, math.copysign(limit / 64, gap)
        while (wanted - after(outer)) * gap > 0:
            if abs(outer) >= limit:
                return math.exp(outer)
            inner, outer = outer, 2 * outer
        for _ in range(20):
            middle = (inner + outer) / 2
            rest = wanted - after(middle)
            if abs(rest) <= self.tolerance:
                return math.exp(middle)
            inner, outer = (middle, outer) if rest * gap > 0 else (inner, middle)
        # Equal entries become zero together: then no λ fits, and the sparser side is as good as the other.
        return math.exp(max(inner, outer))

    def state_dict(self) -> dict[str, Any]:
        """Plain data. λ itself is in the state of the optimizer."""
        start = None if self._start is None else list(self._start)
        return {"steps": self._steps, "since": self._since, "start": start}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from `state_dict`."""
        if set(state) != {"steps", "since", "start"}:
            raise ValueError(f"state must have the entries 'steps', 'since' and 'start', got {sorted(state)}")
        start = state["start"]
        if start is not None and len(start) != len(self.targets):
            raise ValueError(f"state['start'] must have {len(self.targets)} numbers, one a target, got {len(start)}")
        self._steps, self._since = count("steps", state["steps"]), count("since", state["since"])
        self._start = None if start is None else [float(s) for s in start]


def _controlled(optimizer: RegularizedOptimizer) -> list[int]:
    """The groups of parameters that have a λ and can be sparse by it: low rank makes no zeros."""
    return [
        number
        for number, group in enumerate(optimizer.param_groups)
        if group["params"] and group["regularizer"] != "zero" and not isinstance(from_group(group), Nuclear)
        if "lam" in group
    ]


def _coming(optimizer: RegularizedOptimizer, number: int) -> list[tuple[Tensor, float]]:
    """(z, t) for each parameter of a group, where the coming step is about to set θ = prox_{tJ}(z); t = 0: it stays."""
    group = optimizer.param_groups[number]
    if isinstance(optimizer, ProxSGD):
        tau = float(group["lr"])
        batch = optimizer._collect(group)
        moved = {id(theta): theta.to(g.dtype) - tau * g for theta, g in zip(batch.thetas, batch.gradients, strict=True)}
        return [(moved.get(id(theta), theta.detach()), tau * (id(theta) in moved)) for theta in group["params"]]
    delta = group["delta"]
    moves = _moves(optimizer, group)
    images = []
    for theta in group["params"]:
        wide = theta.detach().to(state_dtype(theta))
        dual = optimizer.state[theta].get("dual") if theta in optimizer.state else None
        if dual is None:  # before the first step: what the optimizer will begin with
            dual = wide / delta + from_group(group).subgradient(wide, torch.zeros_like(wide))
        if id(theta) in moves:
            dual = dual - moves[id(theta)]
        images.append((dual * delta, delta))
    return images


def _coarse_to_come(optimizer: RegularizedOptimizer) -> bool:
    """Whether the coming step is a coarse one, as far as is known: what a criterion will say is not."""
    if not isinstance(optimizer, MultilevelOptimizer):
        return False
    lead = optimizer.param_groups[0]
    begins = lead["position"] == 0 and lead["coarse_steps"] > 0 and isinstance(optimizer.criterion, Always)
    return optimizer.in_coarse_phase or begins


def _moves(optimizer: RegularizedOptimizer, group: dict[str, Any]) -> dict[int, Tensor]:
    """m⁺ of the coming LinBreg step, by parameter; nothing for AdaBreg."""
    if not isinstance(optimizer, LinBreg | MultilevelLinBreg):
        return {}
    tau = float(group["lr"])
    beta = group["momentum"]
    batch = optimizer._collect(group)
    moves = {}
    for theta, g, state in zip(batch.thetas, batch.gradients, batch.states, strict=True):
        old = beta * state["momentum_buffer"] if beta and "momentum_buffer" in state else 0.0
        moves[id(theta)] = old + (1 - beta) * tau * g
    return moves


def _sparsity(pairs: list[tuple[ParameterRegularizer, Tensor]], unit: Unit) -> float:
    zero = total = 0
    for regularizer, theta in pairs:
        size = 1
        if unit == "groups" and isinstance(regularizer, GroupL2):
            size = max(group_size(regularizer.layout, tuple(theta.shape)), 1)
            theta = regularizer.support(theta)
        total += theta.numel() // size
        zero += (theta.numel() - int(theta.count_nonzero())) // size
    return zero / total if total else 0.0
