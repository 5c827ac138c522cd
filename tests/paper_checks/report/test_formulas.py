"""Formulas: MathML that browsers render, or the source."""

import xml.etree.ElementTree as ET

import pytest
from mlbreg.paper_checks.report.formulas import mathml, symbols


@pytest.mark.parametrize(
    ("latex", "letters"),
    [
        (r"\mathcal L", "ℒ"),
        (r"\mathcal{L}", "ℒ"),
        (r"\mathbb E", "𝔼"),
        (r"\mathbb{R}^d", "ℝ"),
        (r"\mathsf L", "𝖫"),
        (r"\mathbf x", "𝐱"),
        (r"\boldsymbol{\theta}", "𝜽"),
        (r"\mathfrak g", "𝔤"),
    ],
)
def test_letters_of_other_alphabets_are_unicode_letters(latex: str, letters: str) -> None:
    markup = mathml(latex)
    assert letters in markup
    assert "mathvariant" not in markup


@pytest.mark.parametrize(
    "latex",
    [
        r"\hat{\mathcal L}(\hat\theta) = \tilde\theta + \bar\tau",
        r"\frac{1}{2\delta}\|\theta\|^2 + \sum_{g \notin S} J_g(\theta_g)",
        r"D^{\mathrm{sym}}_{J_\delta}(\tilde\theta, \theta) \ge 0",
        r"\begin{aligned} a &= b \\ c &= d \end{aligned}",
        r"\begin{cases} f_i & t > \lambda/|f_i| \\ 0 & \text{else} \end{cases}",
        r"\operatorname{prox}_{\delta J}(\delta v) = \operatorname*{argmin}_u \tfrac12\|u - \delta v\|^2",
        r"\theta^+ = \arg\min_u\; \bigl(\tau\langle g, u\rangle\bigr) + \bigg\| \prox_{\delta J}(v) \bigg\|",
        r"v \in \partial J_\delta(\theta) \implies Rv \in \partial\hat J_\delta(R\theta)",
    ],
)
def test_the_papers_notation_becomes_mathml(latex: str) -> None:
    root = ET.fromstring(mathml(latex))
    assert root.tag == "math"
    assert root.get("alttext") == latex
    assert "\\" not in "".join(root.itertext())


@pytest.mark.parametrize("latex", [r"\frac{", r"\frac{x", r"\unknowncommand x", r"\text{<b>bold</b>}", "a & b", ""])
def test_what_cannot_be_typeset_is_shown_as_source(latex: str) -> None:
    assert mathml(latex).startswith(('<code class="latex">', "<math"))
    if latex:
        assert mathml(latex).startswith("<code")


def test_no_attribute_can_run_anything() -> None:
    assert "javascript" not in mathml(r"\href{javascript:alert(1)}{x}").split("alttext")[0]


@pytest.mark.parametrize(
    ("plain", "marked"),
    [
        ("v ∈ ∂J_δ(θ)", "v ∈ ∂J<sub>δ</sub>(θ)"),
        ("θ*_i and θ̂_i", "θ*<sub>i</sub> and θ̂<sub>i</sub>"),
        ("prox_{δJ}(δv)", "prox<sub>δJ</sub>(δv)"),
        ("D^sym ≥ 0", "D<sup>sym</sup> ≥ 0"),
        ("D^sym_J(θ)", "D<sup>sym</sup><sub>J</sub>(θ)"),
        ("‖x‖_∞", "‖x‖<sub>∞</sub>"),
        ("my_claims.py, coarse_steps, a_b_c, __init__", "my_claims.py, coarse_steps, a_b_c, __init__"),
        ("<i>J_δ</i>", "&lt;i&gt;J<sub>δ</sub>&lt;/i&gt;"),
    ],
)
def test_indices_in_plain_text_are_set_low(plain: str, marked: str) -> None:
    assert symbols(plain) == marked
