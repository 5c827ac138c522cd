"""Everything that decides what a training run computes, as plain frozen data; it needs no torch.

field               | meaning
--------------------|--------------------------------------------------------------------------------------------
``study``           | the name of the study whose values were the starting point
``method``          | one of `METHODS`
``recipe``          | ``paper`` or ``strong``, see `studies`
``data``, ``network`` | names of `data.catalogue` and `networks.catalogue`
``objective``       | ``classification`` (cross-entropy) or ``denoising`` (mean squared error, noise is added to the inputs)
``noise``           | standard deviation of the noise, in units of the normalised inputs
``epochs``          | passes over the training examples
``batch_size``      | B; the last batch of an epoch may be smaller
``learning_rate``   | τ
``schedule``        | ``plateau`` (factor .5, patience 5, threshold .01, on the training loss), ``cosine`` or ``constant``
``warmup``          | share of all steps in which τ rises linearly from 0
``weight_decay``, ``momentum``, ``label_smoothing`` | as torch has them
``augment``         | crop and flip, where the data set has an augmentation
``linear``          | the regularizer of linear layers: ``l1``, ``rows``, ``columns`` or ``none``
``conv``            | that of convolutions: ``l1``, ``kernels``, ``filters``, ``channels`` or ``none``
``lam_linear``, ``lam_conv`` | λ
``delta``           | δ
``target_sparsity`` | 1 − density in all weights that may be sparse: λ is moved until it is reached (LinBreg and its relatives), or
                    | masks have that density; None: λ stays
``ramp``            | share of all steps over which the target is approached
``control_every``   | steps between two changes of λ
``density``         | r, initial share of non-zero weights of the Bregman methods; 1: dense
``distribution``    | how r is spread over the layers: ``uniform``, ``er``, ``erk``
``mask``            | of the start: ``bernoulli``, each group on its own, or ``exact``: the share r of them
``rescale``         | factor on the weights that remain; None: the paper's 1/√r of each layer
``dual_decay``      | the Bregman methods' v ← (1 − τ·dual_decay) v; 0 is the papers'
``coarse_steps``    | m of ML LinBreg; with the criterion ``epochs``, in epochs
``criterion``       | when ML LinBreg uses the coarse level: ``always``, ``every`` (each ``period``-th cycle), ``epochs``,
                    | ``gradient`` (lunk2026 (10)), ``magma``; see `solvers.criteria`
``kappa``, ``epsilon``, ``eta``, ``fine_steps``, ``period`` | κ, ε of ``gradient``; κ, η, K_d of ``magma``; K of ``every``
``base``            | whose steps Lasso takes: ``sgd`` or ``adam``
``threshold``       | of Lasso, applied once at the end: bound on the root mean square of a group
``threshold_cost``  | a second result, for the largest such bound that costs at most this much of the validation score; None: none
``mask_every``      | steps between two changes of masks
``drop_fraction``   | share of the active weights that RigL, SET and GraNet replace
``dense_share``     | prune-and-fine-tune: share of all steps before pruning
``compute``         | of ML LinBreg's coarse phases: ``dense``; ``sparse``, the selected weights alone, on a CPU;
                    | ``compact``, without whole filters, rows and channels that are frozen at 0; see `computation`
``memory_format``   | of convolutions: ``contiguous``, or ``channels_last``
``precision``       | ``float32``, or ``bfloat16``: the forward pass under autocast, or with ``sparse`` the activations in
                    | memory; weights, states and losses stay float32
``seed``            | of weights, masks, order, augmentation and noise
``split_seed``, ``validation`` | seed and share of the validation split
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields
from typing import Any, final

METHODS: dict[str, str] = {
    "sgd": "stochastic gradient descent, dense",
    "adam": "Adam, dense",
    "linbreg": "linearized Bregman iteration",
    "linbreg-momentum": "LinBreg with momentum",
    "adabreg": "AdaBreg: LinBreg with Adam's moments",
    "ml-linbreg": "multilevel LinBreg: most steps on the support alone",
    "proxsgd": "proximal stochastic gradient descent",
    "lasso": "SGD on the loss plus J, and a threshold at the end",
    "static": "a random mask that stays",
    "set": "sparse evolutionary training: grown at random",
    "rigl": "RigL: grown by gradient",
    "prune": "dense training, pruned once, fine-tuned",
    "gradual-pruning": "magnitude pruning with the cubic schedule",
    "granet": "GraNet: gradual pruning with regeneration",
    "acdc": "AC/DC: compressed and decompressed in turns",
}
#: The dual variable decides; they start sparse.
BREGMAN = ("linbreg", "linbreg-momentum", "adabreg", "ml-linbreg")
#: They have coarse phases.
MULTILEVEL = ("ml-linbreg",)
#: Their λ can be moved to a target.
CONTROLLED = (*BREGMAN, "proxsgd")
#: Masks have the target's density.
MASKED = ("static", "set", "rigl", "prune", "gradual-pruning", "granet", "acdc")
WITH_LAM = (*CONTROLLED, "lasso")
#: How a machine computes a run, not what: they change numbers by rounding alone.
COMPUTATION = ("compute", "memory_format", "precision")

_CHOICES = {
    "method": tuple(METHODS),
    "recipe": ("paper", "strong"),
    "objective": ("classification", "denoising"),
    "schedule": ("plateau", "cosine", "constant"),
    "linear": ("l1", "rows", "columns", "none"),
    "conv": ("l1", "kernels", "filters", "channels", "none"),
    "distribution": ("uniform", "er", "erk"),
    "mask": ("bernoulli", "exact"),
    "criterion": ("always", "every", "epochs", "gradient", "magma"),
    "base": ("sgd", "adam"),
    "compute": ("dense", "sparse", "compact"),
    "memory_format": ("contiguous", "channels_last"),
    "precision": ("float32", "bfloat16"),
}
#: name: (least value, whether it is allowed, largest value, whether it is allowed)
_RANGES: dict[str, tuple[float, bool, float, bool]] = {
    "noise": (0, True, math.inf, False),
    "learning_rate": (0, False, math.inf, False),
    "warmup": (0, True, 1, False),
    "weight_decay": (0, True, math.inf, False),
    "momentum": (0, True, 1, False),
    "label_smoothing": (0, True, 1, False),
    "lam_linear": (0, True, math.inf, False),
    "lam_conv": (0, True, math.inf, False),
    "delta": (0, False, math.inf, False),
    "target_sparsity": (0, True, 1, False),
    "ramp": (0, True, 1, True),
    "density": (0, False, 1, True),
    "rescale": (0, False, math.inf, False),
    "threshold": (0, True, math.inf, False),
    "drop_fraction": (0, False, 1, False),
    "dense_share": (0, False, 1, False),
    "dual_decay": (0, True, math.inf, False),
    "kappa": (0, False, 1, False),
    "epsilon": (0, False, math.inf, False),
    "eta": (0, True, math.inf, False),
    "threshold_cost": (0, True, math.inf, False),
    "validation": (0, False, 1, False),
}
_LEAST = {
    "epochs": 1,
    "batch_size": 1,
    "control_every": 1,
    "coarse_steps": 0,
    "fine_steps": 0,
    "period": 1,
    "mask_every": 1,
    "seed": 0,
    "split_seed": 0,
}
_OPTIONAL = ("target_sparsity", "rescale", "threshold_cost")


class ConfigurationError(ValueError):
    """A setting that is not allowed; the message names it as the field is named."""


@final
@dataclass(frozen=True)
class Configuration:
    """See the table above. Raises a `ConfigurationError`."""

    study: str
    method: str
    recipe: str
    data: str
    network: str
    objective: str = "classification"
    noise: float = 0.0
    epochs: int = 100
    batch_size: int = 128
    learning_rate: float = 0.1
    schedule: str = "plateau"
    warmup: float = 0.0
    weight_decay: float = 0.0
    momentum: float = 0.0
    label_smoothing: float = 0.0
    augment: bool = True
    linear: str = "l1"
    conv: str = "l1"
    lam_linear: float = 0.0
    lam_conv: float = 0.0
    delta: float = 1.0
    target_sparsity: float | None = None
    ramp: float = 0.3
    control_every: int = 1
    density: float = 1.0
    distribution: str = "uniform"
    mask: str = "bernoulli"
    rescale: float | None = None
    dual_decay: float = 0.0
    coarse_steps: int = 99
    criterion: str = "always"
    kappa: float = 0.5
    epsilon: float = 1e-6
    eta: float = 0.1
    fine_steps: int = 10
    period: int = 2
    base: str = "sgd"
    threshold: float = 1e-3
    threshold_cost: float | None = None
    mask_every: int = 100
    drop_fraction: float = 0.3
    dense_share: float = 0.9
    compute: str = "dense"
    memory_format: str = "contiguous"
    precision: str = "float32"
    seed: int = 0
    split_seed: int = 42
    validation: float = 0.05

    def __post_init__(self) -> None:
        for name, choices in _CHOICES.items():
            if getattr(self, name) not in choices:
                raise ConfigurationError(f"{name} must be one of {', '.join(choices)}, got {getattr(self, name)!r}")
        for name, least in _LEAST.items():
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise ConfigurationError(f"{name} must be an integer ≥ {least}, got {value!r}")
        for name, bounds in _RANGES.items():
            value = getattr(self, name)
            if value is None and name in _OPTIONAL:
                continue
            if isinstance(value, bool) or not isinstance(value, int | float) or not _inside(value, bounds):
                raise ConfigurationError(f"{name} must be in {_interval(bounds)}, got {value!r}")
            object.__setattr__(self, name, float(value))
        if not isinstance(self.augment, bool):
            raise ConfigurationError(f"augment must be true or false, got {self.augment!r}")
        if self.threshold_cost is not None and self.method not in WITH_LAM:
            raise ConfigurationError(
                f"threshold_cost is for {', '.join(WITH_LAM)}, got {self.threshold_cost!r} for {self.method}"
            )
        self._check_target()
        self._check_computation()

    def _check_target(self) -> None:
        if self.method in MASKED:
            if not self.target_sparsity:
                raise ConfigurationError(
                    f"target_sparsity must be in (0, 1) for {self.method}, whose masks it decides, got none"
                )
        elif self.target_sparsity is not None and self.method not in CONTROLLED:
            raise ConfigurationError(
                f"target_sparsity is for {', '.join((*CONTROLLED, *MASKED))}, got {self.target_sparsity!r} for {self.method}"
            )
        elif self.target_sparsity is not None and not (self.lam_linear > 0 or self.lam_conv > 0):
            raise ConfigurationError(
                "lam_linear or lam_conv must be > 0, for the target_sparsity multiplies them, got 0 and 0"
            )

    def _check_computation(self) -> None:
        if self.compute != "dense" and self.method not in MULTILEVEL:
            raise ConfigurationError(
                f"compute must be dense for a method without coarse phases, got {self.compute!r} for {self.method}; "
                f"others are for {', '.join(MULTILEVEL)}"
            )
        if self.compute == "sparse" and self.memory_format != "contiguous":
            raise ConfigurationError(
                "memory_format must be contiguous with compute = 'sparse', whose kernels have their own layout, got "
                f"{self.memory_format!r}"
            )

    def plain(self) -> dict[str, Any]:
        """Without what is None: what a TOML file can hold."""
        return {name: value for name, value in asdict(self).items() if value is not None}

    def computation(self) -> dict[str, Any]:
        """The settings of `COMPUTATION`."""
        return {name: getattr(self, name) for name in COMPUTATION}

    def differences(self, other: Configuration) -> list[str]:
        """In words, the fields in which they differ."""
        return [
            f"{field.name} is {getattr(self, field.name)!r} here and {getattr(other, field.name)!r} there"
            for field in fields(self)
            if getattr(self, field.name) != getattr(other, field.name)
        ]


def _inside(value: float, bounds: tuple[float, bool, float, bool]) -> bool:
    least, with_least, most, with_most = bounds
    return (least < value or (with_least and value == least)) and (value < most or (with_most and value == most))


def _interval(bounds: tuple[float, bool, float, bool]) -> str:
    least, with_least, most, with_most = bounds
    return (
        f"{'[' if with_least else '('}{least:g}, {'∞' if most == math.inf else f'{most:g}'}{']' if with_most else ')'}"
    )
