"""From a configuration and a network to an optimizer, and what moves λ beside it.

Biases and norms are never regularised or masked. Baselines take their steps with torch's SGD. Gradual pruning and GraNet prune
from the step ``mask_every`` to ``dense_share`` of all steps. AC/DC has the proportions of Peste et al. 2021: 10 % dense,
13 phases of 5 %, 10 % decompressed, 15 % compressed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, final

from torch import nn
from torch.optim import SGD, Adam, Optimizer

from ...solvers.baselines.ac_dc import ACDC
from ...solvers.baselines.gradual_pruning import GradualPruning
from ...solvers.baselines.granet import GraNet
from ...solvers.baselines.lasso import Lasso
from ...solvers.baselines.prune_and_fine_tune import PruneAndFineTune
from ...solvers.baselines.rigl import RigL
from ...solvers.baselines.sparse_evolutionary_training import SET
from ...solvers.baselines.static_sparse import StaticSparse
from ...solvers.criteria import Always, Criterion, EveryKth, GradientTest, Magma, epoch_wise
from ...solvers.networks.rules import regularize
from ...solvers.networks.sparse_initialisation import sparse_init
from ...solvers.optim.adabreg import AdaBreg
from ...solvers.optim.base import RegularizedOptimizer
from ...solvers.optim.linbreg import LinBreg
from ...solvers.optim.multilevel import MultilevelLinBreg
from ...solvers.optim.proxsgd import ProxSGD
from ...solvers.optim.regularizers import L1, GroupL2, ParameterRegularizer
from ...solvers.optim.sparsity_control import SparsityController
from ..data.batches import stream
from .configuration import BREGMAN, CONTROLLED, Configuration, ConfigurationError

#: A stream of random numbers of `data.batches`.
_MASKS = 4


@final
@dataclass(frozen=True, eq=False)
class Method:
    """The optimizer of a run, what keeps its sparsity, and a description of its groups and first masks to read."""

    optimizer: Optimizer
    controller: SparsityController | None
    description: str


def assemble(configuration: Configuration, model: nn.Module, steps: int) -> Method:
    """``steps``: of the whole training. Makes the network sparse where the method starts sparse.

    Raises a `ConfigurationError` where the settings do not fit the number of steps.
    """
    c = configuration
    groups = regularize(
        model,
        linear=_regularizer(c.linear, c.lam_linear),
        conv=_regularizer(c.conv, c.lam_conv),
        verbose=False,
    )
    description = ""
    if c.method in BREGMAN and c.density < 1:
        made = sparse_init(
            groups, c.density, distribution=c.distribution, rescale=c.rescale, exact=c.mask == "exact",
            generator=stream(c.seed, _MASKS),
        )  # fmt: skip
        description = str(made)
    optimizer = _OPTIMIZERS[c.method](c, groups, steps)
    controller = None
    if c.method in CONTROLLED and c.target_sparsity is not None:
        assert isinstance(optimizer, RegularizedOptimizer)
        controller = SparsityController(
            optimizer, c.target_sparsity, ramp_steps=round(c.ramp * steps), every=c.control_every
        )
    return Method(optimizer, controller, description)


def _regularizer(name: str, lam: float) -> ParameterRegularizer | None:
    if name == "none":
        return None
    return L1(lam) if name == "l1" else GroupL2(lam, name)


def _sgd(c: Configuration) -> dict[str, Any]:
    return {"lr": c.learning_rate, "momentum": c.momentum, "weight_decay": c.weight_decay}


def _lasso(c: Configuration) -> dict[str, Any]:
    if c.base == "adam":
        return {"base": Adam, "lr": c.learning_rate, "weight_decay": c.weight_decay}
    return _sgd(c)


def _bregman(c: Configuration) -> dict[str, Any]:
    return {"lr": c.learning_rate, "delta": c.delta, "weight_decay": c.weight_decay, "dual_decay": c.dual_decay}


def _levels(c: Configuration, steps_per_epoch: int) -> dict[str, Any]:
    if c.criterion == "epochs":
        found = epoch_wise(steps_per_epoch, c.coarse_steps)
        return {"criterion": found.criterion, "coarse_steps": found.coarse_steps}
    return {"criterion": _CRITERIA[c.criterion](c), "coarse_steps": c.coarse_steps}


_CRITERIA: dict[str, Callable[[Configuration], Criterion]] = {
    "always": lambda _: Always(),
    "every": lambda c: EveryKth(c.period),
    "gradient": lambda c: GradientTest(c.kappa, c.epsilon),
    "magma": lambda c: Magma(c.kappa, c.eta, c.fine_steps),
}


def _plain(groups: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"params": group["params"]} for group in groups]


def _masks(c: Configuration) -> dict[str, Any]:
    assert c.target_sparsity is not None
    return {"density": 1 - c.target_sparsity, "distribution": c.distribution, "seed": c.seed, **_sgd(c)}


def _pruning(c: Configuration, steps: int) -> dict[str, Any]:
    times = (round(c.dense_share * steps) - c.mask_every) // c.mask_every
    if times < 1:
        raise ConfigurationError(
            f"mask_every must leave two prunings in {c.dense_share:g} of the {steps} steps, got {c.mask_every}"
        )
    return {"begin": c.mask_every, "every": c.mask_every, "end": c.mask_every * (1 + times)}


def _acdc(steps: int) -> dict[str, Any]:
    length = steps // 20
    if length < 1:
        raise ConfigurationError(f"acdc must have 20 steps or more, got {steps}")
    last = {"final_decompressed": 2 * length, "final_compressed": 3 * length, "total_steps": steps}
    return {"warmup": steps - 18 * length, "length": length, **last}


_OPTIMIZERS: dict[str, Callable[[Configuration, list[dict[str, Any]], int], Optimizer]] = {
    "sgd": lambda c, groups, _: SGD(_plain(groups), **_sgd(c)),
    "adam": lambda c, groups, _: Adam(_plain(groups), lr=c.learning_rate, weight_decay=c.weight_decay),
    "linbreg": lambda c, groups, _: LinBreg(groups, momentum=c.momentum, **_bregman(c)),
    "linbreg-momentum": lambda c, groups, _: LinBreg(groups, momentum=c.momentum, **_bregman(c)),
    "adabreg": lambda c, groups, _: AdaBreg(groups, **_bregman(c)),
    "ml-linbreg": lambda c, groups, steps: MultilevelLinBreg(
        groups, momentum=c.momentum, **_levels(c, steps // c.epochs), **_bregman(c)
    ),
    "proxsgd": lambda c, groups, _: ProxSGD(groups, lr=c.learning_rate, weight_decay=c.weight_decay),
    "lasso": lambda c, groups, _: Lasso(groups, threshold=c.threshold, **_lasso(c)),
    "static": lambda c, groups, _: StaticSparse(groups, **_masks(c)),
    "set": lambda c, groups, steps: SET(
        groups, total_steps=steps, every=c.mask_every, drop_fraction=c.drop_fraction, **_masks(c)
    ),
    "rigl": lambda c, groups, steps: RigL(
        groups, total_steps=steps, every=c.mask_every, drop_fraction=c.drop_fraction, **_masks(c)
    ),
    "prune": lambda c, groups, steps: PruneAndFineTune(
        groups, prune_after=max(1, round(c.dense_share * steps)), **_masks(c)
    ),
    "gradual-pruning": lambda c, groups, steps: GradualPruning(groups, **_pruning(c, steps), **_masks(c)),
    "granet": lambda c, groups, steps: GraNet(
        groups, total_steps=steps, regeneration=c.drop_fraction, **_pruning(c, steps), **_masks(c)
    ),
    "acdc": lambda c, groups, steps: ACDC(groups, **_acdc(steps), **_masks(c)),
}
