"""A condition on means over seeds, as the rule says it: ``linbreg.test_accuracy >= sgd.test_accuracy - 0.5``.

Each side is a sum of terms: a number, ``runs.metric``, or ``number * runs.metric``; words are separated by spaces. The margin
of the condition, ≥ 0 iff it holds, is linear in the metrics, so it has a standard error: the terms of the same runs are added up
seed by seed, and different runs are independent,

    margin = c + Σ_r mean_s x_{r,s},    se² = Σ_r var_s(x_{r,s})/n_r,    df = se⁴ / Σ_r (var_s(x_{r,s})/n_r)²/(n_r − 1)    (Welch)

symbol  | meaning
--------|---------------------------------------------------------------------
x_{r,s} | what the runs r contribute with seed s: Σ coefficient · metric
n_r     | seeds of the runs r; with one seed they contribute nothing to se

supported: margin ≥ t·se; refuted: margin < 0 and margin ≤ −t·se; undecided: between them. t is Student's one-sided 95 %
quantile.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import final

from scipy.special import stdtrit

from . import metrics
from .outcomes import Outcome

#: One-sided: the claim that a mean lies on one side is wrong at most one time in twenty.
LEVEL = 0.95


@final
@dataclass(frozen=True)
class Term:
    """``coefficient * runs.metric``, or a number where ``runs`` is empty."""

    coefficient: float
    runs: str = ""
    metric: str = ""


@final
@dataclass(frozen=True)
class Condition:
    """``text`` as it was written; ``left`` and ``right`` sums of terms; ``at_least``: left ≥ right, else left ≤ right."""

    text: str
    left: tuple[Term, ...]
    right: tuple[Term, ...]
    at_least: bool

    @property
    def margin(self) -> tuple[Term, ...]:
        """The terms of the side that has to be larger, minus the others."""
        larger, smaller = (self.left, self.right) if self.at_least else (self.right, self.left)
        return (*larger, *(Term(-term.coefficient, term.runs, term.metric) for term in smaller))

    def words(self, labels: Mapping[str, str]) -> str:
        """The rule in words; ``labels`` are those of the runs."""
        return f"{_sum(self.left, labels)} {'≥' if self.at_least else '≤'} {_sum(self.right, labels)}"


@final
@dataclass(frozen=True)
class Judgement:
    """``error``: the standard error of the margin, None when every side has one seed; ``needed``: t·se."""

    margin: float
    error: float | None
    needed: float
    outcome: Outcome


def parse(text: str) -> Condition:
    """The condition of a text. Raises a `ValueError` that says what is wrong with it."""
    words = text.split()
    signs = [word for word in words if word in (">=", "<=")]
    if len(signs) != 1:
        raise ValueError(f"a condition must have one of >= and <=, got {text!r}")
    place = words.index(signs[0])
    return Condition(text, _terms(words[:place], text), _terms(words[place + 1 :], text), signs[0] == ">=")


def judge_condition(condition: Condition, values: Mapping[tuple[str, str], Sequence[float]]) -> Judgement:
    """What the values say; ``values`` has those of each (runs, metric) seed by seed, in the same order for the same runs."""
    constant = sum(term.coefficient for term in condition.margin if not term.runs)
    by_runs: dict[str, list[float]] = {}
    for term in condition.margin:
        if term.runs:
            own = [term.coefficient * value for value in values[term.runs, term.metric]]
            sofar = by_runs.get(term.runs, [0.0] * len(own))
            by_runs[term.runs] = [a + b for a, b in zip(sofar, own, strict=True)]
    # Sums of decimal fractions: equality in percent, as a reader computes it, must not fail by rounding.
    margin = round(constant + sum(map(statistics.fmean, by_runs.values())), 9)
    spreads = [(statistics.variance(own) / len(own), len(own) - 1) for own in by_runs.values() if len(own) > 1]
    total = sum(spread for spread, _ in spreads)
    freedom = total**2 / sum(spread**2 / n for spread, n in spreads) if total > 0 else math.inf
    needed = float(stdtrit(freedom, LEVEL)) * math.sqrt(total) if total > 0 else 0.0
    outcome = Outcome.UNDECIDED
    if margin >= needed:
        outcome = Outcome.SUPPORTED
    elif margin <= -needed:
        outcome = Outcome.REFUTED
    return Judgement(margin, math.sqrt(total) if spreads else None, needed, outcome)


def parse_quantity(text: str) -> Term:
    """``runs.metric``. Raises a `ValueError` for another form or an unknown metric."""
    runs, dot, metric = text.partition(".")
    if not dot or not runs:
        raise ValueError(f"a term must be a number or read runs.metric, got {text!r}")
    metrics.words(metric)
    return Term(1.0, runs, metric)


def _terms(words: list[str], text: str) -> tuple[Term, ...]:
    terms: list[Term] = []
    sign, factor, expected = 1.0, 1.0, True
    for place, word in enumerate(words):
        if word in ("+", "-") and not expected:
            sign, factor, expected = (1.0 if word == "+" else -1.0), 1.0, True
        elif word == "*" and terms and not terms[-1].runs and not expected:
            sign, factor, expected = 1.0, terms.pop().coefficient, True
        elif expected and _is_number(word):
            terms.append(Term(sign * factor * float(word)))
            expected = False
        elif expected:
            term = parse_quantity(word)
            terms.append(Term(sign * factor, term.runs, term.metric))
            expected = False
        else:
            raise ValueError(f"word {place + 1} of a side must be +, - or *, got {word!r} in {text!r}")
    if expected:
        raise ValueError(f"a side of a condition must end with a term, got {text!r}")
    return tuple(terms)


def _is_number(word: str) -> bool:
    try:
        return math.isfinite(float(word))
    except ValueError:
        return False


def _sum(terms: Sequence[Term], labels: Mapping[str, str]) -> str:
    parts = []
    for place, term in enumerate(terms):
        size = abs(term.coefficient)
        told = f"{metrics.words(term.metric)} of {labels[term.runs]}" if term.runs else f"{size:g}"
        if term.runs and size != 1:
            told = f"{size:g} · {told}"
        sign = "−" if term.coefficient < 0 else "+"
        parts.append(f" {sign} {told}" if place else f"−{told}" if sign == "−" else told)
    return "".join(parts)
