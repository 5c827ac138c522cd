"""A claim in a process of its own: the answer, and the ends that such a process can meet."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from mlbreg.paper_checks import registry
from mlbreg.paper_checks.effort import Effort
from mlbreg.paper_checks.evidence import from_json
from mlbreg.paper_checks.executors import child
from mlbreg.paper_checks.executors.environment import environment
from mlbreg.paper_checks.executors.worker import ChildError, UnwantedError, ask_child
from mlbreg.paper_checks.judge import judge

from .conftest import until

CLAIM = """
import os, signal, sys, time
from pathlib import Path
from mlbreg.paper_checks import claim, families, given

@claim("mine/{id}", statement="0 \\\\le 1", source="a test")
@given(problem=families.problems(losses=("quadratic",)), theta=families.points())
def margin(problem, theta):
    {before}
    return problem.loss.value(theta)
"""


def request_of(*files: Path, id: str, **changed: Any) -> dict[str, Any]:
    """What a worker is asked."""
    sources = [(str(file), file.read_text()) for file in files]
    modules = [str(file) for file in files]
    asked = {"id": id, "effort": "quick", "seed": 2, "modules": modules, "sources": sources}
    return asked | {"environment": environment()} | changed


def claims_file(folder: Path, id: str, before: str = "pass", name: str = "my_claims.py") -> Path:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(CLAIM.format(id=id, before=before))
    return folder / name


def ask(request: dict[str, Any], scratch: Path, wanted: Any = lambda: True) -> Any:
    scratch.mkdir(exist_ok=True)
    try:
        return json.loads(ask_child(json.dumps(request), wanted, scratch))
    finally:
        assert list(scratch.iterdir()) == []


@pytest.mark.usefixtures("clean_registry")
def test_the_answer_is_the_evidence_that_this_process_finds(tmp_path: Path) -> None:
    # Two files with one name, one of them larger than what a pipe holds, and a claim that prints.
    first = claims_file(tmp_path / "a", "first", "print('{}'); os.write(1, b'{}')")
    second = claims_file(tmp_path / "b", "second")
    second.write_text(second.read_text() + "# long\n" * 30_000)
    found = ask(request_of(first, second, id="mine/first"), tmp_path / "scratch")
    files = (str(first), str(second))
    claims, _ = registry.load(files)
    expected = judge(claims["mine/first"], Effort.QUICK, 2, files)
    assert replace(from_json(found["evidence"]), seconds=0) == replace(expected, seconds=0)


@pytest.mark.usefixtures("clean_registry", "small_budget")
def test_a_claim_by_its_id_alone_needs_no_file() -> None:
    asked = request_of(id="lunk2026/first-order-coherence", files=[])
    found = child.answer(asked)["evidence"]
    assert (found["id"], found["verdict"]) == ("lunk2026/first-order-coherence", "proved")
    assert found["reproduce"] == "mlbreg verify lunk2026/first-order-coherence --effort quick --seed 2"


@pytest.mark.usefixtures("clean_registry")
@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"environment": environment() | {"numpy": "1.0"}}, "numpy is .* there and 1.0 here"),
        ({"environment": environment() | {"the source of mlbreg": "0"}}, "the source of mlbreg is .* there and 0 here"),
        ({"modules": ["no.claims"], "environment": environment(["no.claims"]), "files": ["no.claims"]}, "no.claims"),
        ({"id": "mine/unknown"}, "there is no claim mine/unknown there"),
    ],
    ids=["library", "source", "module", "claim"],
)
def test_a_machine_that_would_give_other_evidence_refuses(changed: dict[str, Any], why: str) -> None:
    found = child.answer(request_of(id="lunk2026/eq-13", files=[]) | changed)
    assert set(found) == {"refused"}
    assert re.search(why, found["refused"])


@pytest.mark.parametrize(
    ("before", "end"),
    [
        ("os.kill(os.getpid(), signal.SIGKILL)", "was ended by SIGKILL"),
        ("os._exit(7)", "ended with exit status 7"),
        ("os._exit(0)", "ended with exit status 0"),
    ],
)
def test_a_process_that_ends_without_an_answer_is_an_error_that_says_how(before: str, end: str, tmp_path: Path) -> None:
    file = claims_file(tmp_path / "a", "deadly", before)
    with pytest.raises(ChildError, match=f"^the process that judged it {end}$"):
        ask(request_of(file, id="mine/deadly"), tmp_path / "scratch")


def test_a_process_whose_answer_is_not_wanted_any_more_is_ended(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    file = claims_file(
        tmp_path / "a", "slow", f"Path({str(pid)!r} + '~').write_text(str(os.getpid())); "
        f"os.rename({str(pid)!r} + '~', {str(pid)!r}); time.sleep(60)"
    )  # fmt: skip
    started = time.monotonic()
    with pytest.raises(UnwantedError):
        ask(request_of(file, id="mine/slow"), tmp_path / "scratch", lambda: not pid.exists())
    assert time.monotonic() - started < 50
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid.read_text()), 0)


def test_a_process_whose_worker_is_killed_ends(tmp_path: Path) -> None:
    started = tmp_path / "started"
    file = claims_file(tmp_path / "a", "slow", f"Path({str(started)!r}).touch(); time.sleep(60)")
    request = request_of(file, id="mine/slow", files=[str(file)])
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "mlbreg.paper_checks.executors.child"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdin is not None
        process.stdin.write(json.dumps(request) + "\n")
        process.stdin.flush()
        until(started.exists, "start of the claim")
        assert process.poll() is None
        process.stdin.close()  # which is what the system does when the worker is gone
        assert process.wait(20) == 1
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()
