"""Optimizers with masks: θ is 0 where its mask is, after the constructor and after every step.

The base rule sees the gradient with zeros off the mask, so momentum and second moments stay 0 there, weight decay has nothing
to move, and a weight that is grown starts from nothing. ``.grad`` keeps the dense gradient of the same backward pass, by which
RigL and GraNet grow. A weight that is dropped loses its value and its momentum.

entry of a parameter group | meaning
---------------------------|------------------------------------------------------------------------------------------
``density``                | ``"total"``: the group shares in ``total_density``; its parameters with fewer than two axes
                           | (biases, norms) stay dense
                           | None: dense
                           | a number in (0, 1]: of each of its parameters
                           | a list of numbers and None, one for each parameter
                           | ``"nonzero"``: the entries that are not 0 now; parameters with fewer than two axes stay dense
``total_density``          | of all parameters that share in it, together
``distribution``           | ``"uniform"``, ``"er"`` or ``"erk"``: how the total is shared, see `theory.sparse_initialisation`
``counts``                 | how many weights each parameter keeps at last, None: dense; computed
``start_counts``           | how many it has at the start; computed
``seed``                   | of the masks that are drawn
``steps``                  | how many steps were taken
``schedule``               | the method and its settings; fixed

Groups may come from `networks.rules.regularize`: those with the regularizer `Zero` are dense unless they say otherwise, and
``"nonzero"`` takes over the masks of `networks.sparse_initialisation.sparse_init`. No regularizer is applied here.

In the state of a sparse parameter, ``"mask"`` is a bool tensor of its shape. A parameter that has no gradient in a step is not
changed in it, and neither is its mask by a rule that needs one; pruning passes over parameters that do not require gradients.

A weight count is density times size, to the nearest integer and at least 1; the code of Evci et al. 2020 rounds up.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor
from torch.optim import Optimizer

from ..arguments import count
from ..optim.regularizers import ParameterRegularizer, Zero, to_group
from .checkpoints import check_mask, plain
from .schedules import Schedule
from .selection import largest, random_scores
from .weight_counts import check_density, distributed, weight_counts
from .wrapped import WrappedOptimizer, in_layout_of, named


class SparseParameter(NamedTuple):
    """A parameter with a mask."""

    theta: Tensor
    mask: Tensor
    start: int
    """Active weights before the first step."""
    last: int
    """Active weights at the end."""
    position: int
    """Position among all parameters of the optimizer."""


class MaskedOptimizer(WrappedOptimizer):
    """Masks, the clock, and the base rule between them; a subclass says how the masks change.

    ``params``: as everywhere in torch.optim. ``base``: the class of the base rule. ``density``: the total, or any other value
    of the entry of that name. ``options``: those of the base rule.
    """

    own_state = ("mask",)
    fixed = ("base", "schedule", "density", "total_density", "distribution", "seed")
    #: A step in which masks change is not a step of the base rule.
    replaces_step: ClassVar[bool] = False

    def __init__(
        self,
        params: Any,
        base: type[Optimizer],
        schedule: Schedule,
        *,
        density: float | str,
        distribution: str,
        seed: int,
        options: Mapping[str, Any],
    ) -> None:
        self.schedule = schedule
        total = None if isinstance(density, str) else check_density("density", density)
        defaults = {
            "density": "total" if total is not None else density,
            "total_density": total,
            "distribution": distribution,
            "seed": count("seed", seed),
            "steps": 0,
            "schedule": {"method": type(self).__name__, **plain(asdict(schedule))},  # type: ignore[call-overload]
        }
        super().__init__(params, base, options, defaults)
        self._begin(self.param_groups)

    @abstractmethod
    def _change_masks(self, now: int) -> None:
        """What happens to the masks in step ``now``, which is due."""

    @property
    def steps(self) -> int:
        """How many steps were taken."""
        return int(self.param_groups[0]["steps"])

    @property
    def seed(self) -> int:
        """Of the masks that are drawn."""
        return int(self.param_groups[0]["seed"])

    def mask(self, theta: Tensor) -> Tensor | None:
        """The mask of a parameter, None where it is dense."""
        return self.state[theta].get("mask") if theta in self.state else None

    def density(self) -> float:
        """Active weights over all weights, of the parameters that have a mask; 1 without any."""
        sparse = list(self._sparse())
        active = sum(int(entry.mask.sum()) for entry in sparse)
        return active / sum(entry.theta.numel() for entry in sparse) if sparse else 1.0

    def _advance(self) -> None:
        now = self.steps + 1
        due = self.schedule.due(now)
        sparse = list(self._sparse())
        for entry in sparse:
            if entry.mask.shape != entry.theta.shape:
                raise ValueError(
                    f"parameters must keep their shape, got {tuple(entry.theta.shape)} where the mask has "
                    f"{tuple(entry.mask.shape)}; make a new optimizer after resizing one"
                )
        if not (due and self.replaces_step):
            self._base_step(
                {e.theta: in_layout_of(e.theta).masked_fill_(~e.mask, 0) for e in sparse if e.theta.grad is not None}
            )
            for entry in sparse:
                entry.theta.masked_fill_(~entry.mask, 0)
        if due:
            self._change_masks(now)
        for group in self.param_groups:
            group["steps"] = now

    def _sparse(self) -> Iterator[SparseParameter]:
        for index, _, theta, start, last in self._places():
            if last is not None and start is not None:
                yield SparseParameter(theta, self.state[theta]["mask"], start, last, index)

    def _with_gradient(self) -> tuple[list[SparseParameter], list[Tensor]]:
        """The sparse parameters that have a gradient, and the gradients, zeros and all."""
        entries = [entry for entry in self._sparse() if entry.theta.grad is not None]
        return entries, [entry.theta.grad for entry in entries if entry.theta.grad is not None]

    def _trainable(self) -> list[SparseParameter]:
        """The sparse parameters that require gradients, whether they have one in this step or not."""
        return [entry for entry in self._sparse() if entry.theta.requires_grad]

    def _places(self) -> Iterator[tuple[int, dict[str, Any], Tensor, int | None, int | None]]:
        """Each parameter with its position among all, its group, and its first and last count."""
        index = 0
        for group in self.param_groups:
            for theta, start, last in zip(group["params"], group["start_counts"], group["counts"], strict=True):
                yield index, group, theta, start, last
                index += 1

    def _set_masks(self, entries: Sequence[SparseParameter], masks: Sequence[Tensor]) -> None:
        """New masks, and zeros off them in the parameters and in what the base rule remembers of them."""
        for entry, mask in zip(entries, masks, strict=True):
            entry.mask.copy_(mask)
            entry.theta.masked_fill_(~mask, 0)
            for name, value in self.state[entry.theta].items():
                if name not in ("mask", "step") and isinstance(value, Tensor) and value.shape == mask.shape:
                    value.masked_fill_(~mask, 0)

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add parameters. They join at the step that the others are at; a total density is shared among the new ones."""
        regularizer = param_group.get("regularizer")
        if isinstance(regularizer, ParameterRegularizer):
            unregularised = {"density": None} if isinstance(regularizer, Zero) else {}
            param_group = {**unregularised, **param_group, **to_group(regularizer)}
        super().add_param_group(param_group)
        if "counts" in self.param_groups[0]:  # the constructor has run
            group = self.param_groups[-1]
            group["steps"] = self.steps
            try:
                self._begin([group])
            except (TypeError, ValueError):
                self.param_groups.pop()
                raise

    @torch.no_grad()
    def _begin(self, groups: list[dict[str, Any]]) -> None:
        """Weight counts and first masks."""
        for group in groups:
            for position, theta in enumerate(group["params"]):
                if not theta.is_floating_point():
                    number = next(n for n, each in enumerate(self.param_groups) if each is group)
                    raise ValueError(
                        f"params must be real floating-point tensors, got {theta.dtype} for {named(group, number, position)}"
                    )
        start = self.schedule.start_density
        if start is not None and any(group["density"] == "nonzero" for group in groups):
            raise ValueError(f"density must be a number, got 'nonzero': {type(self).__name__} does not begin with it")
        for group, counts in zip(groups, weight_counts(groups), strict=True):
            group["counts"], group["density"] = counts, plain(group["density"])
        for group, counts in zip(groups, distributed(groups, start), strict=True):
            group["start_counts"] = counts
        for index, group, theta, first, last in self._places():
            if last is None or first is None or not any(group is new for new in groups):
                continue
            if group["density"] == "nonzero":
                mask = theta != 0
            else:
                scores = random_scores(self.seed, 0, index, theta)
                mask = largest([scores], [torch.ones_like(theta, dtype=torch.bool)], first)[0]
            # The layout in memory of the parameter, whatever that is.
            self.state[theta]["mask"] = torch.empty_like(theta, dtype=torch.bool).copy_(mask)
            theta.masked_fill_(~mask, 0)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from ``state_dict``, bit for bit when the parameters are loaded, too.

        Raises a `ValueError`, and changes nothing, where the checkpoint is of another method, has other densities or settings
        of the schedule than this optimizer, or lacks a mask that is right for its parameter.
        """
        super().load_state_dict(state_dict)
        for entry in self._sparse():
            # torch has cast it to the type of the parameter.
            self.state[entry.theta]["mask"] = entry.mask != 0

    def _check_saved_group(self, number: int, old: Mapping[str, Any], state: Mapping[Any, Any]) -> None:
        super()._check_saved_group(number, old, state)
        group, counts = self.param_groups[number], old.get("counts", [])
        if [last is None for last in counts] != [last is None for last in group["counts"]]:
            raise ValueError(
                f"state_dict must have the same sparse parameters, got counts {counts!r} for group {number}"
            )
        constant = self.schedule.start_density is None
        for position, (key, theta, last) in enumerate(zip(old["params"], group["params"], counts, strict=True)):
            if last is not None:
                name = named(group, number, position)
                check_mask(state.get(key, {}).get("mask"), theta, last if constant else None, name)

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "schedule": self.schedule}
