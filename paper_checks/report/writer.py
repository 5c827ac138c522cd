"""Writing the report: the figures, then ``report.json``, then the page made from it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from ..evidence import RunEvidence
from . import assumptions, margin_figure, overview_figure, rates, rates_figure, tightness_figure
from .document import document, strict, text
from .figure_style import Drawing
from .page import page


def write_report(run: RunEvidence, folder: Path) -> None:
    """Write ``figures/*.svg``, ``report.json`` and ``index.html`` into an existing folder."""
    if not folder.is_dir():
        raise NotADirectoryError(f"folder must exist, got {str(folder)!r}")
    drawings: dict[str, Drawing] = {}

    def path_of(drawing: Drawing | None) -> str | None:
        if drawing is None:
            return None
        drawings[drawing.path] = drawing
        return drawing.path

    names = file_names([claim.id for claim in run.claims])
    figures: dict[str, dict[str, str | None]] = {}
    for claim in run.claims:
        data: dict[str, Any] = strict(claim.to_json())
        stem = f"figures/{names[claim.id]}"
        curve = tightness_figure.draw(data["tightness"], folder, f"{stem}-tightness.svg") if data["tightness"] else None
        figures[claim.id] = {
            "margins": path_of(margin_figure.draw(data, folder, f"{stem}-margins.svg")),
            "tightness": path_of(curve),
        }
    studies = []
    for study in rates.studies():
        stem = f"figures/rates-{study['name']}"
        cases = [
            {**case, "figure": path_of(rates_figure.draw(case, folder, f"{stem}-{case['name']}.svg"))}
            for case in study["cases"]
        ]
        studies.append({**study, "cases": cases})
    found = document(run, figures, assumptions.assumptions(), studies)
    overview = {
        "margins": path_of(overview_figure.draw_margins(found["claims"], folder, "figures/overview-margins.svg")),
        "limits": path_of(overview_figure.draw_limits(found["claims"], folder, "figures/overview-step-sizes.svg")),
    }
    (folder / "report.json").write_text(text(found), encoding="utf-8")
    (folder / "index.html").write_text(page(found, overview, drawings), encoding="utf-8")


def file_names(ids: list[str]) -> dict[str, str]:
    """A file name without special characters for each claim id; ids that would share one get a number."""
    taken: set[str] = set()
    names: dict[str, str] = {}
    for id_ in ids:
        stem = name = re.sub(r"[^A-Za-z0-9._-]+", "--", id_).lstrip(".-") or "claim"
        number = 2
        while name.lower() in taken:
            name, number = f"{stem}-{number}", number + 1
        taken.add(name.lower())
        names[id_] = name
    return names
