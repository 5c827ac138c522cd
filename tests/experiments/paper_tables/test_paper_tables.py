"""Tables: which runs a cell shows, what it says of them, and that every table of the papers is complete."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pytest
from mlbreg.experiments.paper_tables.build import NOT_RUN, Line, build, matching
from mlbreg.experiments.paper_tables.command import table
from mlbreg.experiments.paper_tables.formats import comma_separated, footnotes, markdown
from mlbreg.experiments.paper_tables.records import TABLES, grids_of, read_table
from mlbreg.experiments.results.library import write
from mlbreg.experiments.results.stored_run import StoredRun
from mlbreg.experiments.sweeps.plan import make_plan
from mlbreg.experiments.training.studies import configure
from typer import Typer
from typer.testing import CliRunner, Result

from ..results.made_up_runs import made_up


@pytest.fixture(autouse=True)
def no_reviewed_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "reviewed").mkdir()
    monkeypatch.setattr("mlbreg.experiments.results.library.REVIEWED", tmp_path / "reviewed")


def run(*arguments: object) -> Result:
    application = Typer()
    application.command()(table)
    return CliRunner().invoke(application, [str(argument) for argument in arguments])


def line(name: str, label: str, runs: list[StoredRun], recipe: str = "paper") -> Line:
    return next(one for one in build(TABLES[name], runs) if one.row.label == label and one.recipe == recipe)


def test_a_cell_is_the_mean_over_the_seeds() -> None:
    found = line("digits", "LinBreg", [made_up(seed=seed) for seed in (2, 0, 1)])
    assert [run.configuration.seed for run in found.runs] == [0, 1, 2]
    assert found.cells[0].values == pytest.approx((90, 91, 92))
    assert found.cells[0].ours() == "91.0 ± 1.0"
    assert found.cells[2].ours() == "40 ± 0"


def test_time_is_that_of_the_computation_for_a_thousand_examples() -> None:
    found = line("wall-clock", "SGD", [made_up("cifar-resnet18", "sgd", epochs=40)])
    assert [cell.mean for cell in found.cells] == pytest.approx([40, 4 / 40, 2])


def test_one_run_has_no_spread() -> None:
    assert line("digits", "LinBreg", [made_up()]).cells[0].ours() == "90.0"


@pytest.mark.parametrize("other", [{"lam_linear": 0.3}, {"batch_size": 32}, {"recipe": "strong"}, {"method": "rigl"}])
def test_a_run_with_another_setting_is_not_behind_a_cell(other: dict[str, Any]) -> None:
    found = line("digits", "LinBreg", [made_up(**other)])
    assert found.runs == ()
    assert {cell.ours() for cell in found.cells} == {NOT_RUN}


def test_numbers_of_different_lengths_are_not_averaged() -> None:
    runs = [made_up(seed=0, epochs=5), made_up(seed=1, epochs=5), made_up(seed=2, epochs=10, accuracy=0.5)]
    found = line("digits", "LinBreg", runs)
    assert found.cells[0].values == pytest.approx((52,))
    assert found.remarks == ("10 epochs in the place of 40", "on CPU (Abacus 1, threads: 1)")


def test_runs_of_each_length_have_a_line_of_their_own_and_the_paper_stands_beside_the_longest() -> None:
    runs = [made_up("fashion-cnn", epochs=100), *(made_up("fashion-cnn", seed=seed, epochs=20) for seed in (0, 1))]
    found = [one for one in build(TABLES["bungert2021/table-1"], runs) if one.runs]
    assert [(len(one.runs), one.cells[1].papers(), one.remarks[0]) for one in found] == [
        (1, "89.2", "on CPU (Abacus 1, threads: 1)"),
        (2, "", "20 epochs in the place of 100"),
    ]


def test_how_a_run_is_computed_is_no_setting_of_a_row_but_is_never_mixed() -> None:
    other = {"precision": "bfloat16", "memory_format": "channels_last"}
    runs = [made_up(seed=0), made_up(seed=0, **other), made_up(seed=1, **other)]
    found = [one for one in build(TABLES["digits"], runs) if one.runs]
    assert [len(one.runs) for one in found] == [1, 2]
    assert found[1].remarks[0] == "memory_format channels_last, precision bfloat16"
    assert line("digits", "LinBreg", runs).runs == tuple(matching(configure("digits"), runs)) == tuple(runs[:1])


def test_a_row_that_asks_for_a_computation_takes_no_other() -> None:
    runs = [made_up(method="ml-linbreg"), made_up(method="ml-linbreg", compute="sparse")]
    assert matching(configure("digits", "ml-linbreg", given={"compute": "sparse"}), runs) == runs[1:]


def test_every_table_has_its_papers_numbers_beside_ours() -> None:
    table_1 = {
        row.label: {name: mean for name, (mean, _) in row.paper.items()} for row in TABLES["bungert2021/table-1"].rows
    }
    assert table_1["LinBreg"] == {"nonzero": 1.9, "test": 89.2, "training": 91.1}
    assert len(table_1) == 7
    table_3 = {row.label: row.paper for row in TABLES["bungert2021/table-3"].rows}
    assert table_3["AdaBreg + threshold"] == {"total": (9.2, None), "conv": (42.2, None), "test": (90.5, None)}
    assert len(table_3) == 10
    masks = {row.label: row.paper["test"] for row in TABLES["lunk2026/table-2"].rows}
    assert masks["ML LinBreg, ER"] == (91.45, 0.15)
    assert len(masks) == 6
    assert [row.paper["flops"][0] for row in TABLES["lunk2026/flops"].rows if row.paper] == [100, 38, 6]


@pytest.mark.parametrize("name", TABLES)
def test_the_plan_of_a_table_has_a_run_for_every_line_and_seed(name: str) -> None:
    found = TABLES[name]
    runs = [
        made_up(
            c.study,
            c.method,
            c.recipe,
            **{k: v for k, v in c.plain().items() if k not in ("study", "method", "recipe")},
        )
        for c in (run.configuration for run in make_plan(name, name, grids_of(found), {}).runs)
    ]
    for one in build(found, runs):
        assert [run.configuration.seed for run in one.runs] == list(found.seeds), one.row.label


def test_a_threshold_has_the_numbers_of_its_part_and_the_costs_of_the_run() -> None:
    part = {"test_accuracy": 0.8, "training_accuracy": 0.81, "n_total": 0.035}
    run = made_up("fashion-cnn", "lasso", threshold=0.0, threshold_cost=0.005, thresholded=part)
    found = line("bungert2021/table-1", "Lasso, SGD + threshold", [run])
    assert [cell.ours() for cell in found.cells] == ["3.5", "80.0", "81.0"]
    assert [cell.papers() for cell in found.cells] == ["3.5", "90.1", "94.7"]


def test_a_number_that_the_run_does_not_have_is_not_run() -> None:
    run = made_up("fashion-cnn", "lasso", threshold=0.0, threshold_cost=0.005)
    assert line("bungert2021/table-1", "Lasso, SGD + threshold", [run]).cells[0].ours() == NOT_RUN


def test_the_papers_numbers_stand_beside_its_own_recipe_alone() -> None:
    assert line("bungert2021/table-1", "LinBreg", [], "paper").cells[1].papers() == "89.2"
    assert line("bungert2021/table-1", "LinBreg", [], "strong").cells[1].papers() == ""


def test_markdown_has_a_footnote_for_what_differs() -> None:
    lines = build(TABLES["digits"], [made_up(seed=seed, epochs=3) for seed in (0, 1)])
    text = markdown(TABLES["digits"], lines)
    assert "| LinBreg | 90.5 ± 0.7 | 10.0 ± 0.0 | 40 ± 0 |" in text
    assert "| 2 a) b) |" in text
    assert "- a) 3 epochs in the place of 40" in text
    assert "- ± is the standard deviation over n seeds." in text
    assert f"| SGD | {NOT_RUN} | {NOT_RUN} | {NOT_RUN} |  |" in text
    assert footnotes(TABLES["digits"], build(TABLES["digits"], [])) == list(TABLES["digits"].notes)


def test_csv_has_the_numbers_in_full_and_the_runs_behind_them() -> None:
    runs = [made_up("fashion-cnn", "linbreg", seed=seed) for seed in (0, 1)]
    rows = list(
        csv.DictReader(
            io.StringIO(comma_separated(TABLES["bungert2021/table-1"], build(TABLES["bungert2021/table-1"], runs)))
        )
    )
    found = next(row for row in rows if (row["method"], row["recipe"]) == ("LinBreg", "paper"))
    assert float(found["test paper"]) == 89.2
    assert float(found["test mean"]) == pytest.approx(90.5)
    assert float(found["test ±"]) == pytest.approx(2**-0.5)
    assert (found["n"], found["epochs"], found["runs"]) == ("2", "100", " ".join(run.name for run in runs))
    assert next(row for row in rows if row["method"] == "ProxGD")["epochs"] == NOT_RUN


def test_the_command_reads_own_runs_and_says_what_is_missing(tmp_path: Path) -> None:
    write([made_up("fashion-cnn")], tmp_path / "own")
    found = run("bungert2021/table-1", "--runs", tmp_path / "own")
    assert found.exit_code == 0, found.stderr
    assert "mlbreg sweep bungert2021/table-1" in found.stdout
    assert any("LinBreg" in row and "89.2" in row and "90.0" in row for row in found.stdout.splitlines())
    assert "1 of 14" in run("--list", "--runs", tmp_path / "own").stdout
    assert run("bungert2021/table-1", "--format", "markdown", "--runs", tmp_path / "own").stdout.startswith(
        "**Fashion-MNIST"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("table-9",), "NAME must be one of bungert2021/table-1, "),
        ((), "NAME must be one of bungert2021/table-1, "),
        (("digits", "--runs", "nowhere"), "--runs: 'nowhere' must be a folder or a file with runs"),
    ],
)
def test_wrong_usage_is_named(arguments: tuple[str, ...], message: str) -> None:
    found = run(*arguments)
    assert found.exit_code == 2
    assert message in " ".join(found.stderr.split())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("metric = \"flops_share\"", "metric = \"speed\""), "metric in .* must be one of .* got 'speed'"),
        (("{ flops = 38 }", "{ flop = 38 }"), "paper of 'LinBreg' in .* must have columns among"),
        (("seeds = [0]", "seed = [0]"), "must have the entries of a table, got seed"),
        (("method = \"sgd\", ", ""), "is no table"),
    ],
)  # fmt: skip
def test_a_record_with_a_mistake_is_refused(tmp_path: Path, change: tuple[str, str], message: str) -> None:
    text = (Path(read_table.__code__.co_filename).parent / "lunk2026-flops.toml").read_text(encoding="utf-8")
    assert change[0] in text
    (tmp_path / "x.toml").write_text(text.replace(*change), encoding="utf-8")
    with pytest.raises(ValueError, match=message):
        read_table(tmp_path / "x.toml")
