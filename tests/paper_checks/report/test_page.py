"""index.html: every claim on it, well-formed, self-contained, and safe from what a claim may say."""

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from mlbreg.paper_checks.evidence import RunEvidence
from mlbreg.paper_checks.report import write
from mlbreg.paper_checks.report.page import related

VOID = {"meta", "link", "img", "input", "br", "hr", "wbr"}


class Reader(HTMLParser):
    """Open tags, ids, links and sources; raises nothing, collects complaints."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.complaints: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.sources: list[str] = []
        self.handlers: list[str] = []
        self.tags: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag not in VOID:
            self.open.append(tag)
        for name, value in attrs:
            if name == "id":
                self.ids.append(value or "")
            if name == "href":
                self.links.append(value or "")
            if name == "src":
                self.sources.append(value or "")
            if name.startswith("on"):
                self.handlers.append(name)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.complaints.append(f"</{tag}> at {self.getpos()}")

    def handle_data(self, data: str) -> None:
        self.text.append(data)


@pytest.fixture(scope="module")
def html(folder: Path) -> str:
    return (folder / "index.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(html: str) -> Reader:
    reader = Reader()
    reader.feed(html)
    reader.close()
    return reader


def test_tags_are_balanced_and_ids_are_unique(page: Reader) -> None:
    assert page.complaints == []
    assert page.open == []
    assert len(page.ids) == len(set(page.ids))


def test_every_claim_has_a_row_and_an_anchor(page: Reader, html: str, run: RunEvidence) -> None:
    for claim in run.claims:
        assert claim.id in page.ids
        assert f'<tr data-claim="{claim.id}" data-verdict="{claim.verdict}"' in html


def test_every_claim_about_experiments_has_an_anchor_and_its_numbers(page: Reader, html: str, run: RunEvidence) -> None:
    for found in run.experiments:
        assert found.id in page.ids
    words = " ".join(" ".join(page.text).split())
    assert "non-zero weights of LinBreg: 13.00 ± 0.17 (10)" in words
    assert "they would say: supported" in words
    assert "recorded: supported" in words
    assert html.index('id="bungert2021/sec-4.2-ten-percent"') < html.index('id="claims"')


def test_nothing_is_asked_from_the_network(page: Reader, html: str, folder: Path) -> None:
    for link in page.links:
        assert link.startswith("#") or link in ("report.json", "data:,"), link
    for source in page.sources:
        assert source.startswith("figures/"), source
        assert (folder / source).is_file()
    assert not re.search(r"https?:|//[a-z]|@import|url\(", html)


def test_every_link_inside_the_page_has_a_target(page: Reader) -> None:
    assert {link[1:] for link in page.links if link.startswith("#")} <= set(page.ids)


def test_what_a_claim_says_is_text_and_never_markup(page: Reader) -> None:
    assert page.tags.count("script") == 1
    assert page.tags.count("style") == 1
    assert page.handlers == []
    assert any("<script>alert('x')</script>" in piece for piece in page.text)


def test_formulas_are_typeset_and_broken_ones_are_shown_as_source(page: Reader, html: str) -> None:
    assert page.tags.count("math") >= 6
    assert '<code class="latex">\\text{&lt;script&gt;' in html


def test_the_page_says_what_was_found(html: str) -> None:
    found = html[html.index("What was found") : html.index("The step-size constants")]
    assert "margin −5/8 (exact)" in found
    assert "holds beyond the stated limit 1/𝖫: the first failure found is at 1.998/𝖫" in found
    assert "was not found to need <em>convex</em>" in found
    assert "does not notice <em>wrong sign</em>" in found
    assert "Changed against the record" in found
    assert "No verdict is recorded yet for" in found


def test_an_incomplete_run_says_so_on_top(html: str) -> None:
    banner = html[html.index('class="banner"') : html.index('class="headline"')]
    assert "7 of 8 planned claims judged" in banner
    assert "lunk2026/missing" in banner


def test_the_evidence_of_a_claim_is_on_its_card(html: str) -> None:
    card = html[html.index('id="bungert2021/remark-3.1"') : html.index('id="bungert2021/eq-2.9"')]
    for piece in ("recorded: supported", "Counterexample to zero", "mlbreg verify lunk2026/lemma-A.2-descent", "F(5, 2)",
                  "from fractions import Fraction as F", "1 of 2 mutants killed; 1 survived", "cannot be dropped",
                  "not found to be needed", "second step <b>does not hold</b>", "and 3 left the rationals",
                  "below the stated limit 3/𝖫"):  # fmt: skip
        assert piece in card, piece


def test_a_claim_links_to_those_of_the_same_number_or_name() -> None:
    found = related(
        ["a/thm-3.7", "a/thm-3.7-repaired", "a/proof-3.7-step", "a/thm-3.8", "b/thm-3.7", "a/flow", "a/flow-l1"]
    )
    assert found["a/thm-3.7"] == ["a/thm-3.7-repaired", "a/proof-3.7-step"]
    assert found["a/flow-l1"] == ["a/flow"]
    assert found["a/thm-3.8"] == found["b/thm-3.7"] == []


def test_evidence_of_every_kind_is_on_the_card(html: str) -> None:
    for part in (
        "1.5 decades closer to 0 in the median",
        "Disproof in 1 step",
        "outside the engine gives right side − left side = −1",
        "3 identities and signs verified exactly",
        "certified up to 1·μ/(ℓ²δ)",
    ):
        assert part in html
    assert re.search(r"plateau</th><td>0.1</td><td>0.02</td><td>enumeration", html)


def test_a_run_without_claims_still_has_a_page(run: RunEvidence, tmp_path: Path) -> None:
    write(replace(run, experiments=[], claims=[], seconds=0.0), tmp_path)
    html = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert "0 of 8 planned claims judged" in html
    assert "No claim was refuted" in html


def test_a_complete_run_has_no_banner(run: RunEvidence, tmp_path: Path) -> None:
    write(replace(run, planned=[claim.id for claim in run.claims]), tmp_path)
    assert "Incomplete run" not in (tmp_path / "index.html").read_text(encoding="utf-8")


def test_a_folder_that_does_not_exist_is_an_error(run: RunEvidence, tmp_path: Path) -> None:
    with pytest.raises(NotADirectoryError, match="folder must exist"):
        write(run, tmp_path / "missing")
