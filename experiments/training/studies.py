"""The studies: which network on which data, and the settings of each method under two recipes.

``paper``: what the authors published. bungert2021's notebooks: batch 128, δ = 1, no weight decay, plateau schedule on the training
loss, initial density .01 with uniform masks, 5 % validation; λ, τ, epochs and factors on the weights by study (`STUDIES`).
lunk2026: SGD's rate .1, cosine, 200 epochs, m = 99, 1 % initial density, pruning after 180 of 200 epochs, RigL with ERK; the
schedule is that of ``cifar-resnet18`` for the methods of bungert2021's Table 3, too.

``strong``: what one would do today, the same for all methods: cosine after 5 % warm-up, label smoothing .1, and for methods that
take SGD's steps momentum .9 and weight decay 5·10⁻⁴; masks by ERK.

What is not published is a choice of ours and is named here:

setting                                     | ours
--------------------------------------------|----------------------------------------------------------------------------------
λ for ℓ1 on CNN and ResNet18 (Tables 1, 3)  | none: λ is moved to the sparsity of the paper's row (``target_sparsity``)
λ of lunk2026                               | likewise, 95 %
weight decay, momentum of dense SGD, masks  | CIFAR: momentum .9, as Table 3 says; elsewhere none
pruning: schedule                           | lunk2026's share (.9 dense, .1 fine-tuned); the sparsity of the row
noise of the autoencoder                    | standard deviation .5 of inputs normalised with MNIST's constants
digits                                      | everything; λ for about 10 % non-zero weights (docs/training.md)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, final

from .configuration import BREGMAN, MASKED, METHODS, WITH_LAM, Configuration, ConfigurationError

Settings = Mapping[str, Any]
_SGD_LIKE = ("sgd", "lasso", *MASKED)


@final
@dataclass(frozen=True)
class Study:
    """A network on data. ``settings``: for all methods; ``methods``: what a method has beside that."""

    summary: str
    data: str
    network: str
    settings: Settings
    methods: Mapping[str, Settings] = field(default_factory=lambda: MappingProxyType({}))


#: What a method is, in every study.
_METHOD: dict[str, Settings] = {
    **{name: {"density": 0.01, "rescale": None} for name in BREGMAN},
    "adam": {"learning_rate": 1e-3},
    "linbreg-momentum": {"density": 0.01, "momentum": 0.9},
    "adabreg": {"density": 0.01, "learning_rate": 1e-3},
    # λ acts in every step anew: it has to be far smaller than LinBreg's.
    "proxsgd": {"lam_linear": 1e-4, "lam_conv": 1e-4},
    "lasso": {"lam_linear": 1e-4, "lam_conv": 1e-4},
    **{name: {"distribution": "erk"} for name in ("rigl", "static", "set", "granet")},
}
_STRONG: Settings = {"schedule": "cosine", "warmup": 0.05, "label_smoothing": 0.1, "distribution": "erk"}
_STRONG_SGD: Settings = {"momentum": 0.9, "weight_decay": 5e-4}


def _targets(linbreg: float, momentum: float, adabreg: float, others: float) -> dict[str, Settings]:
    """Sparsities by method."""
    own = {"linbreg": linbreg, "linbreg-momentum": momentum, "adabreg": adabreg, "ml-linbreg": others}
    return {name: {"target_sparsity": own.get(name, others)} for name in (*BREGMAN, *MASKED)}


def _both(*parts: Mapping[str, Settings]) -> dict[str, Settings]:
    names = {name for part in parts for name in part}
    return {name: {key: value for part in parts for key, value in part.get(name, {}).items()} for name in names}


def _bregman(**settings: Any) -> dict[str, Settings]:
    return dict.fromkeys(BREGMAN, settings)


def _masked(sparsity: float) -> dict[str, Settings]:
    return {name: {"target_sparsity": sparsity} for name in MASKED}


_CIFAR: Settings = {"epochs": 200, "schedule": "cosine", "control_every": 10}
_CIFAR_METHODS = _both(
    _bregman(lam_linear=0.01, lam_conv=0.01),
    _targets(0.945, 0.952, 0.853, 0.95),
    {name: {"momentum": 0.9} for name in _SGD_LIKE},
    {"proxsgd": {"control_every": 1}},
)

STUDIES: dict[str, Study] = {
    "digits": Study(
        "8 × 8 digits, MLP 64-128-64-10: needs no download, takes seconds",
        "digits", "digits-mlp",
        {"epochs": 40, "batch_size": 64, "mask_every": 20},
        _both(
            _bregman(lam_linear=0.4, density=0.05, learning_rate=0.3), {"adabreg": {"lam_linear": 1.5, "learning_rate": 0.01}},
            {"ml-linbreg": {"lam_linear": 0.04, "learning_rate": 0.2, "coarse_steps": 9}}, {"proxsgd": {"lam_linear": 7e-3}},
            {"lasso": {"lam_linear": 4e-3, "threshold": 2e-2}}, _masked(0.9),
            {name: {"momentum": 0.9} for name in ("sgd", *MASKED)},
        ),
    ),
    "mnist-mlp": Study(
        "MNIST, MLP 784-200-80-10 (bungert2021 sections 4.2, 4.3)",
        "mnist", "mnist-mlp",
        {},
        _both(_bregman(lam_linear=0.1, rescale=7.0), _masked(0.9)),
    ),
    "fashion-cnn": Study(
        "Fashion-MNIST, CNN, ℓ1 (bungert2021 Table 1)",
        "fashion-mnist", "fashion-cnn",
        {},
        _both(
            _bregman(lam_linear=0.1, lam_conv=0.1, learning_rate=0.07, rescale=10.0), _targets(0.981, 0.973, 0.977, 0.953),
            {"adabreg": {"learning_rate": 1e-3}}, {"proxsgd": {"target_sparsity": 0.952}},
        ),
    ),
    "fashion-cnn-group": Study(
        "Fashion-MNIST, CNN, kernels ℓ1,2 and linear ℓ1 (bungert2021 Table 2, Figure 1)",
        "fashion-mnist", "fashion-cnn",
        {"conv": "kernels"},
        _both(
            _bregman(lam_linear=0.5, lam_conv=0.5, learning_rate=0.07, rescale=10.0), {"adabreg": {"learning_rate": 1e-3}},
            _masked(0.93),
        ),
    ),
    "cifar-resnet18": Study(
        "CIFAR-10, ResNet18, ℓ1 (bungert2021 Table 3, lunk2026)", "cifar-10", "resnet18", _CIFAR, _CIFAR_METHODS
    ),
    "cifar-resnet18-narrow": Study(
        "CIFAR-10, ResNet18 of a quarter of the channels, ℓ1: what a CPU trains in minutes",
        "cifar-10", "resnet18-16", {**_CIFAR, "epochs": 10}, _CIFAR_METHODS,
    ),
    "cifar-resnet18-group": Study(
        "CIFAR-10, ResNet18, kernels ℓ1,2 (bungert2021's notebooks)",
        "cifar-10", "resnet18",
        {"conv": "kernels", "linear": "none", "epochs": 100},
        _both(
            _bregman(lam_conv=0.1, rescale=5.0), {"adabreg": {"learning_rate": 1e-3}}, _masked(0.95),
            {name: {"momentum": 0.9} for name in _SGD_LIKE},
        ),
    ),
    "cifar-vgg16": Study("CIFAR-10, VGG16, ℓ1 (lunk2026)", "cifar-10", "vgg16", _CIFAR, _CIFAR_METHODS),
    "cifar-wrn": Study("CIFAR-10, WRN-28-10, ℓ1 (lunk2026)", "cifar-10", "wrn-28-10", _CIFAR, _CIFAR_METHODS),
    "autoencoder": Study(
        "MNIST, denoising autoencoder 7 × 784, rows ℓ1,2 (bungert2021 section 4.6)",
        "mnist", "autoencoder",
        {"objective": "denoising", "noise": 0.5, "linear": "rows", "label_smoothing": 0.0},
        _both(_bregman(lam_linear=0.07, rescale=5.0), {"adabreg": {"learning_rate": 1e-3}}, _masked(0.9)),
    ),
}  # fmt: skip


def configure(
    study: str, method: str = "linbreg", recipe: str = "paper", given: Settings = MappingProxyType({})
) -> Configuration:
    """The configuration of a study; ``given`` has the last word. Raises a `ConfigurationError`.

    A λ that is given takes the place of the target that a method of the Bregman kind has in the study.
    """
    if study not in STUDIES:
        raise ConfigurationError(f"study must be one of {', '.join(STUDIES)}, got {study!r}")
    if method not in METHODS:
        raise ConfigurationError(f"method must be one of {', '.join(METHODS)}, got {method!r}")
    found = STUDIES[study]
    settings: dict[str, Any] = {**_METHOD.get(method, {}), **found.settings, **found.methods.get(method, {})}
    if recipe == "strong":
        settings |= {**_STRONG, **(_STRONG_SGD if method in _SGD_LIKE else {})}
        if settings.get("objective") == "denoising":
            settings["label_smoothing"] = 0.0
    if method in WITH_LAM and "target_sparsity" not in given and any(name.startswith("lam_") for name in given):
        settings.pop("target_sparsity", None)
    return Configuration(
        **{
            "study": study,
            "method": method,
            "recipe": recipe,
            "data": found.data,
            "network": found.network,
            **settings,
            **given,
        }
    )
