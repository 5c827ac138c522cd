"""``mlbreg assumptions``."""

from __future__ import annotations

import json

import pytest
import typer
from mlbreg.paper_checks.explorer.command import assumptions
from typer.testing import CliRunner, Result


def run(*arguments: str) -> Result:
    application = typer.Typer()
    application.command()(assumptions)
    return CliRunner().invoke(application, list(arguments))


def test_without_arguments_it_prints_the_table_and_the_theorems() -> None:
    found = run()
    assert found.exit_code == 0
    assert found.stdout.count("group_l2") == 10
    assert "which theorems cover which experiments" in found.stdout


def test_one_loss_has_a_row_for_each_regularizer() -> None:
    found = run("--loss", "quadratic")
    assert [line.split()[1 if "quadratic" in line else 0] for line in found.stdout.splitlines()[1:9]] == [
        "zero", "l1", "weighted_l1", "group_l2", "nonnegative", "box", "nuclear", "mixture",
    ]  # fmt: skip


def test_a_pair_is_explained_with_its_witness() -> None:
    found = run("--loss", "quadratic", "--regularizer", "l1", "--lam", "1", "--delta", "2")
    assert "quadratic × l1, δ = 2" in found.stdout
    assert "(11) fails for every ρ > 0" in found.stdout
    assert "𝖫 = 4  (ℓδ)" in found.stdout


def test_json_is_one_document() -> None:
    document = json.loads(run("--loss", "quadratic", "--json").stdout)
    assert len(document["table"]) == 8
    assert document["coverage"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--loss", "cubic"), "--loss must be one of half_square, quadratic,"),
        (("--regularizer", "l2"), "--regularizer must be one of zero, l1,"),
        (("--delta", "0"), "--delta must be a finite number > 0, got 0"),
        (("--lam", "-1"), "--lam must be a finite number > 0, got -1"),
        (("--delta", "nan"), "--delta must be a finite number > 0, got nan"),
    ],
)
def test_wrong_arguments_are_named(arguments: tuple[str, str], message: str) -> None:
    found = run(*arguments)
    assert found.exit_code == 2
    assert message in " ".join(found.stderr.split())
