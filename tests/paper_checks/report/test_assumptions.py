"""The section on assumptions of the report."""

from __future__ import annotations

import json
from pathlib import Path

from mlbreg.paper_checks.report.assumptions import assumptions, constant


def test_the_data_are_plain_and_the_page_shows_all_of_them(folder: Path) -> None:
    found = assumptions()
    json.dumps(found, allow_nan=False)
    page = (folder / "index.html").read_text(encoding="utf-8")
    section = page[page.index('<section id="assumptions"') :]
    section = section[: section.index("</section>")]
    assert section.count("<details>") == 80 * 6 + 1
    for row in found["coverage"]:
        assert row["source"] in section


def test_a_constant_without_a_guarantee_is_a_bound() -> None:
    assert constant({"symbol": "η", "value": None, "searched": 0.5}) == "η ≤ 0.5"
    assert constant({"symbol": "𝖫", "value": 2.0, "searched": 1.9}) == "𝖫 = 2"
