"""The section on assumptions of the report."""

from __future__ import annotations

import html.parser
import json

from mlbreg.paper_checks.report.assumptions import assumptions, constant, section


def test_the_data_are_plain_and_the_section_shows_all_of_them() -> None:
    found = assumptions()
    json.dumps(found, allow_nan=False)
    page = str(section(found))
    assert page.count("<details>") == 80 * 6
    for row in found["coverage"]:
        assert row["source"] in page


def test_the_section_is_well_formed() -> None:
    stack: list[str] = []

    class Parser(html.parser.HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            if tag != "br":
                stack.append(tag)

        def handle_endtag(self, tag: str) -> None:
            assert stack.pop() == tag

    Parser().feed(str(section(assumptions())))
    assert stack == []


def test_a_constant_without_a_guarantee_is_a_bound() -> None:
    assert constant({"symbol": "η", "value": None, "searched": 0.5}) == "η ≤ 0.5"
    assert constant({"symbol": "𝖫", "value": 2.0, "searched": 1.9}) == "𝖫 = 2"
