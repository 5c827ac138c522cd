"""The claims of the papers' experiments are complete, mean runs that can be made, and can be supported and refuted."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import fields
from typing import Any

import pytest
from mlbreg.experiments.paper_tables.records import TABLES
from mlbreg.experiments.results.stored_run import own_settings
from mlbreg.experiments.training.configuration import Configuration
from mlbreg.experiments.training.studies import configure
from mlbreg.paper_checks import registry
from mlbreg.paper_checks.empirical.conditions import Condition
from mlbreg.paper_checks.empirical.judge import judge
from mlbreg.paper_checks.empirical.outcomes import Outcome
from mlbreg.paper_checks.empirical.records import EmpiricalClaim, empirical_claims, read_claims
from mlbreg.paper_checks.empirical.stored_runs import Run
from scipy.optimize import linprog

CLAIMS = empirical_claims()
SETTINGS = {field.name for field in fields(Configuration)}

every_claim = pytest.mark.parametrize("claim", [pytest.param(claim, id=id) for id, claim in CLAIMS.items()])


def test_no_id_is_that_of_a_claim_about_mathematics() -> None:
    assert not CLAIMS.keys() & registry.load()[0].keys()


@every_claim
def test_a_claim_has_everything_that_the_report_shows(claim: EmpiricalClaim) -> None:
    assert re.fullmatch(r"(bungert2021|lunk2026)/(table-\d|sec-[\d.]+|app-C)-?[\w-]*", claim.id)
    assert claim.source.startswith(claim.id.split("/")[0])
    assert claim.quote
    assert claim.title
    assert claim.why
    assert all(condition.words(claim.labels) in claim.rule for condition in claim.conditions)


@every_claim
def test_the_runs_that_a_claim_asks_for_are_those_of_the_recipe_and_do_what_the_paper_says(
    claim: EmpiricalClaim,
) -> None:
    for runs in claim.runs:
        known = {name: value for name, value in runs.settings.items() if name in SETTINGS}
        made = configure(runs.study, runs.method, runs.recipe, known)
        assert own_settings(made) == known  # a run's command names these departures and no others
        assert made.epochs >= claim.epochs
        plain = made.plain()
        # The paper's ProxGD starts with 1 % of the weights, and ours cannot: that claim stays not run, which is what it is for.
        stated = {name: value for name, value in runs.requires.items() if (runs.method, name) != ("proxsgd", "density")}
        assert {name: plain.get(name) for name in stated} == stated


def test_every_number_of_the_papers_tables_is_that_of_the_tables_that_show_it() -> None:
    """`mlbreg table` and the judge read the papers twice; here they meet."""
    names = {"total": "n_total", "nonzero": "n_total", "linear": "n_linear", "conv": "n_conv", "test": "test_accuracy",
             "training": "training_accuracy", "sparsity": "sparsity"}  # fmt: skip
    checked = 0
    for table in ("bungert2021/table-1", "bungert2021/table-2", "bungert2021/table-3", "lunk2026/table-2"):
        for row in TABLES[table].rows:
            found = [
                {term.metric: number for term, number in claim.paper if term.runs == runs.name}
                for claim in CLAIMS.values()
                for runs in claim.runs
                if (runs.study, runs.method, runs.part, runs.recipe) == (row.study, row.method, row.part, "paper")
                and dict(runs.settings) == _beyond_recipe(row.study, row.method, row.settings)
                and claim.id.startswith(f"{table}-")
            ]
            assert found, row.label
            for numbers in found:
                for column, (mean, _) in row.paper.items():
                    if names[column] in numbers:
                        assert numbers[names[column]] == pytest.approx(mean, abs=0.006), (row.label, column)
                        checked += 1
    assert checked > 60


def _beyond_recipe(study: str, method: str, settings: Any) -> dict[str, Any]:
    return own_settings(configure(study, method, "paper", settings))


#: Curves of claims that speak of several properties of one curve: some that fit, and some that do not.
CURVES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "bungert2021/sec-4.2-support-grows": (
        {"linbreg": {"weights": [0.01, 0.05, 0.1], "accuracy": [None, 0.9, 1.0]}},
        {"linbreg": {"weights": [0.01, 0.05, 0.03], "accuracy": [None, 0.9, 1.0]}},
    ),
    "bungert2021/sec-4.2-proxgd-oscillates": (
        {
            "proxgd": {"weights": [0.01, 0.5, 0.2], "validation_accuracy": [0.9, 0.95, 0.9]},
            "linbreg": {"validation_accuracy": [0.9, 0.91, 0.92]},
        },
        {
            "proxgd": {"weights": [0.01, 0.1, 0.2], "validation_accuracy": [0.9, 0.95, 0.9]},
            "linbreg": {"validation_accuracy": [0.9, 0.91, 0.92]},
        },
    ),
    "bungert2021/sec-4.6-neurons-are-added": (
        {"linbreg": {"units": [0.01, 0.1, 0.2]}},
        {"linbreg": {"units": [0.01, 0.2, 0.1]}},
    ),
}


def runs_with(claim: EmpiricalClaim, numbers: dict[tuple[str, str], float], run_of: Callable[..., Run]) -> list[Run]:
    """Stored runs in which the metrics are these numbers, as many seeds and epochs as the claim asks for."""
    found = []
    for wanted in claim.runs:
        own = {metric: number / 100 for (runs, metric), number in numbers.items() if runs == wanted.name}
        result: dict[str, Any] = {name: number for name, number in own.items() if "(" not in name}
        result["active"] = {metric: number for metric, number in sorted(own.items()) if metric.startswith("active")}
        if "sparsity" in own:
            result["weights"] = 1 - own["sparsity"]
        if "flops_share" in own:
            result |= {"flops": own["flops_share"], "flops_dense": 1.0}
        if "seconds" in own:
            parts = {"forward": 100 * own["seconds"] * claim.epochs, "backward": 0.0, "optimizer": 0.0}
            result |= {"seconds": parts, "examples": {"training": 1000}}
        curves = {metric[6:-1]: [0.0, number, number] for metric, number in own.items() if metric.startswith("early")}
        whole = {wanted.part: result} if wanted.part else result
        found += [run_of(wanted, seed, claim.epochs, result=whole, curves=curves) for seed in range(claim.seeds)]
    return found


def numbers_for(claim: EmpiricalClaim, broken: Condition | None) -> dict[tuple[str, str], float]:
    """Metrics between 0 and 100 that fulfil every condition by 0.05, or ``broken`` by −0.05: a linear programme."""
    names = sorted(
        {(term.runs, term.metric) for condition in claim.conditions for term in condition.margin if term.runs}
    )
    rows, bounds = [], []
    for condition in [broken] if broken else claim.conditions:
        row, sign = [0.0] * len(names), 1 if broken else -1
        constant = sum(term.coefficient for term in condition.margin if not term.runs)
        for term in condition.margin:
            if term.runs:
                row[names.index((term.runs, term.metric))] += sign * term.coefficient
        rows.append(row)
        bounds.append(-sign * constant - 0.05)
    found = linprog([0.0] * len(names), A_ub=rows, b_ub=bounds, bounds=(0, 100))
    assert found.success, (claim.id, broken)
    return dict(zip(names, map(float, found.x), strict=True))


@every_claim
def test_every_rule_can_say_supported_and_each_of_its_conditions_refuted(
    claim: EmpiricalClaim, run_of: Callable[..., Run]
) -> None:
    if claim.id in CURVES:
        good, bad = (
            [
                run_of(wanted, seed, claim.epochs, curves=curves.get(wanted.name, {}))
                for wanted in claim.runs
                for seed in range(claim.seeds)
            ]
            for curves in CURVES[claim.id]
        )
        assert judge(claim, good).verdict is Outcome.SUPPORTED
        assert judge(claim, bad).verdict is Outcome.REFUTED
        return
    assert judge(claim, runs_with(claim, numbers_for(claim, None), run_of)).verdict is Outcome.SUPPORTED
    for condition in claim.conditions:
        found = judge(claim, runs_with(claim, numbers_for(claim, condition), run_of))
        assert found.verdict is Outcome.REFUTED
        assert found.conditions[claim.conditions.index(condition)].outcome is Outcome.REFUTED


@every_claim
def test_the_papers_own_numbers_fulfil_the_rule(claim: EmpiricalClaim, run_of: Callable[..., Run]) -> None:
    numbers = {(term.runs, term.metric): number for term, number in claim.paper}
    judged = {(term.runs, term.metric) for condition in claim.conditions for term in condition.margin if term.runs}
    if not judged <= numbers.keys():
        return  # a sentence without all its numbers
    found = judge(claim, runs_with(claim, numbers, run_of))
    assert found.verdict is Outcome.SUPPORTED, found.reason


def test_a_file_that_is_wrong_says_where() -> None:
    entry = 'title = "t"\nquote = "q"\nplace = "p"\nstudy = "s"\nepochs = 1\nseeds = 1\n'
    runs = 'runs = { a = { method = "sgd" } }\n'
    for text, complaint in (
        (f"[x]\n{entry}{runs}conditions = []", "conditions must not be empty"),
        (f'[x]\n{entry}{runs}conditions = ["b.weights <= 1"]', "runs must be one of a, got 'b'"),
        (f'[x]\n{entry}{runs}conditions = ["a.weights <= 1"]\nepoch = 3', "epoch"),
        (f'[x]\n{entry}conditions = ["a.weights <= 1"]', "runs"),
    ):
        with pytest.raises(ValueError, match=f"claim 'x' of mine.*{complaint}"):
            read_claims(text, "mine")
