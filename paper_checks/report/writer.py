"""Writing the report: the figures, then ``report.json``, then the page made from it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from ..evidence import RunEvidence
from ..worker_processes import pool
from . import assumptions, margin_figure, rates, rates_figure, step_size_figure, tightness_figure
from .document import document, strict, text
from .figure_style import Drawing
from .page import page

#: From so many claims on it pays to start processes for the drawing.
_MANY = 20


def write_report(run: RunEvidence, folder: Path, jobs: int = 1) -> None:
    """Write ``figures/*.svg``, ``report.json`` and ``index.html`` into an existing folder; draw in ``jobs`` processes."""
    if not folder.is_dir():
        raise NotADirectoryError(f"folder must exist, got {str(folder)!r}")
    drawings: dict[str, Drawing] = {}

    def path_of(drawing: Drawing | None) -> str | None:
        if drawing is None:
            return None
        drawings[drawing.path] = drawing
        return drawing.path

    names = file_names([claim.id for claim in run.claims])
    data: list[dict[str, Any]] = [strict(claim.to_json()) for claim in run.claims]
    stems = [f"figures/{names[claim.id]}" for claim in run.claims]
    folders = [folder] * len(data)
    if jobs > 1 and len(data) >= _MANY:
        with pool(jobs) as workers:
            rated = workers.submit(_rates, folder)
            assumed = workers.submit(assumptions.assumptions)
            drawn = list(workers.map(_claim_figures, data, folders, stems, chunksize=4))
            studies, held = rated.result(), assumed.result()
    else:
        drawn = list(map(_claim_figures, data, folders, stems))
        studies, held = _rates(folder), assumptions.assumptions()
    figures = {
        claim.id: {name: path_of(drawing) for name, drawing in own.items()}
        for claim, own in zip(run.claims, drawn, strict=True)
    }
    found = document(
        run,
        figures,
        held,
        [
            {**study, "cases": [{**case, "figure": path_of(drawing)} for case, drawing in cases]}
            for study, cases in studies
        ],
    )
    limits = path_of(step_size_figure.draw(found["claims"], folder, "figures/step-sizes.svg"))
    (folder / "report.json").write_text(text(found), encoding="utf-8")
    (folder / "index.html").write_text(page(found, limits, drawings), encoding="utf-8")


def _claim_figures(data: dict[str, Any], folder: Path, stem: str) -> dict[str, Drawing | None]:
    curve = tightness_figure.draw(data["tightness"], folder, f"{stem}-tightness.svg") if data["tightness"] else None
    return {"margins": margin_figure.draw(data, folder, f"{stem}-margins.svg"), "tightness": curve}


def _rates(folder: Path) -> list[tuple[dict[str, Any], list[tuple[dict[str, Any], Drawing | None]]]]:
    """Each study with its cases and their figures."""
    return [
        (study, [(case, rates_figure.draw(case, folder, _rate_path(study, case))) for case in study["cases"]])
        for study in rates.studies()
    ]


def _rate_path(study: dict[str, Any], case: dict[str, Any]) -> str:
    return f"figures/rates-{study['name']}-{case['name']}.svg"


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
