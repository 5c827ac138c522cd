"""One case of a rate study: the measured curve, the theorem's rate (dashed), and the fitted law with its interval."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from .figure_style import Drawing, canvas, colour, plain_axes, save
from .rates import law
from .wording import number, power

_ROLES = ("blue", "green", "purple", "ochre")
#: Values this far below the largest are rounding.
_FLOOR = 1e-13


def draw(case: dict[str, Any], folder: Path, path: str) -> Drawing:
    """The figure of one case; logarithmic in k except for linear laws and for several step sizes."""
    fit, curves = case["fit"], case["curves"]
    loglog = len(curves) == 1 and (fit is None or fit["law"] != "linear")
    with canvas(3.4, 2.8) as figure:
        ax = figure.subplots()
        figure.subplots_adjust(left=0.145, right=0.94, top=0.8, bottom=0.165)
        plain_axes(ax)
        shown: list[float] = []
        last = 1
        for curve, role in zip(curves, _ROLES, strict=False):
            steps, values = _points(curve)
            finite = np.isfinite(values)
            if not finite.any():
                continue
            last = max(last, int(steps[finite][-1]))
            shown += values[finite].tolist()
            ax.plot(steps, values, color=colour(role), linewidth=1.7, zorder=3)
            if curve["half_widths"]:
                half = np.asarray(curve["half_widths"], dtype=float)
                ax.fill_between(steps, np.maximum(values - half, 0.02 * values), values + half,
                                color=colour(role), alpha=0.25, linewidth=0, zorder=2)  # fmt: skip
            if case["prediction"] is not None:
                predicted = _predicted(case, curve)
                shown += predicted[(predicted > 0) & np.isfinite(predicted) & (steps <= last)].tolist()
                dashes = (0, (4, 2)) if case["prediction"]["covered"] else (0, (1, 1.6))
                tint = colour(role if len(curves) > 1 else "ink")
                ax.plot(steps, predicted, color=tint, linestyle=dashes, linewidth=1.2)
            if len(curves) > 1:
                ax.annotate(curve["label"], (steps[finite][-1], values[finite][-1]), xytext=(-2, 2), ha="right", va="bottom",
                            textcoords="offset points", fontsize=8, color=colour(role))  # fmt: skip
        low, high = (min(shown) / 2, 3 * max(shown)) if shown else (0.1, 1.0)
        low = max(low, _FLOOR * high) if len(curves) == 1 else low / 3
        if len(curves) == 1 and fit is not None and fit["law"] != "plateau":
            k, trend = _trend(fit, curves[0])
            ax.plot(k, trend * (high / low) ** 0.05, color=colour("vermilion"), linewidth=1.3, zorder=4)
        _axes(ax, low, high, last, loglog)
        ax.set_xlabel(case["counted"], fontsize=8.5, labelpad=1)
        figure.text(0.02, 0.98, case["solver"], fontsize=9, va="top", color=colour("ink"))
        figure.text(0.985, 0.98, case["quantity"], fontsize=8.5, va="top", ha="right", color=colour("muted"))
        figure.text(0.02, 0.89, measured(case), fontsize=8.5, va="top", color=colour("vermilion"))
        if case["prediction"] is not None and case["prediction"]["value"] is not None and case["prediction"]["covered"]:
            figure.text(
                0.985, 0.89, _theorem(case["prediction"]), fontsize=8.5, va="top", ha="right", color=colour("ink")
            )
        return save(figure, folder, path, words(case))


def words(case: dict[str, Any]) -> str:
    """What the figure shows, for those who do not see it."""
    text = f"{case['solver']}, {case['settings']}: {case['quantity']}. Measured: {measured(case)}."
    if case["prediction"] is not None and case["prediction"]["value"] is not None:
        text += f" Predicted: {law(case['prediction'])}."
    return f"{text} Verdict: {case['verdict']}."


def measured(case: dict[str, Any]) -> str:
    """The fitted law with the half-width of its interval."""
    fit = case["fit"]
    if fit is None:
        return "no law fitted" if case["error"] is None else "stopped"
    if fit["law"] == "plateau" and len(case["curves"]) == 1:
        return f"at rest at {number(case['curves'][0]['level'])}"
    half = (fit["high"] - fit["low"]) / 2
    digits = min(4, max(1, -math.floor(math.log10(half)))) if half > 0 else 4
    error = f"± {max(half, 1e-4):.{digits}f}"  # an exact curve may leave less; nothing finer is meant
    value = f"{fit['value']:.{digits}f}".replace("-", "−")
    if fit["law"] == "linear":
        return f"({value} {error})ᵏ"
    if fit["law"] == "stretched":
        return f"exp(−c k^{fit['stretch']:g}), c = {value} {error}"
    return f"k⁻ᵖ, p = {value} {error}" if fit["law"] == "power" else f"level ∝ τᵉ, e = {value} {error}"


def _theorem(prediction: dict[str, Any]) -> str:
    value = number(prediction["value"])
    if prediction["law"] == "linear":
        return f"predicted {value}ᵏ"
    return f"predicted {'p' if prediction['law'] == 'power' else 'e'} = {value}"


def _points(curve: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """k and yₖ, not a number from where rounding is reached."""
    values = np.asarray(curve["values"], dtype=float)
    top = np.max(values, initial=0.0, where=np.isfinite(values))
    return np.asarray(curve["steps"]), np.where(np.isfinite(values) & (values > _FLOOR * top), values, np.nan)


def _predicted(case: dict[str, Any], curve: dict[str, Any]) -> np.ndarray:
    """The bound; where the theorem gives no constant, its law started on the curve at the first step of the fit."""
    steps = np.asarray(curve["steps"], dtype=float)
    if curve["bound"]:
        bound = np.asarray(curve["bound"], dtype=float)
        return np.where(np.isfinite(bound), bound, np.nan)
    fit, prediction, (_, values) = case["fit"], case["prediction"], _points(curve)
    nothing = np.full(len(steps), np.nan)
    if fit is None or not prediction["covered"] or prediction["law"] == "plateau":
        return nothing
    at = int(np.searchsorted(steps, fit["first"]))
    if prediction["law"] == "power":
        law_of_k = -prediction["value"] * np.log(np.maximum(steps, 1))
    elif prediction["law"] == "linear":
        law_of_k = steps * math.log(prediction["value"])
    else:  # c is not known: through an earlier point, too
        early, power_of_k = int(np.searchsorted(steps, fit["first"] / 8)), steps**0.5
        law_of_k = power_of_k * math.log(values[at] / values[early]) / (power_of_k[at] - power_of_k[early])
    line: np.ndarray = values[at] * np.exp(law_of_k - law_of_k[at])
    return np.where((steps >= steps[at]) & (line > np.nanmin(values) / 30), line, np.nan)


def _trend(fit: dict[str, Any], curve: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """The fitted law over its window."""
    steps, values = _points(curve)
    inside = (steps >= fit["first"]) & (steps <= fit["last"]) & np.isfinite(values)
    k = steps[inside].astype(float)
    if fit["law"] == "linear":
        trend = k * math.log(fit["value"])
    elif fit["law"] == "power":
        trend = -fit["value"] * np.log(k)
    else:
        trend = -fit["value"] * k ** fit["stretch"]
    return k, np.exp(trend + np.mean(np.log(values[inside]) - trend))


def _axes(ax: Any, low: float, high: float, last: int, loglog: bool) -> None:
    ax.set_yscale("log")
    ax.set_ylim(low, high)
    _decades(ax.yaxis, low, high)
    if loglog:
        ax.set_xscale("log")
        _decades(ax.xaxis, 1, last)
    else:
        ax.xaxis.get_major_locator().set_params(nbins=5, integer=True)
    ax.set_xlim(1 if loglog else 0, max(last, 2))


def _decades(axis: Any, low: float, high: float) -> None:
    first, last = math.ceil(math.log10(low)), math.floor(math.log10(high))
    stride = max(1, math.ceil((last - first) / 5))
    exponents = range(first, last + 1, stride)
    axis.set_ticks([10.0**k for k in exponents], ["1" if k == 0 else "10" if k == 1 else power(k) for k in exponents])
    axis.set_ticks([], minor=True)
