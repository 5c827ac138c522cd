"""``mlbreg sweep`` with real runs: a failure does not lose the others, Ctrl-C and kill -9 cost nothing, done runs are left."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("sklearn")

pytestmark = [pytest.mark.torch, pytest.mark.slow]

SECONDS = 240
PLAN = """
[[runs]]
epochs = 1
batch_size = 512
method = ["linbreg", "rigl"]
mask_every = 1
[[runs]]
epochs = 1
method = "sgd"
learning_rate = 1e12
[[runs]]
study = "mnist-mlp"
"""


def start(*arguments: object) -> subprocess.Popen[str]:
    code = "import typer; from mlbreg.experiments.sweeps.command import sweep; typer.run(sweep)"
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.Popen(
        command, env={**os.environ, "OMP_NUM_THREADS": "1"}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def until(condition: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"waited {SECONDS} s for {what}"
        time.sleep(0.05)


def lines(folder: Path) -> int:
    return sum(path.read_bytes().count(b"\n") for path in folder.glob("*/metrics.jsonl"))


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def children(pid: int) -> list[int]:
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except FileNotFoundError:
        return []


@pytest.fixture
def long_plan(tmp_path: Path) -> Path:
    path = tmp_path / "long.toml"
    path.write_text("[[runs]]\nepochs = 20000\nseed = [0, 1, 2]\n")
    return path


def test_runs_that_diverge_or_fail_do_not_lose_the_others(tmp_path: Path) -> None:
    plan, out, empty = tmp_path / "own.toml", tmp_path / "out", tmp_path / "empty"
    plan.write_text(PLAN)
    empty.mkdir()
    process = start(plan, "--into", out, "--workers", "2", "--data-dir", empty)
    said, complained = process.communicate(timeout=SECONDS)
    assert process.returncode == 1, complained
    assert "2 done, 1 diverged, 1 failed" in said
    assert "take a smaller learning rate than 1e+12" in complained
    assert "t10k-images-idx3-ubyte is missing in" in complained
    failures = {path.parent.name[:6]: json.loads(path.read_text()) for path in out.glob("*/failure.json")}
    assert {name: failure["state"] for name, failure in failures.items()} == {"digits": "diverged", "mnist-": "failed"}
    results = {path: path.stat().st_mtime_ns for path in out.glob("*/result.json")}
    assert len(results) == 2
    environment = json.loads(next(out.glob("*rigl*/environment.json")).read_text())
    assert environment[0]["command"].startswith("mlbreg train digits --method rigl --recipe paper --seed 0 --set ")
    # Again: what is done is left, what diverged would do so again, and what failed is tried.
    process = start(plan, "--into", out, "--data-dir", empty)
    said, complained = process.communicate(timeout=SECONDS)
    assert process.returncode == 1
    assert "4 runs, 3 of them done or diverged already" in complained
    # And anew, where that was asked for.
    process = start(plan, "--into", out, "--only", "study=digits", "--retry")
    said, complained = process.communicate(timeout=SECONDS)
    assert process.returncode == 1
    assert "3 runs, 2 of them done or diverged already" in complained
    assert "2 done, 1 diverged" in said
    assert len(json.loads(next(out.glob("digits-sgd*/environment.json")).read_text())) == 1
    assert {path: path.stat().st_mtime_ns for path in out.glob("*/result.json")} == results


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_stops_the_runs_and_the_same_command_resumes_them(
    tmp_path: Path, long_plan: Path, sent: signal.Signals
) -> None:
    out = tmp_path / "out"
    process = start(long_plan, "--into", out)
    until(lambda: lines(out) > 5, "the first metrics")
    # While it works another sweep is refused.
    other = start(long_plan, "--into", out)
    assert "another sweep works in" in other.communicate(timeout=SECONDS)[1]
    assert other.returncode == 2
    process.send_signal(sent)
    _, complained = process.communicate(timeout=SECONDS)
    assert process.returncode == 130
    assert "the same command goes on" in complained
    (begun,) = (path.parent for path in out.glob("*/config.toml"))
    assert (begun / "checkpoint.pt").is_file()
    assert not (begun / "failure.json").exists()
    before = lines(out)
    process = start(long_plan, "--into", out)
    until(lambda: lines(out) > before, "the resumed run")
    process.send_signal(sent)
    process.communicate(timeout=SECONDS)
    environment = json.loads((begun / "environment.json").read_text())
    assert len(environment) == 2
    assert environment[1]["first_step"] > 1


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="looks for processes in /proc")
def test_runs_end_when_their_sweep_is_killed(tmp_path: Path, long_plan: Path) -> None:
    out = tmp_path / "out"
    process = start(long_plan, "--into", out, "--workers", "2")
    until(lambda: lines(out) > 5, "the first metrics")
    runs = children(process.pid)
    assert len(runs) == 2
    process.kill()
    process.communicate()
    until(lambda: not any(alive(pid) for pid in runs), "the end of the runs")
    assert not list(out.glob("*/result.json"))


def test_a_run_that_is_killed_failed_and_is_resumed_by_the_next_sweep(tmp_path: Path) -> None:
    plan, out = tmp_path / "own.toml", tmp_path / "out"
    plan.write_text("[[runs]]\nepochs = 20000\n")
    process = start(plan, "--into", out)
    until(lambda: lines(out) > 5, "the first metrics")
    os.kill(children(process.pid)[0], signal.SIGKILL)
    said, complained = process.communicate(timeout=SECONDS)
    assert process.returncode == 1
    assert "1 failed" in said
    assert "ended by SIGKILL" in complained
    process = start(plan, "--into", out)
    before = lines(out)
    until(lambda: lines(out) > before + 5, "the resumed run")
    assert not list(out.glob("*/failure.json"))
    process.terminate()
    process.communicate(timeout=SECONDS)
    assert process.returncode == 130
