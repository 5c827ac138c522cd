"""Runs are read as data: from installed packages, files and folders, and without torch or what made them."""

import subprocess
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from mlbreg.experiments.results.library import stored_runs as of_the_experiments
from mlbreg.paper_checks.empirical import stored_runs as reading
from mlbreg.paper_checks.empirical.stored_runs import Run, StoredRunsError, digest, of_lines, reviewed, stored_runs

A_RUN = Run("a run", {"study": "s", "seed": 0}, "mlbreg train s --seed 0", {"weights": 0.1}, {"loss": [None, 1.0]})

Lines = Callable[[Sequence[Run]], str]


def test_the_reviewed_runs_are_those_that_ship_with_the_experiments() -> None:
    ours = {run.name: run for run in reviewed()}
    theirs = {run.name: run for run in of_the_experiments()}
    assert len(ours) >= 90
    assert ours.keys() == theirs.keys()
    for name, run in ours.items():
        other = theirs[name]
        assert (run.result, run.curves) == (other.result, other.curves)
        # A setting that is younger than the run has its default, which is not written down here.
        assert run.settings.items() <= other.configuration.plain().items()


def test_they_are_found_without_torch() -> None:
    code = (
        "import sys; from mlbreg.paper_checks.empirical.stored_runs import reviewed; "
        "assert reviewed(); sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_without_the_experiments_there_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = EntryPoint("reviewed", "mlbreg.experiments_that_are_not_installed.results", reading.GROUP)
    monkeypatch.setattr(reading, "entry_points", lambda **_: [entry])
    assert reviewed() == []


def test_a_package_of_runs_that_is_broken_is_not_passed_over(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "broken_runs_for_a_test.py").write_text("import nothing_of_this_name")
    monkeypatch.syspath_prepend(tmp_path)
    entry = EntryPoint("reviewed", "broken_runs_for_a_test", reading.GROUP)
    monkeypatch.setattr(reading, "entry_points", lambda **_: [entry])
    with pytest.raises(ModuleNotFoundError, match="nothing_of_this_name"):
        reviewed()


def test_a_place_is_a_file_or_a_folder_and_its_runs_replace_reviewed_ones(lines_of: Lines, tmp_path: Path) -> None:
    name = reviewed()[0].name
    own = Run(name, {"study": "mine"}, "mlbreg train mine", {}, {})
    (tmp_path / "mine.jsonl").write_text(lines_of([own, A_RUN]), encoding="utf-8")
    for place in (tmp_path, tmp_path / "mine.jsonl"):
        found = {run.name: run for run in stored_runs([place])}
        assert found[name] == own
        assert found["a run"] == A_RUN
        assert len(found) == len(reviewed()) + 1


def test_a_place_without_runs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoredRunsError, match="must be a file of stored runs or a folder with such files"):
        stored_runs([tmp_path])
    with pytest.raises(StoredRunsError, match="cannot be read"):
        stored_runs([tmp_path / "none.jsonl"])


@pytest.mark.parametrize("line", ["{", "[]", '{"curve": "loss"}', '{"run": "a", "curve": "loss"}', "3"])
def test_a_line_that_is_none_is_named(line: str) -> None:
    with pytest.raises(StoredRunsError, match="line 1 of mine must be one of a stored run"):
        of_lines([line], "mine")


def test_a_run_with_a_part_missing_is_named() -> None:
    with pytest.raises(StoredRunsError, match="run 'a' in mine is not whole: it has no command"):
        of_lines(['{"run": "a", "configuration": {}}'], "mine")


def test_departures_are_what_the_command_sets_but_for_the_budget() -> None:
    command = (
        "mlbreg train s --method m --seed 0 --set 'conv=filters' --set epochs=3 --set lam_conv=0.5 --set augment=false"
    )
    assert Run("a", {}, command).departures == {"conv": "filters", "lam_conv": 0.5, "augment": False}


def test_the_digest_is_that_of_the_numbers_in_whatever_order() -> None:
    other = Run("another", {}, "", {"weights": 0.2})
    assert digest([A_RUN, other]) == digest([other, A_RUN])
    assert digest([A_RUN]) != digest([Run("a run", A_RUN.settings, A_RUN.command, {"weights": 0.2}, A_RUN.curves)])
    assert digest([]) == ""
