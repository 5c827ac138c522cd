"""Plans: which runs they mean, what their names are, and that nonsense is known before anything runs."""

from __future__ import annotations

from pathlib import Path

import pytest
from mlbreg.experiments.sweeps.built_in_plans import chosen_plan, plan_names
from mlbreg.experiments.sweeps.command import sweep
from mlbreg.experiments.sweeps.plan import PlanError, make_plan, run_name
from mlbreg.experiments.training.studies import configure
from typer import Typer
from typer.testing import CliRunner, Result


def run(*arguments: object) -> Result:
    application = Typer()
    application.command()(sweep)
    return CliRunner().invoke(application, [str(argument) for argument in arguments])


def plan_of(tmp_path: Path, text: str, **changes: object) -> list[tuple[object, ...]]:
    (tmp_path / "own.toml").write_text(text, encoding="utf-8")
    found = chosen_plan(str(tmp_path / "own.toml"), changes)
    return [(r.configuration.method, r.configuration.lam_linear, r.configuration.seed) for r in found.runs]


def test_a_grid_is_every_combination_in_order(tmp_path: Path) -> None:
    found = plan_of(tmp_path, '[[runs]]\nmethod = ["linbreg", "adabreg"]\nlam = [0.1, 0.2]\nseed = [0, 1]\n')
    assert found == [(m, x, s) for m in ("linbreg", "adabreg") for x in (0.1, 0.2) for s in (0, 1)]


def test_grids_that_meet_have_a_run_once(tmp_path: Path) -> None:
    text = "[[runs]]\nlam = [0.1, 0.2]\n[[runs]]\nlam = [0.2, 0.3]\n"
    assert [lam for _, lam, _ in plan_of(tmp_path, text)] == [0.1, 0.2, 0.3]


@pytest.mark.parametrize("changes", [{"lam": 0.5}, {"lam_linear": 0.5}, {"lam": [0.5]}])
def test_a_change_takes_the_place_of_the_plans_values(tmp_path: Path, changes: dict[str, object]) -> None:
    assert plan_of(tmp_path, "[[runs]]\nlam = [0.1, 0.2]\nseed = [0, 1]\n", **changes, seed=3) == [("linbreg", 0.5, 3)]


def test_a_name_is_readable_and_says_whatever_decides() -> None:
    names = set()
    for given in (
        {}, {"seed": 1}, {"seed": 11}, {"lam_linear": 0.1}, {"lam_linear": 0.10000001}, {"density": 1.0}, {"criterion": "magma"},
        {"lam_linear": 0.1, "seed": 1},
    ):  # fmt: skip
        names.add(run_name(configure("digits", given=given)))
    assert len(names) == 8
    assert run_name(configure("digits", given={"lam_linear": 0.1, "seed": 1})).startswith(
        "digits-linbreg-paper-lam_linear=0.1-seed=1-"
    )
    assert all(set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789._=-") for name in names)


def test_a_name_is_not_longer_than_a_file_system_allows() -> None:
    given = {
        "lam_linear": 0.123456789,
        "lam_conv": 0.123456789,
        "density": 0.123456789,
        "delta": 1.23456789,
        "dual_decay": 0.1,
    }
    first, second = (run_name(configure("digits", given={**given, "momentum": x})) for x in (0.1, 0.2))
    assert max(len(first), len(second)) < 120
    assert first != second


@pytest.mark.parametrize("name", plan_names())
def test_every_built_in_plan_has_runs_without_collisions(name: str) -> None:
    found = chosen_plan(name, {})
    assert (
        len({run.name for run in found.runs}) == len({run.configuration for run in found.runs}) == len(found.runs) > 0
    )


def test_the_papers_tables_are_plans() -> None:
    assert chosen_plan("bungert2021/table-1", {}).runs == chosen_plan("bungert2021-table-1", {}).runs
    assert len(chosen_plan("digits", {}).runs) == 15 * 5
    # 7 rows, 2 recipes, 2 seeds.
    assert len(chosen_plan("bungert2021-table-1", {}).runs) == 28
    # A row with a threshold is the same run as the row without.
    assert len(chosen_plan("bungert2021-table-3", {}).runs) == 6 * 2 * 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[runs]]\nmethod = 'newton'\n", "method in [[runs]] 1 must be among sgd, adam"),
        ("[[runs]]\nstudy = 'svhn'\n", "study in [[runs]] 1 must be among digits, mnist-mlp"),
        ("[[runs]]\nepoch = 3\n", "[[runs]] 1 must have names among lam, study, method"),
        ("[[runs]]\nseed = 0\n[[runs]]\nepochs = [1, 0]\n", "[[runs]] 2 of own: epochs must be an integer ≥ 1, got 0"),
        ("[[runs]]\nseed = []\n", "seed in [[runs]] 1 must have one value or more, got []"),
        ("[[runs]]\nseed = [[1]]\n", "seed in [[runs]] 1 must be a value or a list of values, got [1]"),
        ("[[runs]]\nmethod = 'sgd'\ntarget_sparsity = 0.9\n", "[[runs]] 1 of own: target_sparsity is for linbreg"),
        ("[[runs]]\nlam = -1\n", "lam_linear must be in [0, ∞), got -1"),
        ("runs = 3\n", "must have one [[runs]] or more, got 3"),
        ("", "must have one [[runs]] or more, got None"),
        ("title = 3\n[[runs]]\nseed = 0\n", "title in"),
        ("[[run]]\nseed = 0\n", "must have title and [[runs]], got run"),
        ("[[runs]\n", "must be a TOML file, but"),
    ],
)  # fmt: skip
def test_nonsense_in_a_plan_is_named_before_anything_runs(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "own.toml").write_text(text, encoding="utf-8")
    found = run(tmp_path / "own.toml", "--into", tmp_path / "out")
    assert found.exit_code == 2
    assert message in " ".join(found.stderr.split())
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nowhere",), "PLAN must be a TOML file or one of autoencoder, "),
        (("nowhere.toml",), "PLAN 'nowhere.toml' cannot be read"),
        (("digits", "--workers", "0"), "--workers must be an integer ≥ 1, got 0"),
        (("digits", "--threads", "-1"), "--threads must be an integer ≥ 0, got -1"),
        (("digits", "--set", "epoch=1"), "NAME=VALUE must have a NAME among lam, study, "),
        (("digits", "--set", "epochs=none"), "epochs must be an integer ≥ 1, got 'none'"),
        (("digits", "--only", "method=rig"), "--only must leave a run of digits, got method=rig"),
        (("digits", "--data-dir", "nowhere"), "--data-dir must be a folder with the files of the data sets, got 'nowhere'"),
        (("digits", "--workers", "2", "--cluster", "tcp://a:1"), "--workers is for this machine, not for --cluster, got 2"),
    ],
)  # fmt: skip
def test_wrong_usage_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    found = run(*arguments)
    assert found.exit_code == 2
    assert message in " ".join(found.stderr.split())
    assert list(tmp_path.iterdir()) == []


def test_status_of_a_sweep_that_has_not_begun_makes_no_folder(tmp_path: Path) -> None:
    found = run("digits", "--into", tmp_path / "out", "--status", "--set", "seed=[0,1]", "--only", "method=rigl")
    assert found.exit_code == 0
    assert "2 waiting" in found.stdout
    assert not (tmp_path / "out").exists()


def test_an_error_names_the_grid() -> None:
    with pytest.raises(PlanError, match=r"\[\[runs\]\] 1 of mine: density must be in"):
        make_plan("mine", "mine", [{"density": 2.0}], {})
