"""Numbers and evidence as short text, for the page and the figures."""

from __future__ import annotations

import math
from typing import Any

_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")

#: A symbol beside each verdict, so that colour is never the only mark.
SYMBOL = {
    "proved": "✓",
    "certified": "◆",
    "supported": "●",
    "refuted": "✗",
    "assumption void": "∅",
    "undecided": "?",
    "not run": "–",
}

#: The order in which verdicts are shown: what needs attention first.
ORDER = ("refuted", "assumption void", "undecided", "supported", "certified", "proved")


def number(value: Any) -> str:
    """0.0312, −3.1·10⁻⁷, ∞, "not a number"; a dash for None."""
    if value is None:
        return "–"
    value = float(value)
    if math.isnan(value):
        return "not a number"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if value == 0:
        return "0"
    if 1e-3 <= abs(value) < 1e5:
        return f"{value:.4g}".replace("-", "−")
    mantissa, exponent = f"{value:.2e}".split("e")
    mantissa = mantissa.rstrip("0").rstrip(".").replace("-", "−")
    return f"{mantissa}·10{str(int(exponent)).translate(_SUPERSCRIPTS)}"


def power(exponent: int) -> str:
    """10⁻⁴."""
    return f"10{str(exponent).translate(_SUPERSCRIPTS)}"


def count(value: int) -> str:
    """1 234 567 with narrow no-break spaces."""
    return f"{value:,}".replace(",", "\u202f")


def duration(seconds: float) -> str:
    """0.42 s, 12 s, 2 min 5 s."""
    if seconds < 10:
        return f"{seconds:.2g} s"
    whole = round(seconds)
    return f"{whole} s" if whole < 60 else f"{whole // 60} min {whole % 60} s"


def plural(value: int, one: str, many: str = "") -> str:
    """1 instance, 2 instances."""
    return f"{count(value)} {one if value == 1 else many or one + 's'}"


def in_units(share: Any, unit: str = "1/𝖫") -> str:
    """A step size in a unit: 2/𝖫, 1.5·μ/(ℓ²δ)."""
    return f"{float(share):.4g}{unit.removeprefix('1') if unit.startswith('1/') else '·' + unit}".replace("-", "−")


#: A measured critical value within this factor of the stated limit counts as the same: a search on samples is no proof.
SHARP_WITHIN = 0.02


def tightness_line(tightness: dict[str, Any]) -> str:
    """What was found about a step-size limit, in one sentence."""
    share, critical, unit = float(tightness["paper_limit"]), tightness["critical"], tightness["unit"]
    paper, certified = in_units(share, unit), tightness["certified"]
    proved = "" if certified is None else f"; certified up to {in_units(certified, unit)}"
    if critical is None:
        tried = in_units(tightness["searched_up_to"], unit)
        return f"no step size up to {tried} was found to fail; the statement asks for {paper}{proved}"
    measured = in_units(critical, unit)
    if float(critical) < share * (1 - SHARP_WITHIN):
        return f"fails from {measured} on, below the stated limit {paper}{proved}"
    if float(critical) <= share * (1 + SHARP_WITHIN):
        return f"the stated limit {paper} is sharp: the first failure found is at {measured}{proved}"
    return f"holds beyond the stated limit {paper}: the first failure found is at {measured}{proved}"


def measured_line(found: dict[str, Any]) -> str:
    """10.28 ± 0.32"""
    spread = "" if found["deviation"] is None else f" ± {found['deviation']:.2f}"
    return f"{found['mean']:.2f}{spread}"


def sentence(text: str) -> str:
    """With a capital letter in front and a full stop at the end."""
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith('.') else '.'}"


def hypothesis_word(needed: bool | None) -> str:
    """needed, not found to be needed, cannot be dropped."""
    return {True: "needed", False: "not found to be needed", None: "cannot be dropped"}[needed]


def shortened(words: str, limit: int = 180) -> str:
    """At most ``limit`` characters: a floating-point instance can be a page long, and its values are given in full."""
    return words if len(words) <= limit else words[:limit].rsplit(" ", 1)[0] + " …"


def counterexample_line(found: dict[str, Any]) -> str:
    """d = 1, L = ½θ², J = 0, δ = 1, θ = 1, τ = 5/2: margin −5/8 (exact)"""
    kind = "exact" if found["exact"] else "floating point"
    where = f" in {found['conclusion']}" if found["conclusion"] else ""
    return f"{shortened(found['words'])}: margin {found['margin']} ({kind}){where}"
