"""The verdict on a claim about experiments: what counts, what does not, and what it says then."""

from collections.abc import Callable
from typing import Any

import pytest
from mlbreg.paper_checks.empirical.judge import judge
from mlbreg.paper_checks.empirical.outcomes import Outcome
from mlbreg.paper_checks.empirical.records import EmpiricalClaim, read_claims
from mlbreg.paper_checks.empirical.stored_runs import Run

Maker = Callable[..., Run]


@pytest.fixture
def runs(sparse_and_accurate: EmpiricalClaim, run_of: Maker) -> Callable[..., list[Run]]:
    """Three seeds of each side, the sparse one with these numbers."""

    def make(
        weights: float = 0.09, accuracy: float = 0.97, seeds: int = 3, epochs: int = 10, **settings: Any
    ) -> list[Run]:
        sparse, dense = sparse_and_accurate.runs
        found = []
        for seed in range(seeds):
            small = seed / 10_000
            one = run_of(
                sparse,
                seed,
                epochs,
                result={"weights": weights + small, "test_accuracy": accuracy + small, "n_conv": 0.1},
            )
            found.append(Run(one.name, {**one.settings, **settings}, one.command, one.result))
            found.append(run_of(dense, seed, epochs, result={"weights": 1.0, "test_accuracy": 0.975 + small}))
        return found

    return make


def test_runs_that_keep_to_the_rule_support_the_claim(sparse_and_accurate: EmpiricalClaim, runs: Any) -> None:
    found = judge(sparse_and_accurate, runs())
    assert found.verdict is Outcome.SUPPORTED
    assert [c.outcome for c in found.conditions] == [Outcome.SUPPORTED] * 2
    assert (found.epochs, len(found.runs), found.missing) == ([10], 6, [])
    ours = found.measured[0]
    assert (ours.quantity, ours.paper, ours.seeds) == ("non-zero weights of LinBreg", 9.5, 3)
    assert ours.mean == pytest.approx(9.01)


@pytest.mark.parametrize("broken", [{"weights": 0.2}, {"accuracy": 0.95}])
def test_one_condition_that_fails_refutes_the_claim(
    sparse_and_accurate: EmpiricalClaim, runs: Any, broken: dict[str, float]
) -> None:
    found = judge(sparse_and_accurate, runs(**broken))
    assert found.verdict is Outcome.REFUTED
    assert "margin −" in found.reason


def test_seeds_that_spread_too_much_leave_it_undecided_and_more_of_them_are_asked_for(
    sparse_and_accurate: EmpiricalClaim, runs: Any
) -> None:
    found = judge(sparse_and_accurate, runs(accuracy=0.9651))
    assert found.verdict is Outcome.UNDECIDED
    assert found.missing == [
        "mlbreg train study --method linbreg --seed 3  # or more seeds",
        "mlbreg train study --method sgd --seed 3  # or more seeds",
    ]


def test_without_runs_it_says_so_and_names_the_commands(sparse_and_accurate: EmpiricalClaim) -> None:
    found = judge(sparse_and_accurate, [])
    assert (found.verdict, found.reason, found.indicative, found.digest) == (Outcome.NOT_RUN, "no runs", None, "")
    assert found.missing[0] == "mlbreg train study --method linbreg --seed 0  # and --seed 1 to 2"


def test_a_smaller_budget_is_not_run_and_at_most_indicative(sparse_and_accurate: EmpiricalClaim, runs: Any) -> None:
    for broken, said in (({}, Outcome.SUPPORTED), ({"weights": 0.2}, Outcome.REFUTED)):
        found = judge(sparse_and_accurate, runs(epochs=9, **broken))
        assert found.verdict is Outcome.NOT_RUN
        assert "smaller budget: LinBreg has 9 of 10 epochs" in found.reason
        assert found.indicative is said


def test_too_few_seeds_are_not_run(sparse_and_accurate: EmpiricalClaim, runs: Any) -> None:
    found = judge(sparse_and_accurate, runs(seeds=2))
    assert found.verdict is Outcome.NOT_RUN
    assert "LinBreg has 2 of 3 seeds" in found.reason


def test_the_longest_runs_count_and_budgets_must_be_equal(sparse_and_accurate: EmpiricalClaim, runs: Any) -> None:
    longer = [run for run in runs(weights=0.2, epochs=20) if run.settings["method"] == "linbreg"]
    found = judge(sparse_and_accurate, [*runs(), *longer])
    assert found.verdict is Outcome.NOT_RUN
    assert "budgets differ: LinBreg 20 epochs, SGD 10 epochs" in found.reason
    assert found.indicative is Outcome.REFUTED


def test_settings_that_are_not_the_papers_do_not_count(sparse_and_accurate: EmpiricalClaim, runs: Any) -> None:
    found = judge(sparse_and_accurate, runs(density=0.1))
    assert found.verdict is Outcome.NOT_RUN
    assert "density is 0.1, the paper has 0.01" in found.reason
    assert (found.indicative, found.missing) == (None, [])


def test_runs_that_depart_from_the_recipe_are_not_meant(sparse_and_accurate: EmpiricalClaim, runs: Any) -> None:
    departed = [Run(run.name, run.settings, f"{run.command} --set rescale=3", run.result) for run in runs()]
    assert judge(sparse_and_accurate, departed).reason == "no runs"


def computed(run: Run, **how: str) -> Run:
    given = "".join(f" --set {name}={value}" for name, value in how.items())
    return Run(run.name + given, {**run.settings, **how}, run.command + given, run.result, run.curves)


def test_how_a_run_is_computed_is_no_departure(sparse_and_accurate: EmpiricalClaim, runs: Any) -> None:
    sparse = [computed(run, compute="sparse") for run in runs()]
    assert judge(sparse_and_accurate, sparse).verdict is judge(sparse_and_accurate, runs()).verdict is Outcome.SUPPORTED


def test_less_precise_runs_are_at_most_indicative_and_float32_comes_first(
    sparse_and_accurate: EmpiricalClaim, runs: Any
) -> None:
    rough = [computed(run, precision="bfloat16") for run in runs(weights=0.2)]
    found = judge(sparse_and_accurate, rough)
    assert (found.verdict, found.indicative) == (Outcome.NOT_RUN, Outcome.REFUTED)
    assert "LinBreg was computed in bfloat16" in found.reason
    assert judge(sparse_and_accurate, [*rough, *runs()]).verdict is Outcome.SUPPORTED


def test_a_claim_about_computations_tells_them_apart(runs: Any) -> None:
    claim = read_claims(
        """
["sparse-is-exact"]
title = "the same in sparse layers"
quote = "the same"
place = "a test"
study = "study"
epochs = 10
seeds = 3
runs = { sparse = { method = "linbreg", settings = { compute = "sparse" } }, dense = { method = "linbreg" } }
conditions = ["sparse.weights <= dense.weights + 1"]
""",
        "mine",
    )[0]
    dense = [run for run in runs() if run.settings["method"] == "linbreg"]
    sparse = [computed(run, compute="sparse") for run in dense]
    found = judge(claim, [*dense, *sparse])
    assert found.verdict is Outcome.SUPPORTED
    assert len(found.runs) == 6


def test_runs_of_one_name_with_other_settings_do_not_count(sparse_and_accurate: EmpiricalClaim, runs: Any) -> None:
    first, *others = runs()
    changed = Run(first.name, {**first.settings, "rescale": 3.0}, first.command, first.result)
    found = judge(sparse_and_accurate, [changed, *others])
    assert found.verdict is Outcome.NOT_RUN
    assert "the stored runs differ in rescale" in found.reason


def test_runs_without_the_metric_do_not_count(sparse_and_accurate: EmpiricalClaim, runs: Any) -> None:
    bare = [Run(run.name, run.settings, run.command, {"weights": 0.05}) for run in runs()]
    found = judge(sparse_and_accurate, bare)
    assert found.verdict is Outcome.NOT_RUN
    assert "the runs of LinBreg do not have test accuracy" in found.reason
    assert found.conditions == []
