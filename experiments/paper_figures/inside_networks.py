"""What a network looks like: feature maps while kernels grow, active neurons of an autoencoder, denoised digits.

They come from the pictures of a run (`training.pictures`), which `mlbreg store` keeps with --pictures.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from ..figure_style import COLUMN, PAGE, canvas, plain_axes, save
from ..results.stored_run import StoredRun
from ..training.configuration import METHODS
from .many_lines import legend_above, method_style
from .selection import NoRunsError, deviation

_MAPS = 16
_EPOCHS = 4
#: Of the room of a layer, by the bars of all methods.
_TAKEN = 0.8
#: Methods whose bars fit a column.
_FEW = 6

Image = NDArray[np.float64]


def feature_maps(runs: Sequence[StoredRun], study: str, path: Path) -> tuple[Path, ...]:
    """A validation image after the first convolution, by epochs: a kernel that is zero has an empty map."""
    run = _with_picture(runs, study, "kernels")
    image = _array(next(row for row in run.pictures if row["kind"] == "input")["values"])[0]
    rows = [row for row in run.pictures if row["kind"] == "kernels"]
    chosen = [rows[i] for i in sorted({round(k * (len(rows) - 1) / (_EPOCHS - 1)) for k in range(_EPOCHS)})]
    last = _array(rows[-1]["values"])
    # The strongest kernels of the end, in an order that stays: one sees them come.
    order = np.argsort(-np.abs(last).sum(axis=(1, 2, 3)), kind="stable")[:_MAPS]
    maps = [np.maximum(0, _maps(image, _array(row["values"]), _array(row["bias"])))[order] for row in chosen]
    high = max(float(one.max()) for one in maps) or 1.0
    columns = 4
    with canvas(PAGE, 2.3) as figure:
        panels = figure.subplots(1, len(chosen) + 1)
        _picture(panels[0], image[0], float(image.min()), float(image.max()))
        panels[0].set_title("input")
        for axes, row, one in zip(panels[1:], chosen, maps, strict=True):
            kernels = np.abs(_array(row["values"])).sum(axis=(1, 2, 3)) > 0
            _picture(axes, _tiled(one, columns, high), 0, high)
            axes.set_title(f"epoch {row['epoch']}: {int(kernels.sum())} of {len(kernels)} filters")
        return save(figure, path)


def active_neurons(runs: Sequence[StoredRun], study: str, path: Path) -> tuple[Path, ...]:
    """The share of the neurons of each layer that have a weight, at the end; bars are ± one standard deviation over seeds."""
    found = [run for run in runs if run.configuration.study == study and "active" in run.result]
    methods = [method for method in METHODS if method in {run.configuration.method for run in found}]
    if not found:
        raise NoRunsError(f"no stored run of {study} says how many neurons are active")
    width = _TAKEN / len(methods)
    few = len(methods) <= _FEW
    with canvas(COLUMN if few else PAGE, 2.5) as figure:
        axes = figure.subplots()
        plain_axes(axes)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        for number, method in enumerate(methods):
            own = [run.result["active"].values() for run in found if run.configuration.method == method]
            shares = np.array([[100 * x for x in layers] for layers in own])
            style = method_style(method)
            x = np.arange(1, shares.shape[1] + 1) + (number - (len(methods) - 1) / 2) * width
            axes.bar(
                x, shares.mean(0), width, yerr=deviation(shares) if len(shares) > 1 else None, capsize=2, label=style["label"],
                color=style["markerfacecolor"], edgecolor=style["color"], error_kw={"elinewidth": 0.7},
            )  # fmt: skip
        axes.set_xlabel("layer")
        axes.set_ylabel("active neurons (%)")
        legend_above(figure, 3 if few else 6)
        return save(figure, path)


def denoised(runs: Sequence[StoredRun], study: str, path: Path) -> tuple[Path, ...]:
    """Three rows: images, with noise, denoised."""
    run = _with_picture(runs, study, "denoised")
    found = _array(next(row for row in run.pictures if row["kind"] == "denoised")["values"])
    low, high = float(found[0].min()), float(found[0].max())
    with canvas(PAGE, 3.0) as figure:
        titles = ("image", "with noise", f"denoised; on all test images {run.result['test_psnr']:.1f} dB")
        for axes, images, title in zip(figure.subplots(3, 1), found, titles, strict=True):
            _picture(axes, np.concatenate(list(images), axis=1), low, high)
            axes.set_title(title)
        return save(figure, path)


def _with_picture(runs: Sequence[StoredRun], study: str, kind: str) -> StoredRun:
    """The longest such run; of several, that of a Bregman method and the least seed."""
    found = [
        run for run in runs if run.configuration.study == study and any(row["kind"] == kind for row in run.pictures)
    ]
    if not found:
        raise NoRunsError(f"no stored run of {study} has pictures: mlbreg store --pictures keeps them")
    return min(found, key=lambda run: (-run.configuration.epochs, "breg" not in run.configuration.method, run.name))


def _array(packed: dict[str, Any]) -> Image:
    whole = np.frombuffer(base64.b64decode(packed["base64"]), dtype=np.uint8).astype(np.float64)
    values = packed["low"] + packed["scale"] * whole
    # The integer that stands for 0 gives it up to rounding only.
    values[np.abs(values) < packed["scale"] / 4] = 0
    found: Image = values.reshape(packed["shape"])
    return found


def _maps(image: Image, kernels: Image, bias: Image) -> Image:
    """The correlation of an image (in, h, w) with kernels (out, in, k, k), without padding, plus the bias."""
    windows = sliding_window_view(image, kernels.shape[2:], axis=(1, 2))
    found: Image = np.einsum("chwkl,ockl->ohw", windows, kernels) + bias[:, None, None]
    # A filter without a kernel has its bias everywhere: that is no map.
    found[~kernels.any(axis=(1, 2, 3))] = 0
    return found


def _tiled(maps: Image, columns: int, between: float) -> Image:
    padded = [np.pad(one, 1, constant_values=between) for one in maps]
    padded += [np.full_like(padded[0], between)] * (-len(padded) % columns)
    rows = [np.concatenate(padded[i : i + columns], axis=1) for i in range(0, len(padded), columns)]
    return np.concatenate(rows, axis=0)


def _picture(axes: Axes, values: Image, low: float, high: float) -> None:
    axes.imshow(values, cmap="gray", vmin=low, vmax=high, interpolation="nearest")
    axes.set_axis_off()
