"""``mlbreg sweep --cluster`` on a Dask cluster of this machine: two workers, one of which dies."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path

import pytest
from mlbreg.experiments.sweeps.cluster import of_machine
from mlbreg.experiments.sweeps.command import sweep
from typer import Typer
from typer.testing import CliRunner

SECONDS = 240
LONG = "[[runs]]\nepochs = 20000\nseed = [0, 1]\n"


def test_without_the_extra_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    application = Typer()
    application.command()(sweep)
    found = CliRunner().invoke(application, ["digits", "--into", str(tmp_path), "--cluster", "tcp://127.0.0.1:9"])
    assert found.exit_code == 2
    assert "--cluster tcp://127.0.0.1:9 needs the extra cluster: pip install 'mlbreg[cluster]'" in " ".join(
        found.stderr.split()
    )


def test_a_worker_without_the_sweeps_folder_is_told_apart(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / ".shared-1").touch()
    here, there = of_machine(str(tmp_path / "a")), of_machine(str(tmp_path / "b"))
    assert list(here.values())[-1] == ".shared-1"
    assert list(there.values())[-1] == "not there"
    assert list(here.values())[:-1] == list(there.values())[:-1]


def until(condition: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"waited {SECONDS} s for {what}"
        time.sleep(0.05)


@contextmanager
def started(arguments: list[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """With a session of its own, which ends as a whole."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "3"}
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, *arguments], stdout=file, stderr=subprocess.STDOUT, cwd=log.parent, env=environment,
            start_new_session=True,
        )  # fmt: skip
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[tuple[str, list[subprocess.Popen[bytes]]]]:
    """The scheduler's address, and two workers of two threads each: one has room for the runs of both."""
    for needed in ("distributed", "torch", "sklearn"):
        if find_spec(needed) is None:
            pytest.skip(f"{needed} is not installed")
    folder = tmp_path / "dask"
    folder.mkdir()
    known = folder / "scheduler.json"
    here = ["--host", "127.0.0.1", "--scheduler-file", str(known), "--no-dashboard"]
    alone = ["--no-nanny", "--nthreads", "2", "--local-directory", str(folder)]
    logs = [folder / f"worker-{number}.log" for number in range(2)]
    with ExitStack() as stack:
        stack.enter_context(started(["-m", "dask", "scheduler", "--port", "0", *here], folder / "scheduler.log"))
        workers = [stack.enter_context(started(["-m", "dask", "worker", *here, *alone], log)) for log in logs]
        until(lambda: known.is_file() and known.read_text().endswith("}"), "the scheduler")
        until(lambda: all("Registered to" in log.read_text() for log in logs), "the workers")
        yield json.loads(known.read_text())["address"], workers


def start(*arguments: object) -> subprocess.Popen[str]:
    code = "import typer; from mlbreg.experiments.sweeps.command import sweep; typer.run(sweep)"
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def begun(out: Path) -> int:
    return sum(path.read_bytes().count(b"\n") > 5 for path in out.glob("*/metrics.jsonl"))


@pytest.mark.torch
@pytest.mark.cluster
@pytest.mark.slow
def test_workers_do_the_runs_and_one_that_diverges_is_named(
    tmp_path: Path, cluster: tuple[str, list[subprocess.Popen[bytes]]]
) -> None:
    (tmp_path / "own.toml").write_text('[[runs]]\nepochs = 1\nmethod = "sgd"\nlearning_rate = [0.1, 1e12]\n')
    process = start(tmp_path / "own.toml", "--into", tmp_path / "out", "--cluster", cluster[0])
    said, complained = process.communicate(timeout=SECONDS)
    assert process.returncode == 1, complained
    assert "1 done, 1 diverged" in said
    assert "take a smaller learning rate than 1e+12" in complained
    assert not list((tmp_path / "out").glob(".shared-*"))


@pytest.mark.torch
@pytest.mark.cluster
@pytest.mark.slow
def test_a_run_whose_worker_dies_goes_on_elsewhere_and_an_interrupt_stops_all(
    tmp_path: Path, cluster: tuple[str, list[subprocess.Popen[bytes]]]
) -> None:
    address, workers = cluster
    out = tmp_path / "out"
    (tmp_path / "own.toml").write_text(LONG)
    process = start(tmp_path / "own.toml", "--into", out, "--cluster", address)
    until(lambda: begun(out) == 2, "both runs")
    # So that there is something to go on from: checkpoints are saved at the ends of epochs.
    until(lambda: len(list(out.glob("*/checkpoint.pt"))) == 2, "checkpoints")
    workers[0].kill()
    until(lambda: starts(out) == [1, 2], "the run on the other worker")
    resumed = max((json.loads(path.read_text()) for path in out.glob("*/environment.json")), key=len)
    assert resumed[1]["first_step"] > 1
    process.send_signal(signal.SIGINT)
    _, complained = process.communicate(timeout=SECONDS)
    assert process.returncode == 130, complained
    until(lambda: still(out), "the end of the runs")
    assert len(list(out.glob("*/checkpoint.pt"))) == 2


def starts(out: Path) -> list[int]:
    """How often each run was begun or resumed."""
    return sorted(len(json.loads(path.read_text())) for path in out.glob("*/environment.json"))


def still(out: Path) -> bool:
    """Whether no metrics are written any more."""
    before = [path.stat().st_size for path in sorted(out.glob("*/metrics.jsonl"))]
    time.sleep(1.5)
    return before == [path.stat().st_size for path in sorted(out.glob("*/metrics.jsonl"))]


@pytest.mark.cluster
def test_an_address_without_a_scheduler_is_named(tmp_path: Path) -> None:
    if find_spec("distributed") is None:
        pytest.skip("distributed is not installed")
    process = start("digits", "--into", tmp_path, "--cluster", "tcp://127.0.0.1:9")
    _, complained = process.communicate(timeout=SECONDS)
    assert process.returncode == 2
    assert "--cluster: there is no Dask scheduler at tcp://127.0.0.1:9" in complained
