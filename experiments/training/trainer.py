"""The training loop: steps, what is measured, and a state from which it goes on bit for bit.

row of metrics  | when                         | entries
----------------|------------------------------|--------------------------------------------------------------------------
``start``       | before the first step        | validation, sparsity, ‖θ‖₁
``step``        | every `LOGGED_EVERY` steps   | mean loss and score since the last one, learning rate, λ, density, FLOPs
``epoch``       | after each epoch             | the same over the epoch, J(θ), ‖θ‖₁, validation, sparsity in total and by layer

Rows hold what the computation decides and no times: two runs with the same configuration on the same machine write the same
bytes. Training loss and score are those of the training batches as they were seen, augmented and in training mode. Nothing in
here draws from torch's own generator.
"""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple, final

import torch
from torch import Tensor

from ...solvers.baselines.lasso import Lasso
from ...solvers.optim.base import RegularizedOptimizer
from ..data.batches import Batch, Examples, Position, batches_per_epoch, epoch
from ..networks.catalogue import build
from .computation import Computation
from .configuration import Configuration
from .data_parallel import ALONE, Ranks
from .learning_rates import Plateau, factor
from .methods import assemble
from .network_fit import check_fit
from .objectives import Objective, evaluate, peak_of
from .sparsity_row import density, sparsity_row
from .step_costs import StepCosts
from .threshold_search import cut_as_far_as

LOGGED_EVERY = 50
_PARTS = ("data", "forward", "backward", "optimizer", "measuring")

Row = dict[str, Any]


class DivergedError(Exception):
    """The loss or a gradient is not finite."""


class Event(NamedTuple):
    """One step was taken; ``rows`` are to be written."""

    rows: tuple[Row, ...]
    epoch_ended: bool


@final
class Trainer:
    """One run, or one of the ``ranks`` of it. ``training`` and ``validation`` are moved to the device, where they stay."""

    def __init__(
        self,
        configuration: Configuration,
        training: Examples,
        validation: Examples,
        device: torch.device,
        ranks: Ranks = ALONE,
    ) -> None:
        c = self.configuration = configuration
        self.device, self.ranks = device, ranks
        ranks.check(c)
        self.training, self.validation = training.to(device), validation.to(device)
        check_fit(c.network, training.of)
        self.computation = Computation.of(c, device)
        self.model = self.computation.placed(build(c.network, c.seed).to(device))
        self.steps_per_epoch = batches_per_epoch(len(training), c.batch_size)
        self.total_steps = self.steps_per_epoch * c.epochs
        method = assemble(c, self.model, self.total_steps)
        self.optimizer, self.controller, self.description = method.optimizer, method.controller, method.description
        self.objective = Objective(c.objective, c.noise, c.label_smoothing, c.seed, self.computation)
        self.costs = StepCosts(self.model, self.training.take(torch.arange(1)).normalised())
        self.position, self.plateau = Position(), Plateau()
        self.seconds = dict.fromkeys(_PARTS, 0.0)
        self._of_epoch = self._of_interval = self._nothing()

    @property
    def done(self) -> int:
        """Steps that were taken."""
        return self.position.epoch * self.steps_per_epoch + self.position.batch

    def start(self) -> Row:
        """The row before the first step."""
        return {"kind": "start", "step": 0, **self._validation(), **sparsity_row(self.model)}

    def events(self) -> Iterator[Event]:
        """Train from where it is to the end. Between two events `state_dict` is a state to go on from.

        Raises a `DivergedError`.
        """
        self.model.train()
        while self.position.epoch < self.configuration.epochs:
            batches = epoch(
                self.training,
                self.configuration.batch_size,
                self.configuration.seed,
                self.position,
                self.configuration.augment,
            )
            while True:
                with self._timed("data"):
                    batch = next(batches, None)
                if batch is None:
                    break
                yield self._event(batch)

    def finish(self) -> None:
        """The last act, after the last step: Lasso's threshold."""
        if isinstance(self.optimizer, Lasso):
            self.optimizer.apply_threshold()

    def final(self, test: Examples) -> Row:
        """What the trained network is worth: the only place where the test examples are looked at.

        With ``threshold_cost`` there is a second result, ``thresholded``: see `threshold_search`. It ends as that network.
        """
        test = test.to(self.device)
        found = {**self._scores(test), **self._flops()}
        cost = self.configuration.threshold_cost
        if cost is not None:
            least = found[f"validation_{self.objective.score_name}"] - cost
            found["thresholded"] = {"threshold": self._cut(least), **self._scores(test)}
        return found

    def _cut(self, least: float) -> float:
        def good() -> bool:
            return self._evaluated(self.validation)[self.objective.score_name] >= least

        return cut_as_far_as(self.optimizer.param_groups, good)

    def _scores(self, test: Examples) -> Row:
        """On all three sets of examples, as they are: nothing is augmented."""
        sets = {"training": self.training, "validation": self.validation, "test": test}
        scores = {
            f"{name}_{key}": value
            for name, examples in sets.items()
            for key, value in self._evaluated(examples).items()
        }
        return {**scores, **sparsity_row(self.model)}

    def _event(self, batch: Batch) -> Event:
        self._step(batch)
        self.position = batch.after
        ended = batch.after.batch == 0
        with self._timed("measuring"):
            rows = []
            if self.done % LOGGED_EVERY == 0:
                rows.append({"kind": "step", "step": self.done, **self._means(self._of_interval), **self._moving()})
                rows[-1]["weights"] = density(self.model)
                self._of_interval = self._nothing()
            if ended:
                rows.append(self._end_of_epoch())
        return Event(tuple(rows), ended)

    def _step(self, batch: Batch) -> None:
        c = self.configuration
        rate = c.learning_rate * factor(c.schedule, self.done, self.total_steps, c.warmup, self.plateau)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        n = len(batch.labels)
        share = self.ranks.share(n)
        with ExitStack() as computing:
            with self._timed("forward"):
                computing.enter_context(self.computation.step(self.model, self.optimizer))
                self.optimizer.zero_grad(set_to_none=True)
                loss, score = self.objective(
                    self.model,
                    batch.inputs,
                    batch.labels,
                    peak_of(self.training),
                    (1, self.position.epoch, self.position.batch),
                    smooth=True,
                    part=share.part,
                )
                sums = torch.stack([loss.detach().double() * n * share.weight, score.double() * (share.weight > 0)])
                sums = self.ranks.total(sums)
            value = float(sums[0]) / n
            if not math.isfinite(value):
                raise DivergedError(f"the loss is {value} in step {self.done + 1}: {self._advice}")
            with self._timed("backward"):
                (loss * share.weight).backward()  # type: ignore[no-untyped-call]
                self.ranks.reduce(self.model)
        with self._timed("measuring"):
            forward = self.costs.sparse()
            sums = torch.cat([sums, torch.full_like(sums[:1], n)])
            self._of_epoch, self._of_interval = self._of_epoch + sums, self._of_interval + sums
        with self._timed("optimizer"):
            try:
                if self.controller is not None:
                    self.controller.step()
                self.optimizer.step()
            except ValueError as error:
                gradients = [p.grad for p in self.model.parameters() if p.grad is not None]
                if all(bool(torch.isfinite(g).all()) for g in gradients):
                    raise
                raise DivergedError(f"a gradient is not finite in step {self.done + 1}: {self._advice}") from error
        self.costs.charge(self.optimizer, forward, n)

    @property
    def _advice(self) -> str:
        return f"take a smaller learning rate than {self.configuration.learning_rate:g}"

    def _end_of_epoch(self) -> Row:
        self.ranks.check_agreement(self.model)
        means = self._means(self._of_epoch)
        row = {"kind": "epoch", "epoch": self.position.epoch, "step": self.done, **means, **self._moving()}
        if isinstance(self.optimizer, RegularizedOptimizer):
            row["regularizer"] = float(self.optimizer.regularizer_value())
        row |= self._validation() | sparsity_row(self.model)
        self.plateau = self.plateau.after(means["loss"])
        self._of_epoch = self._nothing()
        return row

    def _validation(self) -> Row:
        return {f"validation_{name}": value for name, value in self._evaluated(self.validation).items()}

    def _evaluated(self, examples: Examples) -> dict[str, float]:
        return evaluate(self.model, self.objective, examples, self.ranks)

    def _nothing(self) -> Tensor:
        return torch.zeros(3, dtype=torch.float64, device=self.device)

    def _means(self, sums: Tensor) -> Row:
        loss, score, n = sums.tolist()
        return {"loss": loss / n, self.objective.score_name: score / n}

    def _moving(self) -> Row:
        lams = {
            f"lam_{g['layers']}": g["lam"]
            for g in self.optimizer.param_groups
            if g.get("regularizer", "zero") != "zero"
        }
        return {"learning_rate": self.optimizer.param_groups[0]["lr"], **lams, **self._flops()}

    def _flops(self) -> Row:
        return {"flops": float(self.costs.used), "flops_dense": self.costs.dense_used}

    @contextmanager
    def _timed(self, part: str) -> Iterator[None]:
        begun = time.perf_counter()
        try:
            yield
        finally:
            if self.device.type == "cuda":
                torch.cuda.synchronize(self.device)
            self.seconds[part] += time.perf_counter() - begun

    def state_dict(self) -> dict[str, Any]:
        """Tensors and plain data: it loads with ``weights_only=True``."""
        return {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "controller": None if self.controller is None else self.controller.state_dict(),
            "computation": self.computation.state_dict(self.model, self.optimizer),
            "costs": self.costs.state_dict(),
            "position": list(self.position),
            "plateau": [self.plateau.best, self.plateau.bad, self.plateau.factor],
            "sums": [self._of_epoch.cpu(), self._of_interval.cpu()],
            "seconds": dict(self.seconds),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from `state_dict`, of a run with the same configuration."""
        self.model.load_state_dict(state["model"])
        with warnings.catch_warnings():
            # λ was moved, and the optimizer says that it is not the one it was made with.
            warnings.filterwarnings("ignore", message="the regularizer of parameter group")
            self.optimizer.load_state_dict(state["optimizer"])
        if self.controller is not None:
            self.controller.load_state_dict(state["controller"])
        self.computation.load_state_dict(self.model, self.optimizer, state.get("computation", {}))
        self.costs.load_state_dict(state["costs"])
        self.position, self.plateau = Position(*state["position"]), Plateau(*state["plateau"])
        self._of_epoch, self._of_interval = (sums.to(self.device) for sums in state["sums"])
        self.seconds = dict(state["seconds"])
