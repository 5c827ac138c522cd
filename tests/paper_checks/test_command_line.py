"""The command ``mlbreg``: what it prints, what it writes, and its exit codes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest
from mlbreg.paper_checks import command_line
from mlbreg.paper_checks.claim_record import registered
from mlbreg.paper_checks.evidence import Counterexample
from mlbreg.paper_checks.recorded import recorded

# The acceptance test: a true and a false inequality about LinBreg, in a file outside the repository.
MY_CLAIMS = """
from mlbreg.paper_checks import claim, families, given
from mlbreg.solvers import linbreg


def decrease(problem, pair, tau):
    after = linbreg.step(problem.elastic_net, pair, problem.loss.gradient(pair.theta), tau)
    return problem.loss.value(pair.theta) - problem.loss.value(after.theta)


@claim("mine/short-steps", statement=r"\\mathcal L(\\theta^+) \\le \\mathcal L(\\theta)", source="a conjecture")
@given(problem=families.problems(), pair=families.primal_dual_pairs(), tau=families.step_sizes())
def short_steps(problem, pair, tau):
    return decrease(problem, pair, tau)


@claim("mine/long-steps", statement=r"\\mathcal L(\\theta^+) \\le \\mathcal L(\\theta)", source="a conjecture")
@given(problem=families.problems(), pair=families.primal_dual_pairs(), tau=families.step_sizes(at_most=3))
def long_steps(problem, pair, tau):
    \"\"\"Three times too long.\"\"\"
    return decrease(problem, pair, tau)
"""

# A claim that takes no time; about all that a claim needs.
FAST = """
from mlbreg.paper_checks import claim, families, given

@claim("{id}", statement="0 \\\\le 1", source="a test")
@given(problem=families.problems(losses=("quadratic",)), theta=families.points())
def margin(problem, theta):
    return problem.loss.value(theta)
"""


def claims_file(folder: Path, source: str) -> Path:
    path = folder / "my_claims.py"
    path.write_text(source)
    return path


def lines_about(id: str, printed: str) -> str:
    """Everything that was printed about one claim, in one line."""
    return " ".join(" ".join(line.split()) for line in printed.splitlines() if line.split()[:1] == [id])


def test_a_true_and_a_false_inequality_of_ones_own_get_the_right_verdicts(mlbreg: Any, tmp_path: Path) -> None:
    file, out = claims_file(tmp_path, MY_CLAIMS), tmp_path / "report"
    found = mlbreg("verify", "--claims", file, "--effort", "quick", "--jobs", 1, "--out", out)
    assert found.exit_code == 0
    long, short = lines_about("mine/long-steps", found.out), lines_about("mine/short-steps", found.out)
    assert " refuted " in long
    assert "d = 1, L = ½θ², J = 0, δ = 1, θ = " in long
    assert "(exact)" in long
    assert " 2.00 (3) " in long  # the measured critical step size, and the one that the claim allows
    assert " supported " in short
    assert "No verdict is recorded for mine/short-steps, mine/long-steps." in found.out

    claims = json.loads((out / "report.json").read_text())["claims"]
    assert set(claims) == {"mine/short-steps", "mine/long-steps"}
    assert claims["mine/short-steps"]["verdict"] == "supported"
    assert claims["mine/short-steps"]["counterexample"] is None
    refuted = claims["mine/long-steps"]
    assert refuted["verdict"] == "refuted"
    assert refuted["counterexample"]["exact"] is True
    assert refuted["counterexample"]["margin"].startswith("−")
    assert (out / "index.html").read_text().lower().startswith("<!doctype html>")

    shown = mlbreg("show", "mine/long-steps", "--claims", file, "--out", out)
    assert shown.exit_code == 0
    assert "Three times too long." in shown.out
    assert refuted["counterexample"]["words"] in shown.out
    assert f"mlbreg verify mine/long-steps --effort quick --seed 0 --claims {file}" in shown.out


@pytest.mark.usefixtures("plain_report", "small_budget")
def test_a_recorded_verdict_that_stands_is_exit_code_0(mlbreg: Any, tmp_path: Path) -> None:
    found = mlbreg(
        "verify", "lunk2026/first-order-coherence", "--effort", "quick", "--jobs", 1, "--out", tmp_path / "r"
    )
    assert found.exit_code == 0
    assert " proved " in lines_about("lunk2026/first-order-coherence", found.out)
    assert "changed" not in found.err
    assert (tmp_path / "r" / "report.json").read_text() == "lunk2026/first-order-coherence proved"


@pytest.mark.usefixtures("plain_report", "small_budget")
def test_a_verdict_that_changed_is_exit_code_1_and_both_verdicts_are_named(
    mlbreg: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlbreg.theory.coarse import CoarseLoss

    monkeypatch.setattr(CoarseLoss, "gradient", lambda self, hat: 2 * self.restriction.restrict(self.lift(hat)))
    found = mlbreg(
        "verify", "lunk2026/first-order-coherence", "--effort", "quick", "--jobs", 1, "--out", tmp_path / "r"
    )
    assert found.exit_code == 1
    assert "changed: lunk2026/first-order-coherence was proved and is now refuted" in found.err
    assert (tmp_path / "r" / "report.json").is_file()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["verify", "lunk2026/prop-3.3"], "unknown claim id 'lunk2026/prop-3.3'; did you mean lunk2026/prop-3."),
        (["verify", "--seed", "-1"], "--seed must be an integer ≥ 0, got -1"),
        (["verify", "--seed", "one"], "Invalid value for '--seed'"),
        (["verify", "--jobs", "-2"], "--jobs must be an integer ≥ 0, got -2"),
        (["verify", "--effort", "huge"], "'huge' is not one of 'quick', 'standard', 'thorough'"),
        (["verify", "--no-such-option"], "No such option: --no-such-option"),
        (["verify", "--claims", "missing.py"], "there is no file 'missing.py'"),
        (["verify", "--claims", "no_such_module"], "importable module, got 'no_such_module': ModuleNotFoundError"),
        (["list", "--claims", "missing.py"], "there is no file 'missing.py'"),
        (["show", "lunk2026/prop-3.3"], "unknown claim id 'lunk2026/prop-3.3'"),
        (["show", "lunk2026"], "ID must be one claim, 'lunk2026' is a whole paper"),
        (["show"], "Missing argument 'ID'"),
        (["judge"], "No such command 'judge'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_usage_is_exit_code_2_and_echoes_what_is_wrong(
    arguments: list[str], message: str, mlbreg: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    found = mlbreg(*arguments)
    assert found.exit_code == 2
    assert message in " ".join(found.err.replace("│", " ").split())
    assert "Traceback" not in found.err
    assert list(tmp_path.iterdir()) == []


def test_an_output_folder_that_cannot_be_used_is_exit_code_2(mlbreg: Any, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    for out, message in ((tmp_path / "file", "is a file"), (tmp_path / "file" / "below", "--out must be writable")):
        found = mlbreg("verify", "lunk2026/eq-13", "--effort", "quick", "--out", out)
        assert found.exit_code == 2
        assert message in found.err
        assert str(out) in found.err
    assert (tmp_path / "file").read_text() == "mine"


def test_a_claims_file_that_is_no_python_is_exit_code_2(mlbreg: Any, tmp_path: Path) -> None:
    file = claims_file(tmp_path, "def (:")
    found = mlbreg("verify", "--claims", file, "--out", tmp_path / "report")
    assert found.exit_code == 2
    assert f"{file} fails to load: SyntaxError" in found.err


def test_a_claims_file_without_a_claim_is_exit_code_2(mlbreg: Any, tmp_path: Path) -> None:
    file = claims_file(tmp_path, "a = 1")
    found = mlbreg("verify", "--claims", file, "--out", tmp_path / "report")
    assert found.exit_code == 2
    assert f"no claim is registered by {file}" in found.err


@pytest.mark.usefixtures("plain_report", "small_budget")
def test_claims_of_ones_own_and_of_the_papers_are_judged_together_when_both_are_named(
    mlbreg: Any, tmp_path: Path
) -> None:
    file = claims_file(tmp_path, FAST.format(id="mine/fast"))
    arguments = ["--claims", file, "--effort", "quick", "--jobs", 1, "--out", tmp_path / "r"]
    assert mlbreg("verify", "mine", "lunk2026/first-order-coherence", *arguments).exit_code == 0
    assert (tmp_path / "r" / "report.json").read_text().splitlines() == [
        "lunk2026/first-order-coherence proved",
        "mine/fast supported",
    ]


@pytest.mark.usefixtures("plain_report", "small_budget")
def test_the_seed_and_the_effort_reach_the_evidence(
    mlbreg: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Any] = []
    run = command_line.run
    monkeypatch.setattr(command_line, "run", lambda *args: seen.append(run(*args)) or seen[-1])
    file = claims_file(tmp_path, FAST.format(id="mine/fast"))
    mlbreg("verify", "--claims", file, "--effort", "quick", "--seed", 3, "--jobs", 1, "--out", tmp_path / "r")
    (result,) = seen
    assert (result.effort, result.seed) == ("quick", 3)
    assert result.claims[0].reproduce == f"mlbreg verify mine/fast --effort quick --seed 3 --claims {file}"


@pytest.mark.usefixtures("plain_report", "small_budget")
def test_the_folder_of_the_report_is_named_as_it_is_however_long_and_odd_its_name(mlbreg: Any, tmp_path: Path) -> None:
    file, out = claims_file(tmp_path, FAST.format(id="mine/fast")), tmp_path / ("x" * 200) / "[bold]out"
    command_line._console.width = 40
    found = mlbreg("verify", "--claims", file, "--effort", "quick", "--jobs", 1, "--out", out)
    assert f"Report: {out / 'index.html'}" in found.out


def test_the_list_has_every_claim_with_its_recorded_verdict(mlbreg: Any) -> None:
    found = mlbreg("list")
    assert found.exit_code == 0
    for claim in registered().values():
        line = lines_about(claim.id, found.out)
        record = recorded()[claim.id]
        assert line == f"{claim.id} {record.verdict} {record.date} {claim.title}"


def test_the_list_has_the_claims_of_ones_own_without_a_verdict(mlbreg: Any, tmp_path: Path) -> None:
    found = mlbreg("list", "--claims", claims_file(tmp_path, FAST.format(id="mine/fast")))
    assert lines_about("mine/fast", found.out).split() == ["mine/fast", "fast"]


def test_a_claim_is_shown_with_its_record_and_how_to_get_evidence(mlbreg: Any, tmp_path: Path) -> None:
    claim = registered()["lunk2026/lemma-A.2-descent"]
    found = mlbreg("show", claim.id, "--out", tmp_path / "nowhere")
    assert found.exit_code == 0
    for text in (claim.id, claim.title, claim.source, claim.statement, claim.note, "reconstructed"):
        assert text in found.out
    for hypothesis in claim.hypotheses:
        assert f"{hypothesis.name}: {hypothesis.statement}" in found.out
    assert f"recorded: proved, {recorded()[claim.id].date}" in found.out
    assert f"run: mlbreg verify {claim.id}" in found.out


@pytest.mark.usefixtures("small_budget")
def test_a_claim_that_the_report_lacks_is_shown_without_evidence(mlbreg: Any, tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text('{"claims": {}}')
    found = mlbreg("show", "lunk2026/eq-13", "--out", tmp_path)
    assert found.exit_code == 0
    assert "run: mlbreg verify lunk2026/eq-13" in found.out


def test_the_subcommands_come_from_entry_points() -> None:
    commands = {entry.name: entry.value for entry in entry_points(group="mlbreg.commands")}
    for name, function in (("verify", "verify"), ("list", "list_claims"), ("show", "show")):
        assert commands[name] == f"mlbreg.paper_checks.command_line:{function}"


def test_help_is_shown_without_a_command(mlbreg: Any) -> None:
    found = mlbreg()
    for command in ("verify", "list", "show"):
        assert command in found.out + found.err


def test_a_counterexample_in_one_line_says_whether_it_is_exact() -> None:
    found = Counterexample("(B.1)", "−5/8", -0.625, "d = 1, τ = 5/2", {}, "", True)
    assert command_line.counterexample_line(found) == "d = 1, τ = 5/2: margin −5/8 (exact) in (B.1)"
    rough = Counterexample("", "−0.625", -0.625, "d = 1", {}, "", False)
    assert command_line.counterexample_line(rough) == "d = 1: margin −0.625 (floating point)"


# The second claim waits for as long as the file that tells it so exists.
FAST_AND_SLOW = (
    FAST.format(id="mine/fast")
    + """

import time
from pathlib import Path

@claim("mine/slow", statement="0 \\\\le 1", source="a test")
@given(problem=families.problems(losses=("quadratic",)), theta=families.points())
def slow(problem, theta):
    for _ in range(600):
        if not Path({wait!r}).exists():
            break
        time.sleep(0.1)
    return problem.loss.value(theta)
"""
)


# The command, with lines as long as they get.
WIDE = "from mlbreg.paper_checks import command_line; command_line._errors.width = 1000; command_line.main()"


@pytest.mark.parametrize(("jobs", "stop"), [(1, signal.SIGINT), (2, signal.SIGINT), (1, signal.SIGTERM)])
@pytest.mark.usefixtures("plain_report", "small_budget")
def test_an_interrupted_command_keeps_the_finished_evidence_and_says_so(
    jobs: int, stop: signal.Signals, mlbreg: Any, tmp_path: Path
) -> None:
    wait, out = tmp_path / "wait", tmp_path / "report"
    wait.touch()
    file = claims_file(tmp_path, FAST_AND_SLOW.format(wait=str(wait)))
    arguments = ["verify", "--claims", str(file), "--effort", "quick", "--jobs", str(jobs), "--out", str(out)]
    process = subprocess.Popen(
        [sys.executable, "-c", WIDE, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        kept = tmp_path / "report.partial" / "mine--fast.json"
        deadline = time.monotonic() + 60
        while not kept.exists() and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
        assert kept.exists()
        process.send_signal(stop)
        printed, errors = process.communicate(timeout=30)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 130
    assert f"interrupted: 1 of 2 claims are judged; their evidence is in {out}.partial" in errors
    assert "No report was written." in errors
    assert "Traceback" not in errors + printed
    assert json.loads(kept.read_text())["evidence"]["verdict"] == "supported"
    assert not out.exists()

    wait.unlink()  # and now the second claim is quick: the same command goes on from there
    found = mlbreg(*arguments)
    assert found.exit_code == 0
    assert "mine/fast: supported (kept from the interrupted run)" in found.err
    assert "mine/slow: supported, " in found.err
    assert (out / "report.json").read_text().splitlines() == ["mine/fast supported", "mine/slow supported"]
    assert not kept.parent.exists()


def _session_is_alive(session: int) -> bool:
    try:
        os.killpg(session, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_killed_command_leaves_no_workers_behind(tmp_path: Path) -> None:
    wait, out = tmp_path / "wait", tmp_path / "report"
    wait.touch()
    file = claims_file(tmp_path, FAST_AND_SLOW.format(wait=str(wait)))
    arguments = ["verify", "--claims", str(file), "--jobs", "2", "--effort", "quick", "--out", str(out)]
    process = subprocess.Popen(
        [sys.executable, "-c", WIDE, *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    kept = tmp_path / "report.partial" / "mine--fast.json"
    deadline = time.monotonic() + 60
    while not kept.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    assert kept.exists()
    process.kill()
    process.wait()
    while _session_is_alive(process.pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _session_is_alive(process.pid)
