"""The figures: written where the report says, themed, readable as XML, and the same bytes for the same evidence."""

import json
import math
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest
from mlbreg.paper_checks.evidence import RunEvidence
from mlbreg.paper_checks.report import margin_figure, tightness_figure, write
from mlbreg.paper_checks.report.figure_style import THEME
from mlbreg.paper_checks.report.writer import file_names


@pytest.fixture(scope="module")
def report(folder: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    return loaded


def test_the_figures_in_the_report_are_the_files_in_the_folder(report: dict[str, Any], folder: Path) -> None:
    named = {path for claim in report["claims"].values() for path in claim["figures"].values() if path}
    named |= {case["figure"] for study in report["rates"] for case in study["cases"]}
    named.add("figures/step-sizes.svg")
    assert named == {f"figures/{file.name}" for file in (folder / "figures").iterdir()}


def test_a_claim_of_equalities_or_without_a_step_size_has_no_figure(report: dict[str, Any]) -> None:
    assert report["claims"]["bungert2021/eq-2.9"]["figures"]["margins"] is None
    assert report["claims"]["bungert2021/eq-2.9"]["figures"]["tightness"] is not None
    assert report["claims"]["bungert2021/example-3.6"]["figures"] == {"margins": None, "tightness": None}


def test_every_figure_is_well_formed_described_and_themed(folder: Path) -> None:
    known = {shade for shades in THEME.values() for shade in shades}
    for file in (folder / "figures").iterdir():
        svg = file.read_text(encoding="utf-8")
        root = ET.fromstring(svg)
        assert root.findtext("{http://www.w3.org/2000/svg}title")
        assert "prefers-color-scheme: dark" in svg
        assert "fill: #1b1f24; fill: var(--ink)" in svg
        assert "<metadata>" not in svg
        assert "dtd" not in svg
        body = svg[svg.index("</style>") :]
        used = {word.strip(" ;\"'") for word in body.split() if word.startswith("#") and len(word.strip(" ;\"'>")) == 7}
        assert {shade for shade in used if not shade.startswith("#p")} <= known, file.name


def test_the_same_evidence_gives_the_same_bytes(run: RunEvidence, folder: Path, tmp_path: Path) -> None:
    write(run, tmp_path)

    def contents(root: Path) -> dict[Path, bytes]:
        return {file.relative_to(root): file.read_bytes() for file in root.rglob("*.*")}

    assert contents(tmp_path) == contents(folder)


@pytest.mark.parametrize(
    ("margin", "expected"),
    [
        (0.0, 0),
        (1.0, 12),
        (50.0, 12),
        (-1.0, -12),
        (1e-13, 0),
        (1e-6, 6),
        (-1e-6, -6),
        (math.inf, 12),
        (-math.inf, -12),
        (math.nan, 0),
    ],
)
def test_a_margin_has_its_place_on_the_signed_axis(margin: float, expected: float) -> None:
    assert margin_figure.position(margin) == pytest.approx(expected)


@pytest.mark.parametrize("margins", [[0.0, 0.0], ["nan", 1.0], [-1e9, 1e-12], ["-inf", 1e-300]])
def test_a_tightness_curve_of_any_size_can_be_drawn(margins: list[Any], tmp_path: Path) -> None:
    curve = {"parameter": "tau", "unit": "1/𝖫", "certified": 1.0, "conclusion": "", "paper_limit": 1.0,
             "critical": 1.0, "searched_up_to": 2.0, "shares": [0.5, 2.0], "smallest_margins": margins}  # fmt: skip
    assert tightness_figure.draw(curve, tmp_path, "curve.svg") is not None


def test_a_tightness_curve_without_a_number_is_not_drawn(tmp_path: Path) -> None:
    curve = {"parameter": "tau", "unit": "1/𝖫", "certified": 1.0, "conclusion": "", "paper_limit": 1.0,
             "critical": None, "searched_up_to": 2.0, "shares": [0.5], "smallest_margins": ["nan"]}  # fmt: skip
    assert tightness_figure.draw(curve, tmp_path, "curve.svg") is None


def test_file_names_differ_and_need_no_quoting() -> None:
    names = file_names(["a/b", "a--b", "A/b", "../x", "ü/é", "é/ü"])
    assert len({name.lower() for name in names.values()}) == 6
    for name in names.values():
        assert name.replace("-", "").replace(".", "").isalnum()
        assert name.isascii()
        assert not name.startswith(".")
