"""``mlbreg verify --executor dask://…`` on a real cluster whose workers die."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from .conftest import SECONDS, DaskCluster, until

pytestmark = pytest.mark.cluster

# Every process that judges a claim leaves a file with its name: pid, the worker's pid, and where the claims come from.
CLAIMS = """
import os
import signal
import time
from pathlib import Path

from mlbreg.paper_checks import claim, families, given

FOLDER = Path({folder!r})


def sign(name):
    file = FOLDER / f"{{name}}-{{os.getpid()}}"
    if not file.exists():
        file.with_suffix(".part").write_text(f"{{os.getpid()}} {{os.getppid()}} {{__file__}}")
        file.with_suffix(".part").rename(file)


def one(name, before, less):
    @claim(f"mine/{{name}}", statement="0 \\\\le 1", source="a test")
    @given(problem=families.problems(losses=("quadratic",)), theta=families.points())
    def margin(problem, theta):
        sign(name)
        before()
        return problem.loss.value(theta) - less


def wait():
    while (FOLDER / "wait").exists():
        time.sleep(0.05)


one("fast", lambda: None, 1)
one("slow", wait, 0)
"""

DEADLY = """
one("kills-itself", lambda: os.kill(os.getpid(), signal.SIGKILL), 0)
one("kills-its-worker", lambda: os.kill(os.getppid(), signal.SIGKILL), 0)
"""

# The command, with lines as long as they get, and with a report that is the evidence and takes no time to write.
COMMAND = """
import json
from mlbreg.paper_checks import command_line, report

def write(run, folder, jobs):
    (folder / "report.json").write_text(json.dumps([claim.to_json() for claim in run.claims]))

report.write = write
command_line._errors.width = 1000
command_line.main()
"""


class Desk:
    """A claims file, a folder in which its claims leave their names, and the command."""

    def __init__(self, folder: Path, more: str = "") -> None:
        self.folder, self.signed, self.file = folder, folder / "signed", folder / "my_claims.py"
        self.signed.mkdir()
        self.file.write_text(CLAIMS.format(folder=str(self.signed)) + more)

    def command(self, *arguments: str) -> subprocess.Popen[str]:
        """``mlbreg verify``, under way."""
        line = ["verify", *arguments, "--claims", str(self.file), "--effort", "quick", "--seed", "3"]
        return subprocess.Popen(
            [sys.executable, "-c", COMMAND, *line], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def signatures(self, name: str) -> list[list[str]]:
        """What the processes that judged a claim have left: [pid, parent's pid, file of the claims]."""
        return [file.read_text().split(" ", 2) for file in self.signed.glob(f"{name}-*") if file.suffix != ".part"]

    def evidence(self, out: str) -> dict[str, Any]:
        """The evidence by claim, without the time that it took."""
        claims = json.loads((self.folder / out / "report.json").read_text())
        return {claim["id"]: claim | {"seconds": None} for claim in claims}


def finished(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Exit status, output and errors."""
    try:
        printed, errors = process.communicate(timeout=SECONDS)
    finally:
        process.kill()
        process.wait()
    return process.returncode, printed, errors


def is_alive(pid: str) -> bool:
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z" if Path("/proc").is_dir() else True


def test_a_worker_that_is_killed_costs_no_finished_work_and_changes_no_evidence(
    cluster: DaskCluster, tmp_path: Path
) -> None:
    desk, partial = Desk(tmp_path), tmp_path / "far.partial"
    (desk.signed / "wait").touch()
    chosen = ("mine", "lunk2026/first-order-coherence")
    process = desk.command(*chosen, "--executor", f"dask://{cluster.address}", "--out", str(tmp_path / "far"))
    try:
        done = {"mine--fast.json", "lunk2026--first-order-coherence.json"}
        until(lambda: {file.name for file in partial.glob("*.json")} == done, "other claims", process)
        until(lambda: desk.signatures("slow"), "slow claim", process)
        ((child, worker, source),) = desk.signatures("slow")
        assert int(worker) in {process.pid for process in cluster.workers}
        assert source != str(desk.file)  # the source was sent: the worker may be on another machine
        os.kill(int(worker), signal.SIGKILL)
        until(lambda: not is_alive(child), "end of the process that the dead worker had started")
        until(lambda: len(desk.signatures("slow")) == 2, "other worker", process)
        (desk.signed / "wait").unlink()
    except BaseException:
        process.kill()
        raise
    status, _, errors = finished(process)
    assert (status, "Traceback" in errors) == (0, False), errors
    assert "mine/slow: supported, " in errors
    assert len({worker for _, worker, _ in desk.signatures("slow")}) == 2
    assert len(desk.signatures("fast")) == 1  # and was not judged again
    assert not partial.exists()

    status, _, errors = finished(desk.command(*chosen, "--jobs", "2", "--out", str(tmp_path / "near")))
    assert status == 0, errors
    assert desk.evidence("far") == desk.evidence("near")
    assert {id: claim["verdict"] for id, claim in desk.evidence("far").items()} == {
        "lunk2026/first-order-coherence": "proved",
        "mine/fast": "refuted",
        "mine/slow": "supported",
    }


def test_an_interrupted_command_ends_its_work_on_the_cluster_and_goes_on_elsewhere(
    cluster: DaskCluster, tmp_path: Path
) -> None:
    desk = Desk(tmp_path)
    (desk.signed / "wait").touch()
    process = desk.command("mine", "--executor", f"dask://{cluster.address}", "--out", str(tmp_path / "out"))
    try:
        until(lambda: (tmp_path / "out.partial" / "mine--fast.json").exists(), "fast claim", process)
        until(lambda: desk.signatures("slow"), "slow claim", process)
        process.send_signal(signal.SIGINT)
    except BaseException:
        process.kill()
        raise
    status, printed, errors = finished(process)
    assert status == 130, errors
    assert f"interrupted: 1 of 2 claims are judged; their evidence is in {tmp_path / 'out'}.partial" in errors
    assert "Traceback" not in printed + errors
    ((child, _, _),) = desk.signatures("slow")
    until(lambda: not is_alive(child), "end of the process that judged the slow claim")
    assert all(worker.poll() is None for worker in cluster.workers)

    (desk.signed / "wait").unlink()
    status, _, errors = finished(desk.command("mine", "--jobs", "1", "--out", str(tmp_path / "out")))
    assert status == 0, errors
    assert "mine/fast: refuted (kept from the interrupted run)" in errors


def test_a_claim_that_kills_what_judges_it_is_undecided_and_the_others_are_judged(
    cluster: DaskCluster, tmp_path: Path
) -> None:
    desk = Desk(tmp_path, DEADLY)
    chosen = ("mine/fast", "mine/kills-itself", "mine/kills-its-worker")
    # Its worker, and then the other one: all that the cluster has. So this one comes last.
    executor = ("--executor", f"dask://{cluster.address}")
    status, _, errors = finished(desk.command(*chosen[:2], *executor, "--out", str(tmp_path / "first")))
    assert status == 0, errors
    first = desk.evidence("first")
    assert first["mine/fast"]["verdict"] == "refuted"
    assert first["mine/kills-itself"]["verdict"] == "undecided"
    assert "the process that judged it was ended by SIGKILL" in first["mine/kills-itself"]["reason"]
    assert len(desk.signatures("kills-itself")) == 3
    assert all(worker.poll() is None for worker in cluster.workers)

    status, _, errors = finished(desk.command(chosen[2], *executor, "--out", str(tmp_path / "second")))
    assert status == 0, errors
    second = desk.evidence("second")["mine/kills-its-worker"]
    assert second["verdict"] == "undecided"
    assert "all those workers died while running it" in second["reason"]
    assert len(desk.signatures("kills-its-worker")) == 2


def test_a_scheduler_that_is_lost_is_an_error_and_the_finished_evidence_is_kept(
    cluster: DaskCluster, tmp_path: Path
) -> None:
    desk = Desk(tmp_path)
    (desk.signed / "wait").touch()
    process = desk.command("mine", "--executor", f"dask://{cluster.address}", "--out", str(tmp_path / "out"))
    try:
        until(lambda: (tmp_path / "out.partial" / "mine--fast.json").exists(), "fast claim", process)
        until(lambda: desk.signatures("slow"), "slow claim", process)
        cluster.scheduler.kill()
    except BaseException:
        process.kill()
        raise
    status, printed, errors = finished(process)
    assert status == 2, errors
    assert f"the connection to the Dask scheduler at {cluster.address} was lost" in errors
    assert f"1 of 2 claims are judged; their evidence is in {tmp_path / 'out'}.partial" in errors
    assert "Traceback" not in printed + errors
    ((child, _, _),) = desk.signatures("slow")
    until(lambda: not is_alive(child), "end of the process that judged the slow claim")
