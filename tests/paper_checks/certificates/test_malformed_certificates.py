"""A certificate that is not well formed says what is wrong, and where."""

from __future__ import annotations

from dataclasses import replace
from importlib.resources import files

import pytest
from mlbreg.paper_checks.certificates import CertificateError, load, verify
from mlbreg.paper_checks.certificates.record import Limit, Use, read

NAME = "lemma-A.2-descent"
TEXT = files("mlbreg.paper_checks.certificates").joinpath(f"{NAME}.toml").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("name =", "name", "is not TOML"),
        ('sharp = true\n', "", "lacks the field 'sharp'"),
        ("sharp = true", 'sharp = "yes"', "sharp must be a bool, got 'yes'"),
        ("gain =", "again =", "unknown field 'again'"),
        ('parameters = ["tau", "L_rel", "delta"]', 'parameters = "tau"', "parameters must be a list of strings"),
        ("[[steps]]", "[steps]", r"steps must be an array of tables \[\[steps\]\]"),
        ('size = "tau"', 'length = "tau"', "steps 1 has the unknown field 'length'"),
        ('multiplier = "1"', "multiplier = 1", "multiplier must be a str, got 1"),
        (f'name = "{NAME}"', 'name = "another"', "calls itself 'another'"),
    ],
)  # fmt: skip
def test_a_malformed_file_names_the_field(old: str, new: str, message: str) -> None:
    assert old in TEXT
    with pytest.raises(CertificateError, match=message):
        read(TEXT.replace(old, new, 1), NAME)


def test_a_trial_must_be_a_table_of_strings() -> None:
    with pytest.raises(CertificateError, match="trial must be a table of strings"):
        read(TEXT + "\n[trial]\ntau = 1\n", NAME)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"loss": "concave"}, "class of the loss must be one of .*'smooth'.*, got 'concave'"),
        ({"gain": "D(0, 7)/tau"}, "'7' is not a point of the certificate; there are 0, 1"),
        ({"gain": "D(0, 1)/gamma"}, "'gamma' is not a parameter; there are L_rel, delta, tau"),
        ({"gain": "__import__(os)"}, "'__import__' is not a quantity"),
        ({"gain": "L(0).terms"}, r"'L\(0\).terms' is not allowed"),
        ({"gain": "L(0)*L(1)"}, r"multiplies two vectors or forms"),
        ({"gain": "L(0) + theta(0)"}, "adds quantities of different kinds"),
        ({"gain": "theta(0)"}, "must be a form"),
        ({"gain": "tau"}, "must be a form"),
        ({"gain": "L(0) +"}, "is not an expression"),
        ({"gain": "L(0)/0"}, "divides by what is not a number other than 0"),
        ({"gain": "L(0)/L(1)"}, "divides by what is not a number other than 0"),
        ({"gain": "L(0)**2"}, "only a number has powers"),
        ({"gain": "L(0) % 2"}, "operator Mod is not allowed"),
        ({"gain": "sq(1)"}, "sq cannot take"),
        ({"gain": "sq(xi(a))"}, "is not a noise of the certificate"),
        ({"gain": "0.5*L(0)"}, "'0.5' is not allowed"),
        ({"parameters": ("tau", "L_rel")}, "the parameter 'delta' is needed"),
        ({"minimiser": "star"}, "the minimiser 'star' must be one of the comparison points"),
        ({"steps": load(NAME).steps * 2}, "the point '1' is made twice"),
        ({"uses": (Use("L is smooth", ("0", "1"), "1"),)}, "the inequality must be one of .* got 'L is smooth'"),
        ({"uses": (Use("J is convex", ("0",), "1"),)}, "'J is convex' is about 2 points, got 0"),
        ({"uses": (Use("J is convex", ("0", "1"), "g(0)"),)}, "must be a number, not a vector"),
        ({"uses": (Use("L ≥ L*", ("0", "1"), "1"),)}, "holds at the minimiser, and '0' is not it"),
        ({"limits": (Limit("tau", "-1/L_rel", ""),)}, "the limit -1/L_rel of tau must be positive"),
        ({"limits": (Limit("eta", "1", ""),)}, "a limit must be the only one of a parameter, got one of 'eta'"),
        ({"limits": load(NAME).limits * 2}, "a limit must be the only one of a parameter, got one of 'tau'"),
    ],
)  # fmt: skip
def test_a_certificate_without_meaning_says_why(change: dict[str, object], message: str) -> None:
    with pytest.raises(CertificateError, match=message):
        verify(replace(load(NAME), **change))


def test_a_point_to_compare_with_has_no_subgradient() -> None:
    with pytest.raises(CertificateError, match="'star' has no subgradient; there are 0, 1"):
        verify(replace(load("thm-3.7-contraction"), gain="D(0, star)"))


def test_assumption_2_is_about_the_steps_of_sizes_tau_and_one() -> None:
    known = load("lemma-A.2")
    with pytest.raises(CertificateError, match="'unit' is not that step"):
        verify(replace(known, steps=(known.steps[0], replace(known.steps[1], size="2"))))


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(CertificateError, match=r"no certificate is named 'lemma-Z'; there are .*thm-3\.2"):
        load("lemma-Z")
