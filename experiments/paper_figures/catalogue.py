"""The figures by name: a record each. Adding a figure is adding one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import final

from ..results.stored_run import StoredRun
from . import against_sparsity, inside_networks, lam_and_m, training_curves

Draw = Callable[[Sequence[StoredRun], str, Path], tuple[Path, ...]]


@final
@dataclass(frozen=True)
class FigureRecord:
    """``study``: whose runs it shows unless another is asked for; ``plan``: the sweep that makes them."""

    title: str
    source: str
    study: str
    plan: str
    draw: Draw


FIGURES: dict[str, FigureRecord] = {
    "bungert2021/figure-1": FigureRecord(
        "feature maps of growing kernels", "bungert2021, Figure 1", "fashion-cnn-group", "bungert2021-table-2",
        inside_networks.feature_maps,
    ),
    "bungert2021/figure-2": FigureRecord(
        "accuracy, ℓ1 norm and support of LinBreg by λ", "bungert2021, section 4.2", "mnist-mlp", "mnist-lambda",
        training_curves.by_lam,
    ),
    "bungert2021/figure-3": FigureRecord(
        "accuracy, ℓ1 norm and support by optimizer", "bungert2021, section 4.3", "mnist-mlp", "mnist-mlp",
        training_curves.by_method,
    ),
    "bungert2021/figure-4": FigureRecord(
        "active neurons of the autoencoder", "bungert2021, section 4.6", "autoencoder", "autoencoder",
        inside_networks.active_neurons,
    ),
    "bungert2021/figure-5": FigureRecord(
        "denoised digits", "bungert2021, section 4.6", "autoencoder", "autoencoder", inside_networks.denoised
    ),
    "lunk2026/figure-1": FigureRecord(
        "accuracy against sparsity, all methods", "lunk2026, Figure 1", "cifar-resnet18", "cifar-sparsity",
        against_sparsity.draw,
    ),
    "lunk2026/figure-3": FigureRecord(
        "accuracy against sparsity, another network", "lunk2026, Figure 3", "cifar-vgg16", "cifar-sparsity --set study=cifar-vgg16",
        against_sparsity.draw,
    ),
    "lunk2026/figure-4": FigureRecord(
        "λ of ML LinBreg", "lunk2026, Figure 4", "digits", "digits-lambda-m", lam_and_m.lam_ablation
    ),
    "lunk2026/figure-5": FigureRecord(
        "training curves", "lunk2026, Figure 5", "cifar-resnet18", "lunk2026-cifar-resnet18",
        training_curves.against_epochs_and_flops,
    ),
    "lunk2026/figure-7": FigureRecord(
        "m of ML LinBreg", "lunk2026, Figure 7", "digits", "digits-lambda-m", lam_and_m.m_ablation
    ),
    "lambda-m-map": FigureRecord(
        "map of (λ, m)", "ours", "digits", "digits-lambda-m", lam_and_m.lam_m_map
    ),
}  # fmt: skip
