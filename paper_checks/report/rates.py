"""The rate studies as report.json has them; ``figure`` is added to each case when it is drawn."""

from __future__ import annotations

from functools import cache
from typing import Any

from .. import rates
from .wording import number

#: What a verdict means, in the order in which the page explains them.
MEANING = {
    "as predicted": "the measured rate and the theorem's agree within the interval, or within 2 %",
    "faster": "the bound holds, and what was measured decays faster",
    "slower": "the theorem's rate is not attained",
    "not covered": "an assumption of the theorem is void here; its rate is shown for comparison only",
    "no prediction": "no theorem gives a rate",
    "not determined": "the interval is too wide to tell",
}


@cache
def studies() -> list[dict[str, Any]]:
    """Every study with its cases; the same in every run."""
    return [study.to_json([rates.evaluate(case) for case in study.cases]) for study in rates.studies()]


def law(found: dict[str, Any] | None) -> str:
    """A fit or a prediction in words: 0.81ᵏ, k^−1.02, a plateau."""
    if found is None:
        return "–"
    value = found["value"]
    if found["law"] == "linear":
        return "linear" if value is None else f"{number(value)}ᵏ"
    if found["law"] == "power":
        return "a power of k" if value is None else f"k^{number(-value)}"
    if found["law"] == "stretched":
        return "exp(−c k^s)" if value is None else f"exp(−{number(value)} k^{number(found['stretch'])})"
    return f"level ∝ step size^{number(value)}" if value else "a plateau"


def interval(found: dict[str, Any]) -> str:
    """0.79 … 0.83 for q, 0.98 … 1.06 for p; nothing for a single plateau, which has no rate."""
    return "" if found["low"] == found["high"] == 0 else f"{_exponent(found['low'])} … {_exponent(found['high'])}"


def _exponent(value: float) -> str:
    return f"{value:.4g}".replace("-", "−")
