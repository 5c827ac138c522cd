"""Stored runs: what is kept of a folder, that text gives it back, and that the command makes the run again."""

from __future__ import annotations

import itertools
import json
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from mlbreg.experiments.results.library import REVIEWED, runs_at, stored_runs, write
from mlbreg.experiments.results.store_command import store
from mlbreg.experiments.results.stored_run import StoredRunError, command, of_folder, of_lines, own_settings
from mlbreg.experiments.training.configuration import METHODS
from mlbreg.experiments.training.configuration_file import read_assignment, to_toml
from mlbreg.experiments.training.studies import STUDIES, configure
from typer import Typer
from typer.testing import CliRunner, Result

from .made_up_runs import made_up


def folder_of_a_run(path: Path, **given: Any) -> Path:
    """As `mlbreg train` leaves it, with numbers that nobody measured."""
    path.mkdir(parents=True)
    (path / "config.toml").write_text(to_toml(configure("digits", given=given)))
    rows = [
        {"kind": "start", "step": 0, "weights": 0.05, "layers": {"1.weight": 0.05}},
        {"kind": "step", "step": 50, "loss": 9.0, "weights": 0.07},
        {"kind": "epoch", "epoch": 1, "step": 60, "loss": 1.23456789, "weights": 0.1, "flops_dense": 7.0},
    ]
    (path / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (path / "timings.jsonl").write_text('{"epoch": 1, "peak_memory_bytes": 1000}\n')
    (path / "environment.json").write_text(json.dumps([{"command": "mlbreg train --out /data/me/x", "torch": "2"}]))
    (path / "result.json").write_text(json.dumps({"test_accuracy": 2 / 3, "flop_assumptions": ["long"]}))
    (path / "checkpoint.pt").write_bytes(bytes(10**6))
    return path


def run_store(*arguments: object) -> Result:
    application = Typer()
    application.command()(store)
    return CliRunner().invoke(application, [str(argument) for argument in arguments])


def test_a_folder_is_condensed_to_its_numbers(tmp_path: Path) -> None:
    found = of_folder(folder_of_a_run(tmp_path / "a", seed=3))
    assert found.name == "a"
    assert found.configuration.seed == 3
    assert found.result == {"test_accuracy": 0.666667, "peak_memory_bytes": 1000}
    assert found.curves == {"weights": [0.05, 0.1], "loss": [None, 1.2346]}
    assert found.starts == ({"torch": "2"},)
    assert sum(map(len, found.lines())) < 2000


def test_no_path_of_a_machine_is_kept(tmp_path: Path) -> None:
    found = of_folder(folder_of_a_run(tmp_path / "a"))
    assert found.command == "mlbreg train digits --method linbreg --recipe paper --seed 0"
    assert not any("/data/me" in line or str(tmp_path) in line for line in found.lines())


@pytest.mark.parametrize("pictures", [(), ({"kind": "input"}, {"kind": "kernels", "epoch": 0})])
def test_lines_give_the_run_back(pictures: tuple[dict[str, Any], ...]) -> None:
    runs = [made_up(seed=1), made_up(method="rigl", pictures=pictures)]
    assert of_lines([line for run in runs for line in run.lines()], "here") == runs


@pytest.mark.parametrize("study", STUDIES)
@pytest.mark.parametrize("recipe", ["paper", "strong"])
def test_the_command_says_all_that_differs_from_the_study(study: str, recipe: str) -> None:
    for method in METHODS:
        for given in (
            {},
            {"epochs": 3, "distribution": "er", "threshold": 0.25},
            {"lam_linear": 0.3},
            {"lam_conv": 0.125},
        ):
            c = configure(study, method, recipe, {"seed": 2, **given})
            assert configure(study, method, recipe, {**own_settings(c), "seed": 2}) == c
            words = shlex.split(command(c))
            settings = dict(read_assignment(b) for a, b in itertools.pairwise(words) if a == "--set")
            assert configure(study, method, recipe, {**settings, "seed": 2}) == c


def test_a_lambda_that_is_the_studys_own_is_said_where_it_took_the_targets_place() -> None:
    c = configure("fashion-cnn", given={"lam_linear": 0.1})
    assert c.target_sparsity is None
    assert configure("fashion-cnn", given=own_settings(c)) == c


def test_the_order_in_which_runs_are_stored_does_not_matter(tmp_path: Path) -> None:
    runs = [made_up(seed=seed, method=method) for seed in (0, 1) for method in ("linbreg", "rigl")]
    assert [path.name for path in write(runs, tmp_path / "a")] == ["digits.jsonl"]
    write(runs[2:], tmp_path / "b")
    write(reversed(runs[:3]), tmp_path / "b")
    assert (tmp_path / "a" / "digits.jsonl").read_bytes() == (tmp_path / "b" / "digits.jsonl").read_bytes()
    assert write(runs, tmp_path / "a") == []
    assert runs_at(tmp_path / "a") == sorted(runs, key=lambda run: run.name)


def test_own_runs_take_the_place_of_reviewed_ones_with_their_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write([made_up(seed=0), made_up(seed=1)], tmp_path / "reviewed")
    write([made_up(seed=1, accuracy=0.2)], tmp_path / "own")
    monkeypatch.setattr("mlbreg.experiments.results.library.REVIEWED", tmp_path / "reviewed")
    found = stored_runs([tmp_path / "own"])
    assert {run.configuration.seed: run.result["test_accuracy"] for run in found} == {0: 0.9, 1: pytest.approx(0.21)}


def test_store_takes_sweeps_and_says_what_it_leaves_out(tmp_path: Path) -> None:
    folder_of_a_run(tmp_path / "sweep" / "a")
    (folder_of_a_run(tmp_path / "sweep" / "b", seed=1) / "result.json").unlink()
    found = run_store(tmp_path / "sweep", "--into", tmp_path / "kept")
    assert found.exit_code == 0, found.stderr
    assert "1 runs have not ended and are left out" in found.stderr
    assert "1 runs stored" in found.stdout
    assert [run.name for run in runs_at(tmp_path / "kept")] == ["a"]
    again = run_store(tmp_path / "sweep", tmp_path / "kept", "--into", tmp_path / "kept")
    assert "Changed: nothing" in again.stdout


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda run: (run / "result.json").unlink(), "it has no result.json"),
        (lambda run: (run / "config.toml").write_text("method = 3"), "must be the folder of a run, but"),
        (lambda run: (run / "metrics.jsonl").write_text("{"), "must be the folder of a run, but"),
    ],
)
def test_a_folder_that_is_no_run_is_named(tmp_path: Path, spoil: Any, message: str) -> None:
    spoil(folder_of_a_run(tmp_path / "a"))
    found = run_store(tmp_path / "a", "--into", tmp_path / "kept")
    assert found.exit_code == 2
    assert message in " ".join(found.stderr.split())
    assert not (tmp_path / "kept").exists()


@pytest.mark.parametrize("line", ["{", "[]", '{"curve": "x"}', '{"run": "a", "result": {}}'])
def test_a_line_that_is_none_of_a_run_is_named(line: str) -> None:
    with pytest.raises(StoredRunError, match=r"line 1 of here must be|is not whole"):
        of_lines([line], "here")


def test_a_place_without_runs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoredRunError, match="must have stored runs or runs that have ended, got none"):
        stored_runs([tmp_path])
    with pytest.raises(StoredRunError, match="must be a folder or a file with runs"):
        stored_runs([tmp_path / "nowhere"])


def test_the_reviewed_runs_can_be_read_and_are_small() -> None:
    files = sorted(REVIEWED.glob("*.jsonl"))
    assert sum(file.stat().st_size for file in files) < 5_000_000
    runs = stored_runs()
    assert len(runs) == sum(
        len({json.loads(line)["run"] for line in file.read_text(encoding="utf-8").splitlines()}) for file in files
    )
    for file in files:
        lines = [line for run in runs if run.configuration.study == file.stem for line in run.lines()]
        assert file.read_text(encoding="utf-8").splitlines() == lines


def test_stored_runs_tables_and_figures_need_no_torch() -> None:
    modules = ("results.store_command", "paper_tables.command", "paper_figures.command", "sweeps.command")
    code = "; ".join(f"import mlbreg.experiments.{module}" for module in modules)
    assert (
        subprocess.run([sys.executable, "-c", f"{code}; import sys; sys.exit('torch' in sys.modules)"]).returncode == 0
    )
