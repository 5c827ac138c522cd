"""``index.html``: everything that report.json holds, readable. Styles and script are inlined, figures lie beside it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from typing import Any

import jinja2
from markupsafe import Markup

from ..empirical.outcomes import MEANING as OUTCOMES
from ..verdicts import MEANING
from . import assumptions, rates, wording
from .figure_style import Drawing
from .formulas import mathml, symbols
from .snippet import snippet

_PAPERS = {
    "lunk2026": "Sparse Training of Neural Networks based on Multilevel Mirror Descent, arXiv 2602.03535",
    "bungert2021": "A Bregman Learning Framework for Sparse Neural Networks, arXiv 2105.04319v1",
}


def _file(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_file),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "number": wording.number,
        "count": wording.count,
        "duration": wording.duration,
        "mathml": mathml,
        "sentence": wording.sentence,
        "symbols": symbols,
        "slug": lambda word: str(word).replace(" ", "-"),
    }
    environment.globals |= {
        "symbol": wording.SYMBOL,
        "meaning": {str(verdict): sentence for verdict, sentence in MEANING.items()},
        "outcomes": {str(outcome): sentence for outcome, sentence in OUTCOMES.items()},
        "papers": _PAPERS,
        "plural": wording.plural,
        "in_units": wording.in_units,
        "measured_line": wording.measured_line,
        "tightness_line": wording.tightness_line,
        "counterexample_line": wording.counterexample_line,
        "hypothesis_word": wording.hypothesis_word,
        "assumption_mark": assumptions.MARK,
        "assumption_class": assumptions.CLASS,
        "assumption_constant": assumptions.constant,
        "rate_law": rates.law,
        "rate_interval": rates.interval,
        "rate_meaning": rates.MEANING,
        "snippet": snippet,
        "css": Markup(_file("style.css")),
        "js": Markup(_file("filter.js")),
    }
    return environment


def page(found: dict[str, Any], limits: str | None, drawings: dict[str, Drawing]) -> str:
    """The page of a report document; ``limits`` is the path of the figure of step sizes, ``drawings`` are the figures by path."""
    claims = found["claims"]
    return (
        _environment()
        .get_template("page.html.j2")
        .render(
            report=found,
            claims=claims,
            limits=limits,
            drawings=drawings,
            verdicts=[word for word in wording.ORDER if found["verdicts"][word]],
            paper_names=list(dict.fromkeys(claim["paper"] for claim in claims.values())),
            missing=[id_ for id_ in found["planned"] if id_ not in claims],
            changed=[change for change in found["changed"] if change["recorded"] is not None],
            unrecorded=[change["id"] for change in found["changed"] if change["recorded"] is None],
            findings=findings(claims),
            contradicted=[(id_, e) for id_, e in found["experiments"].items() if e["verdict"] == "refuted"],
            related=related(claims),
        )
    )


def related(claims: Iterable[str]) -> dict[str, list[str]]:
    """For each claim those beside it: of the same number in the paper (thm-3.7, proof-3.7-absorption) or the same name."""
    groups: dict[str, list[str]] = {}
    for id_ in claims:
        groups.setdefault(_number(id_, claims), []).append(id_)
    return {id_: [other for other in group if other != id_] for group in groups.values() for id_ in group}


def _number(id_: str, claims: Iterable[str]) -> str:
    paper, name = id_.split("/", 1)
    number = re.search(r"(?<![A-Za-z])(?:[A-Z]|\d+)\.\d+", name)
    if number:
        equation = "equation " if name.startswith("eq-") else ""  # equation (3.7) has nothing to do with theorem 3.7
        return f"{paper}/{equation}{number.group()}"
    return min((other for other in claims if f"{id_}-".startswith(f"{other}-")), key=len)


def findings(claims: dict[str, dict[str, Any]]) -> dict[str, list[tuple[str, Any]]]:
    """What a reader wants to know first, as (claim id, claim or its part) by kind."""
    broken = [
        (id_, claim)
        for word in ("refuted", "assumption void", "undecided")
        for id_, claim in claims.items()
        if claim["verdict"] == word
    ]
    shown = {id_ for id_, _ in broken}
    tight = [(id_, claim["tightness"]) for id_, claim in claims.items() if claim["tightness"] and id_ not in shown]
    return {
        "broken": broken,
        "early": [(id_, t) for id_, t in tight if _ratio(t) < 1 - wording.SHARP_WITHIN],
        "loose": [(id_, t) for id_, t in tight if _ratio(t) > 1 + wording.SHARP_WITHIN],
        "sharp": [(id_, t) for id_, t in tight if abs(_ratio(t) - 1) <= wording.SHARP_WITHIN],
        "superfluous": [
            (id_, [hypothesis for hypothesis in claim["hypotheses"] if hypothesis["needed"] is False])
            for id_, claim in claims.items()
            if any(hypothesis["needed"] is False for hypothesis in claim["hypotheses"])
        ],
        "toothless": [
            (id_, [mutant["name"] for mutant in claim["mutants"]["list"] if not mutant["killed"]])
            for id_, claim in claims.items()
            if claim["mutants"]["killed"] < claim["mutants"]["of"]
        ],
    }


def _ratio(tightness: dict[str, Any]) -> float:
    """Measured critical value by the stated limit; ∞ when nothing fails."""
    return (
        float("inf")
        if tightness["critical"] is None
        else float(tightness["critical"]) / float(tightness["paper_limit"])
    )
