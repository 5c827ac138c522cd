"""Theory in the loop: on a network that trains, the margins and constants that `mlbreg.theory` defines.

    monitor = TheoryMonitor(model, optimizer, path="margins.jsonl")
    with monitor.observe(lambda: criterion(model(x), y)):
        optimizer.step()

L is the loss that the closure computes, on data that it always gives in the same way; the optimizer's step may use another
mini-batch. θ is all parameters of the optimizer that require a gradient, as one vector in float64.

entry of a row                 | meaning, and the function of theory that computes it
-------------------------------|-------------------------------------------------------------------------------------
``loss``, ``loss_after``       | L(θ), L(θ⁺)
``descent``                    | margin of L(θ⁺) ≤ L(θ) − (1/τ)D(θ, θ⁺), ≥ 0 where it holds: `inequalities.descent`
``divergence``                 | D^{v⁺}_{J_δ}(θ, θ⁺): `divergences.bregman`
``symmetric_divergence``       | D^sym_J(θ⁺, θ) = ⟨p⁺ − p, θ⁺ − θ⟩: `divergences.symmetric`
``relative_smoothness``        | (L(θ⁺) − L(θ) − ⟨∇L(θ), θ⁺ − θ⟩)/D^v_{J_δ}(θ⁺, θ): 𝖫 is at least that
``relative_smoothness_so_far`` | the largest of all rows
``pl_ratio``                   | ½‖∇L(θ)‖²/(L(θ) − L*)
``mirror_pl_ratio``            | D(1)/(L(θ) − L*), left side of lunk2026 (12) over the right: `pl_step.step_divergence`
``gradient_norm``              | ‖∇L(θ)‖
``restricted_gradient_norm``   | ‖R∇L(θ)‖, the other side of criterion (10)
``gradient_variance``          | E‖∇L_B(θ) − ∇L(θ)‖², from k ≥ 2 micro-batches; None without
``membership``                 | max |θ − prox_{δJ}(δv)|: rounding, unless λ moved: `ElasticNet.fixed_point_residual`
``tau``, ``delta``             | τ, δ
``coarse``                     | whether the step was one of a coarse phase
``gradient_evaluations`` …     | what this row cost, ``loss_evaluations`` too

A quotient with denominator 0 is None. L* ≥ 0 is ``infimum``; with a lower bound of it in its place both PL ratios come out
too small, so they remain lower bounds of the true ones. The variance is the unbiased sample variance over the micro-batches,
for one micro-batch; a mini-batch of k of them, drawn independently, has 1/k of it.

Cost of an observation: 1 + k gradients and 1 more loss, and about ten vectors of θ's length in float64.

Training is not disturbed: ``.grad`` is not touched, parameters, buffers and torch's random state are put back bit for bit,
and all evaluations of an observation use the same random numbers. The margin of `descent` belongs to LinBreg with exact
gradients; for momentum, AdaBreg, mini-batches and a coarse step (R restricts, and the gradient is not R's) it is a diagnostic. One
``lr`` and one ``delta`` for all parameter groups, or a `ValueError`: neither τ nor J_δ is defined otherwise.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, final

import torch
from torch import Tensor, nn

from ...theory import divergences, inequalities, pl_step
from ...theory.arrays import inner, norm, square_norm
from ...theory.elastic_net import ElasticNet, PrimalDual
from ..optim.evaluation import without_trace
from ..optim.linbreg import BregmanOptimizer
from ..optim.multilevel import MultilevelOptimizer, support
from ..optim.regularizers import from_group
from .network_vectors import NetworkLoss, NetworkRegularizer, flat

Row = dict[str, Any]


@final
class TheoryMonitor:
    """Rows of measurements along a run. ``path``: each row is appended to this file, as one line of JSON, too."""

    def __init__(
        self, model: nn.Module, optimizer: BregmanOptimizer, *, infimum: float = 0.0, path: str | Path | None = None
    ) -> None:
        if not isinstance(optimizer, BregmanOptimizer):
            raise TypeError(
                f"optimizer must be one with a dual variable, a BregmanOptimizer, got {type(optimizer).__name__}"
            )
        if not math.isfinite(infimum):
            raise ValueError(f"infimum must be a finite number, got {infimum!r}")
        self.model, self.optimizer, self.infimum = model, optimizer, float(infimum)
        self.path = None if path is None else Path(path)
        self.rows: list[Row] = []
        self.gradients = self.losses = 0
        self._largest: float | None = None

    @property
    def cost(self) -> str:
        """What was spent so far, in words."""
        return f"{len(self.rows)} observations: {self.gradients} gradients and {self.losses} more losses"

    @contextmanager
    def observe(
        self, loss: Callable[[], Tensor], micro_batches: Sequence[Callable[[], Tensor]] = (), **labels: Any
    ) -> Iterator[None]:
        """Observe the one optimizer step inside the block. ``labels`` are more entries of the row, like ``epoch=3``.

        ``loss`` and ``micro_batches`` compute mean losses and leave ``backward`` to the monitor.
        """
        if len(micro_batches) == 1:
            raise ValueError("micro_batches must be at least 2 for a variance, or none, got 1")
        tau, delta = self._only("lr"), self._only("delta")
        layers = [
            (theta, from_group(group), group)
            for group in self.optimizer.param_groups
            for theta in group["params"]
            if theta.requires_grad
        ]
        if not layers:
            raise ValueError("optimizer must have a parameter that requires a gradient, got none")
        thetas = [theta for theta, _, _ in layers]
        net = ElasticNet(NetworkRegularizer(tuple((tuple(t.shape), J) for t, J, _ in layers)), delta)
        function = NetworkLoss(self.model, thetas, loss, self.infimum)
        pair = self._pair(layers)
        with without_trace(self.model):
            gradient = function.gradient(pair.theta)
        row: Row = {
            **labels,
            "tau": tau,
            "delta": delta,
            "loss": float(function.value(pair.theta)),
            "gradient_norm": float(norm(gradient)),
            "restricted_gradient_norm": float(norm(torch.where(self._selected(layers), gradient, 0))),
            "gradient_variance": self._variance(thetas, pair.theta, micro_batches),
            "membership": float(net.fixed_point_residual(pair)),
        }
        gap = row["loss"] - self.infimum
        row["pl_ratio"] = _quotient(float(square_norm(gradient)) / 2, gap)
        row["mirror_pl_ratio"] = _quotient(float(pl_step.step_divergence(function, net, pair, 1)), gap)
        yield
        after = self._pair(layers)
        row["loss_after"] = float(function.value(after.theta))
        row["divergence"] = float(divergences.bregman(net, pair.theta, after.theta, after.v))
        row["symmetric_divergence"] = float(divergences.symmetric(net.p(after), net.p(pair), after.theta, pair.theta))
        row["descent"] = float(inequalities.descent(function, net, pair, after, tau)) if tau else None
        change = row["loss_after"] - row["loss"] - float(inner(gradient, after.theta - pair.theta))
        forward = float(divergences.bregman(net, after.theta, pair.theta, pair.v))
        row["relative_smoothness"] = _quotient(change, forward)
        known = [x for x in (self._largest, row["relative_smoothness"]) if x is not None]
        self._largest = row["relative_smoothness_so_far"] = max(known) if known else None
        row["coarse"] = self._was_coarse()
        self.gradients += function.gradients + len(micro_batches)
        self.losses += function.losses
        row["gradient_evaluations"], row["loss_evaluations"] = function.gradients + len(micro_batches), function.losses
        self._write(row)

    def _only(self, name: str) -> float:
        values = {float(group[name]) for group in self.optimizer.param_groups}
        if len(values) != 1:
            raise ValueError(f"{name} must be the same in all parameter groups, got {sorted(values)}")
        return values.pop()

    def _pair(self, layers: list[tuple[Tensor, Any, dict[str, Any]]]) -> PrimalDual:
        duals = []
        for theta, regularizer, group in layers:
            dual = self.optimizer.state[theta].get("dual") if theta in self.optimizer.state else None
            if dual is None:  # no step yet: what the optimizer will begin with
                wide = theta.detach().double()
                dual = wide / group["delta"] + regularizer.subgradient(wide, torch.zeros_like(wide))
            duals.append(dual)
        return PrimalDual(flat([theta for theta, _, _ in layers]), flat(duals))

    def _selected(self, layers: list[tuple[Tensor, Any, dict[str, Any]]]) -> Tensor:
        optimizer = self.optimizer
        choose = optimizer.selection if isinstance(optimizer, MultilevelOptimizer) else support
        return torch.cat([choose(theta.detach(), regularizer).reshape(-1) for theta, regularizer, _ in layers])

    def _was_coarse(self) -> bool:
        # The position counts the coarse steps that are done, and a fine step sets it to 0.
        return isinstance(self.optimizer, MultilevelOptimizer) and self.optimizer.param_groups[0]["position"] > 0

    def _variance(
        self, thetas: list[Tensor], theta: Tensor, micro_batches: Sequence[Callable[[], Tensor]]
    ) -> float | None:
        if not micro_batches:
            return None
        gradients = []
        for loss in micro_batches:
            with without_trace(self.model):
                gradients.append(NetworkLoss(self.model, thetas, loss, self.infimum).gradient(theta))
        stacked = torch.stack(gradients)
        return float(square_norm(stacked - stacked.mean(0)).sum()) / (len(gradients) - 1)

    def _write(self, row: Row) -> None:
        # JSON has no infinity: a loss that blew up is None, as a quotient by 0 is.
        plain = {k: None if isinstance(x, float) and not math.isfinite(x) else x for k, x in row.items()}
        self.rows.append(plain)
        if self.path is not None:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(plain, allow_nan=False) + "\n")


def _quotient(above: float, below: float) -> float | None:
    return above / below if below > 0 else None
