"""Fitted laws with their uncertainty, and the verdict beside a prediction.

A law is fitted by least squares on log yₖ over the last two octaves K/4 ≤ k ≤ K, where K is the last step before yₖ reaches
rounding (10⁻¹² y₀) and yₖ is the mean over the replicates. Of the laws of `record` the one with the least squared residual is
taken. Its rate is given with the larger of two half-widths:

statistical    Student's 95 % interval by the jackknife over (groups of) the replicates
systematic     the difference between the rates fitted over the first and over the second octave: what is left of a transient
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import stdtrit

from .record import LAWS, Curve, Prediction

_FLOOR = 1e-12
_GROUPS = 16
#: Rates within this share of one another count as the same: asymptotic laws on finitely many steps.
_SAME = 0.02
#: A curve that changes by less than this over its last two octaves (in log y) has come to rest.
_AT_REST = 0.02


@dataclass(frozen=True)
class Fit:
    """A law with its rate: q = e^(−rate) for "linear", c for "stretched", p for "power", e for "plateau"."""

    law: str
    rate: float
    half_width: float
    first: int
    last: int
    how: str

    def to_json(self) -> dict[str, Any]:
        """With ``value``, ``low`` and ``high`` as `record` defines them for each law."""
        low, high = self.rate - self.half_width, self.rate + self.half_width
        values = (self.rate, low, high)
        if self.law == "linear":
            values = (math.exp(-self.rate), math.exp(-high), math.exp(-low))
        value, low, high = values
        return {
            "law": self.law,
            "value": value,
            "low": low,
            "high": high,
            "first": self.first,
            "last": self.last,
            "how": self.how,
        }


def fit(curve: Curve, stretch: float | None = None) -> Fit | None:
    """The law of a curve; None when it reaches rounding too early to tell, or is not finite and positive."""
    values = np.asarray(curve.values, dtype=float)
    mean = values.mean(axis=1)
    if not np.isfinite(mean).all():
        return None
    small = np.flatnonzero(mean <= _FLOOR * mean[0])
    last = int(small[0]) - 1 if len(small) else len(mean) - 1
    first = max(1, last // 4)
    if last < 16:
        return None
    steps = np.unique(np.geomspace(first, last, 64).round().astype(int))
    powers = {"power": 0.0, "linear": 1.0} | ({} if stretch is None else {"stretched": stretch})
    logs = np.log(mean[steps])
    law = min(powers, key=lambda name: _line(_abscissa(steps, powers[name]), logs)[1])
    if np.ptp(logs) < _AT_REST:
        return Fit("plateau", 0.0, 0.0, first, last, "at rest over the last two octaves")
    abscissa = _abscissa(steps, powers[law])

    def rate(part: np.ndarray, replicates: np.ndarray) -> float:
        return -_line(abscissa[part], np.log(values[steps[part]][:, replicates].mean(axis=1)))[0]

    everywhere, everyone = np.ones(len(steps), dtype=bool), np.ones(values.shape[1], dtype=bool)
    early = steps <= last // 2
    drift = abs(rate(early, everyone) - rate(~early, everyone))
    groups = _groups(values.shape[1])
    error = jackknife(np.asarray([rate(everywhere, ~group) for group in groups]))
    how = _how(curve.noisy, values.shape[1], error, drift)
    return Fit(law, rate(everywhere, everyone), max(error, drift), first, last, how)


def fit_levels(curves: list[Curve]) -> Fit:
    """e in level ∝ (step size)ᵉ over the curves of a case; the levels are means over the last quarter of each run."""
    sizes = np.log([curve.step_size for curve in curves])
    levels = np.stack([curve.values[-(len(curve.values) // 4) :].mean(axis=0) for curve in curves])

    def exponent(replicates: np.ndarray) -> float:
        return _line(sizes, np.log(levels[:, replicates].mean(axis=1)))[0]

    everyone = np.ones(levels.shape[1], dtype=bool)
    slopes = np.diff(np.log(levels.mean(axis=1))) / np.diff(sizes)
    error = jackknife(np.asarray([exponent(~group) for group in _groups(levels.shape[1])]))
    drift = float(np.ptp(slopes)) if len(slopes) > 1 else 0.0
    last = len(curves[0].values) - 1
    where = "between the step sizes" if drift >= error else ""
    how = _how(curves[0].noisy, levels.shape[1], error, drift, where)
    return Fit("plateau", exponent(everyone), max(error, drift), last - last // 4, last, how)


def level(curve: Curve) -> float:
    """The mean over the replicates and the last quarter of the run."""
    return float(curve.values[-(len(curve.values) // 4) :].mean())


def jackknife(estimates: np.ndarray) -> float:
    """Half-width of Student's 95 % interval from leave-one-group-out estimates; 0 for fewer than two."""
    count = len(estimates)
    if count < 2:
        return 0.0
    error = math.sqrt((count - 1) / count * float(((estimates - estimates.mean()) ** 2).sum()))
    return float(stdtrit(count - 1, 0.975)) * error


def mean_interval(values: np.ndarray) -> np.ndarray:
    """Half-width of Student's 95 % interval for the mean over the replicates at each step, shape (K + 1, R) → (K + 1,)."""
    count = values.shape[1]
    half: np.ndarray = float(stdtrit(count - 1, 0.975)) * values.std(axis=1, ddof=1) / math.sqrt(count)
    return half


def verdict(prediction: Prediction | None, found: Fit | None, worst: float | None) -> str:
    """One of `record.VERDICTS`; ``worst``: the largest yₖ by its bound, None where there is no bound."""
    if prediction is None:
        return "no prediction"
    if not prediction.covered:
        return "not covered"
    if worst is not None and not worst <= 1 + 1e-9:
        return "slower"
    if found is None or (found.law != "plateau" and found.half_width > found.rate / 2):
        return "not determined"
    if found.law != prediction.law:
        return "faster" if LAWS.index(found.law) > LAWS.index(prediction.law) else "slower"
    if prediction.value is None:  # the theorem says that there is a positive constant, and not which
        return "as predicted" if found.rate - found.half_width > 0 else "slower"
    wanted = -math.log(prediction.value) if prediction.law == "linear" else prediction.value
    if abs(found.rate - wanted) <= max(found.half_width, _SAME * wanted):
        return "as predicted"
    return "faster" if found.rate > wanted else "slower"


def _abscissa(steps: np.ndarray, power: float) -> np.ndarray:
    return np.log(steps) if power == 0 else steps.astype(float) ** power


def _line(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Slope and squared residual of the least-squares line."""
    x, y = x - x.mean(), y - y.mean()
    slope = float(x @ y) / float(x @ x)
    return slope, float(((y - slope * x) ** 2).sum())


def _groups(count: int) -> list[np.ndarray]:
    """Masks of at most `_GROUPS` groups of the replicates; none when there is one replicate."""
    number = min(_GROUPS, count)
    return [] if number < 2 else [np.arange(count) % number == i for i in range(number)]


def _how(noisy: bool, count: int, error: float, drift: float, where: str = "between the last two octaves of k") -> str:
    if drift >= error:
        return f"± the change {where or 'between the step sizes'}"
    what = "random runs" if noisy else "starts"
    return f"± 95 % (jackknife, Student) over {count} {what}"
