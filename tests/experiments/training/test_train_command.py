"""``mlbreg train``: what it prints and writes, what it refuses, and that kill -9 costs nothing."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import typer
from mlbreg.experiments.training.command import train
from mlbreg.experiments.training.configuration_file import read_settings
from typer.testing import CliRunner, Result

pytest.importorskip("torch")
pytest.importorskip("sklearn")

pytestmark = pytest.mark.torch
SMALL = ("digits", "--epochs", "2", "--batch-size", "256")


def run(*arguments: str) -> Result:
    application = typer.Typer()
    application.command()(train)
    return CliRunner().invoke(application, list(arguments))


def said(result: Result) -> str:
    return " ".join(result.stderr.split())


def test_a_run_ends_with_a_table_and_a_figure(tmp_path: Path) -> None:
    found = run(*SMALL, "--method", "rigl", "--target-sparsity", "0.8", "--out", str(tmp_path / "x"))
    assert found.exit_code == 0, found.stderr
    assert re.search(r"test accuracy +\d+\.\d\d %", found.stdout)
    assert re.search(r"non-zero weights +20\.0\d %", found.stdout)
    assert 'method = "rigl"' in found.stdout
    assert "epoch 2" in found.stderr
    names = {path.name for path in (tmp_path / "x").iterdir()}
    assert names == {
        "config.toml", "environment.json", "metrics.jsonl", "timings.jsonl", "checkpoint.pt", "result.json",
        "curves.pdf", "curves.png",
    }  # fmt: skip
    assert (tmp_path / "x" / "curves.pdf").stat().st_size > 1000
    again = run(*SMALL, "--method", "rigl", "--target-sparsity", "0.8", "--out", str(tmp_path / "x"), "--resume")
    assert again.exit_code == 0
    assert again.stdout == found.stdout


def test_options_overrule_the_file_and_the_file_the_study(tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text('method = "sgd"\nepochs = 7\nlearning_rate = 0.05\n')
    out = str(tmp_path / "x")
    found = run("digits", "--config", str(tmp_path / "own.toml"), "--epochs", "1", "--batch-size", "512", "--out", out)
    assert found.exit_code == 0, found.stderr
    stored = read_settings(tmp_path / "x" / "config.toml")
    assert (stored["method"], stored["epochs"], stored["learning_rate"]) == ("sgd", 1, 0.05)


def test_lambda_is_that_of_the_layers(tmp_path: Path) -> None:
    assert run(*SMALL, "--lam", "0.25", "--out", str(tmp_path / "x")).exit_code == 0
    assert read_settings(tmp_path / "x" / "config.toml")["lam_linear"] == 0.25


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("svhn",), "study must be one of digits, mnist-mlp"),
        (("digits", "--method", "newton"), "method must be one of sgd, adam"),
        (("digits", "--epochs", "0"), "epochs must be an integer ≥ 1, got 0"),
        (("digits", "--lam", "-1"), "lam_linear must be in [0, ∞), got -1"),
        (("digits", "--method", "sgd", "--target-sparsity", "0.5"), "target_sparsity is for linbreg"),
        (("digits", "--resume", "--fresh"), "--resume and --fresh exclude each other"),
        (("digits", "--checkpoint-seconds", "nan"), "--checkpoint-seconds must be a number ≥ 0, got nan"),
        (("digits", "--resume"), "has no run to resume"),
        (("digits", "--device", "abacus"), "--device must be one that torch can use here, got 'abacus'"),
        (
            ("mnist-mlp", "--data-dir", "nowhere"),
            "--data-dir must be a folder with the files of the data sets, got 'nowhere'",
        ),
        (("digits", "--device", "meta"), "got 'meta': only cpu and cuda are supported"),
        (("digits", "--config", "nowhere.toml"), "'nowhere.toml' cannot be read"),
    ],
)
def test_wrong_usage_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    found = run(*arguments)
    assert found.exit_code == 2
    assert message in said(found)
    assert not list(tmp_path.rglob("config.toml"))


def test_missing_data_is_known_before_the_training(tmp_path: Path) -> None:
    found = run("mnist-mlp", "--data-dir", str(tmp_path), "--out", str(tmp_path / "x"))
    assert found.exit_code == 2
    assert "t10k-images-idx3-ubyte is missing in" in said(found)


def test_a_folder_with_a_run_is_not_written_over_by_accident(tmp_path: Path) -> None:
    out = ("--out", str(tmp_path / "x"))
    assert run(*SMALL, *out).exit_code == 0
    before = (tmp_path / "x" / "metrics.jsonl").read_bytes()
    refused = run(*SMALL, *out)
    assert refused.exit_code == 2
    assert "has a run already: --resume goes on with it, --fresh replaces it" in said(refused)
    other = run(*SMALL, "--seed", "3", "--resume", *out)
    assert other.exit_code == 2
    assert "seed is 3 here and 0 there" in said(other)
    assert (tmp_path / "x" / "metrics.jsonl").read_bytes() == before
    assert run(*SMALL, "--seed", "3", "--fresh", *out).exit_code == 0
    assert (tmp_path / "x" / "metrics.jsonl").read_bytes() != before


def test_a_training_that_diverges_exits_with_1(tmp_path: Path) -> None:
    found = run(*SMALL, "--method", "sgd", "--lr", "1e12", "--out", str(tmp_path / "x"))
    assert found.exit_code == 1
    assert "diverged:" in said(found)
    assert "take a smaller learning rate than 1e+12" in said(found)


def test_an_output_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    found = run(*SMALL, "--out", str(tmp_path / "file" / "x"))
    assert found.exit_code == 2
    assert "--out must be a folder that can be written" in said(found)


def test_without_an_extra_the_command_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    monkeypatch.setitem(sys.modules, "sklearn", None)
    found = run(*SMALL, "--out", str(tmp_path / "x"))
    assert found.exit_code == 2
    assert "pip install 'mlbreg[torch]'" in said(found)


def _start(*arguments: str) -> subprocess.Popen[bytes]:
    code = "import typer; from mlbreg.experiments.training.command import train; typer.run(train)"
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def _wait_for(path: Path, lines: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 120
    while not path.is_file() or path.read_bytes().count(b"\n") < lines:
        assert process.poll() is None, "the run ended before it was killed"
        assert time.monotonic() < deadline
        time.sleep(0.01)


LONG = ("digits", "--epochs", "60", "--method", "ml-linbreg", "--target-sparsity", "0.9", "--checkpoint-seconds", "0.2")


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    assert _start(*LONG, "--out", str(folder)).wait() == 0
    return folder


@pytest.mark.slow
@pytest.mark.parametrize(
    ("sent", "status", "after"),
    [(signal.SIGKILL, -signal.SIGKILL, (8, 40)), (signal.SIGTERM, 130, (20,)), (signal.SIGINT, 130, (30,))],
)
def test_a_run_that_is_killed_and_resumed_has_the_metrics_of_one_that_was_not(
    tmp_path: Path, uninterrupted: Path, sent: signal.Signals, status: int, after: tuple[int, ...]
) -> None:
    """Killed when the metrics have so many lines."""
    for part, lines in enumerate(after):
        process = _start(*LONG, "--out", str(tmp_path), *(["--resume"] if part else []))
        _wait_for(tmp_path / "metrics.jsonl", lines, process)
        process.send_signal(sent)
        assert process.wait() == status
    assert not (tmp_path / "result.json").exists()
    assert _start(*LONG, "--out", str(tmp_path), "--resume").wait() == 0
    assert (tmp_path / "metrics.jsonl").read_bytes() == (uninterrupted / "metrics.jsonl").read_bytes()
    assert _result(tmp_path) == _result(uninterrupted)


def _result(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "result.json").read_text())
    del found["seconds"]
    return found
