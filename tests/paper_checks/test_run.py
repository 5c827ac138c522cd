"""Running the judge: reports that are whole or absent, evidence that survives an interruption, and worker processes."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from mlbreg.paper_checks import registry, report
from mlbreg.paper_checks import run as running
from mlbreg.paper_checks.claim_record import Claim
from mlbreg.paper_checks.effort import Effort
from mlbreg.paper_checks.evidence import ClaimEvidence, ConclusionEvidence, Counterexample, ExactEvidence, RunEvidence
from mlbreg.paper_checks.executors import ExecutorError, Settings, local
from mlbreg.paper_checks.run import InterruptedRunError, OutputError, check_output, run
from mlbreg.paper_checks.verdicts import Verdict

QUICK = Settings(effort=Effort.QUICK)


def evidence_of(id: str) -> ClaimEvidence:
    """Evidence that nobody had to compute, with a counterexample, which is the hardest to keep."""
    found = Counterexample("", "−1", -1.0, "d = 1", {"tau": ["1"]}, "tau=exact([1])", True)
    conclusion = ConclusionEvidence("", 3, -1.0, 0.5, 0.0, [0, 3], 1, 0, found)
    return ClaimEvidence(
        id=id,
        title="a claim",
        statement="0 \\le 1",
        source="a test",
        note="",
        reconstructed=False,
        verdict=Verdict.REFUTED,
        reason="margin −1 (exact)",
        instances=3,
        smallest_margin=-1.0,
        conclusions=[conclusion],
        exact=ExactEvidence(3, 0),
        counterexample=found,
    )


@pytest.fixture
def three(claim_of: Any) -> list[Claim]:
    """Three claims."""
    return [claim_of(id=f"mine/{name}") for name in ("a", "b", "c")]


class Judge:
    """It keeps a list of the claims that it was asked about, and is interrupted at one of them."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.stop_at: str | None = None

    def __call__(self, claim: Claim, *settings: Any) -> ClaimEvidence:
        if claim.id == self.stop_at:
            raise KeyboardInterrupt
        self.asked.append(claim.id)
        return evidence_of(claim.id)


@pytest.fixture
def judge(monkeypatch: pytest.MonkeyPatch) -> Judge:
    """A judge that takes no time."""
    found = Judge()
    monkeypatch.setattr(local, "judge", found)
    return found


def interrupted(three: list[Claim], judge: Judge, out: Path, settings: Settings = QUICK, at: str = "mine/c") -> Any:
    judge.stop_at = at
    with pytest.raises(InterruptedRunError) as error:
        run(three, settings, out)
    judge.stop_at = None
    judge.asked.clear()
    return error.value


def names(folder: Path) -> set[str]:
    return {entry.name for entry in folder.iterdir()}


@pytest.mark.usefixtures("plain_report")
def test_a_run_writes_its_report_and_leaves_nothing_else(three: list[Claim], judge: Judge, tmp_path: Path) -> None:
    told: list[tuple[str, bool]] = []
    result = run(three, QUICK, tmp_path / "deep" / "out", lambda found, kept: told.append((found.id, kept)))
    assert told == [("mine/a", False), ("mine/b", False), ("mine/c", False)]
    assert names(tmp_path) == {"deep"}
    assert names(tmp_path / "deep") == {"out"}
    assert names(tmp_path / "deep" / "out") == {"report.json", "index.html"}
    assert result.planned == [claim.id for claim in result.claims] == judge.asked
    assert (result.effort, result.seed) == ("quick", 0)
    assert result.recorded["lunk2026/prop-3.1"] == "proved"


@pytest.mark.usefixtures("plain_report", "judge")
def test_a_second_run_replaces_the_report(three: list[Claim], tmp_path: Path) -> None:
    run(three, QUICK, tmp_path / "out")
    (tmp_path / "out" / "a figure of the first run.svg").touch()
    run(three[:1], QUICK, tmp_path / "out")
    assert (tmp_path / "out" / "report.json").read_text() == "mine/a refuted"
    assert names(tmp_path / "out") == {"report.json", "index.html"}
    assert names(tmp_path) == {"out"}


@pytest.mark.usefixtures("plain_report", "judge")
def test_an_empty_folder_is_used(three: list[Claim], tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    run(three, QUICK, tmp_path / "out")
    assert names(tmp_path / "out") == {"report.json", "index.html"}


def failing_writer(error: BaseException) -> Callable[[RunEvidence, Path], None]:
    def write(result: RunEvidence, folder: Path, jobs: int) -> None:
        del jobs
        (folder / "index.html").write_text(f"half of a page about {len(result.claims)} claims")
        raise error

    return write


@pytest.mark.usefixtures("judge")
def test_a_report_that_cannot_be_written_leaves_no_folder(
    three: list[Claim], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report, "write", failing_writer(RuntimeError("no font")))
    with pytest.raises(RuntimeError, match="no font"):
        run(three, QUICK, tmp_path / "out")
    assert names(tmp_path) == {"out.partial"}


@pytest.mark.usefixtures("plain_report")
def test_a_report_that_cannot_be_written_leaves_the_old_one_as_it_was(
    three: list[Claim], judge: Judge, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(three, QUICK, tmp_path / "out")
    before = {file.name: file.read_bytes() for file in (tmp_path / "out").iterdir()}
    with monkeypatch.context() as patch:
        patch.setattr(report, "write", failing_writer(OSError("disk full")))
        with pytest.raises(OSError, match="disk full"):
            run(three[:1], QUICK, tmp_path / "out")
    assert {file.name: file.read_bytes() for file in (tmp_path / "out").iterdir()} == before
    assert names(tmp_path) == {"out", "out.partial"}
    judge.asked.clear()
    run(three[:1], QUICK, tmp_path / "out")  # and what was judged is not judged again
    assert judge.asked == []
    assert names(tmp_path) == {"out"}


@pytest.mark.usefixtures("plain_report", "judge")
def test_a_report_that_cannot_take_the_place_of_the_old_one_leaves_it_there(
    three: list[Claim], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(three, QUICK, tmp_path / "out")
    before = (tmp_path / "out" / "report.json").read_text()
    rename, calls = Path.rename, []

    def second_fails(self: Path, target: Path) -> Path:
        calls.append(target)
        if len(calls) == 2:
            raise OSError("no such device")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", second_fails)
    with pytest.raises(OSError, match="no such device"):
        run(three[:1], QUICK, tmp_path / "out")
    assert (tmp_path / "out" / "report.json").read_text() == before
    assert names(tmp_path) == {"out", "out.partial"}


def test_an_interrupted_run_keeps_what_is_judged_and_says_how_much(
    three: list[Claim], judge: Judge, tmp_path: Path
) -> None:
    error = interrupted(three, judge, tmp_path / "out")
    assert (error.finished, error.planned, error.folder) == (2, 3, tmp_path / "out.partial")
    assert str(error) == f"2 of 3 claims are judged; their evidence is in {tmp_path / 'out.partial'}"
    assert names(tmp_path) == {"out.partial"}
    assert names(tmp_path / "out.partial") == {"mine--a.json", "mine--b.json"}


@pytest.mark.usefixtures("judge")
def test_a_run_that_is_interrupted_while_the_report_is_written_keeps_everything(
    three: list[Claim], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report, "write", failing_writer(KeyboardInterrupt()))
    with pytest.raises(InterruptedRunError, match="3 of 3 claims are judged"):
        run(three, QUICK, tmp_path / "out")
    assert names(tmp_path) == {"out.partial"}
    assert len(names(tmp_path / "out.partial")) == 3


@pytest.mark.usefixtures("plain_report")
def test_an_interruption_before_the_first_claim_leaves_nothing(
    three: list[Claim], judge: Judge, tmp_path: Path
) -> None:
    assert interrupted(three, judge, tmp_path / "out", at="mine/a").finished == 0
    assert names(tmp_path) == set()
    run(three, QUICK, tmp_path / "out")


@pytest.mark.usefixtures("plain_report")
def test_the_next_run_goes_on_from_what_was_kept(three: list[Claim], judge: Judge, tmp_path: Path) -> None:
    interrupted(three, judge, tmp_path / "out")
    told: list[tuple[str, bool]] = []
    result = run(three, QUICK, tmp_path / "out", lambda found, kept: told.append((found.id, kept)))
    assert judge.asked == ["mine/c"]
    assert told == [("mine/a", True), ("mine/b", True), ("mine/c", False)]
    assert result.claims == [evidence_of(claim.id) for claim in three]
    assert names(tmp_path) == {"out"}


@pytest.mark.usefixtures("plain_report")
def test_the_report_keeps_the_order_of_the_claims_whichever_was_judged_first(
    three: list[Claim], judge: Judge, tmp_path: Path
) -> None:
    interrupted(list(reversed(three)), judge, tmp_path / "out", at="mine/a")
    assert [found.id for found in run(three, QUICK, tmp_path / "out").claims] == ["mine/a", "mine/b", "mine/c"]
    assert judge.asked == ["mine/a"]


@pytest.mark.usefixtures("plain_report")
@pytest.mark.parametrize(
    "other",
    [replace(QUICK, seed=1), replace(QUICK, effort=Effort.STANDARD), replace(QUICK, modules=("another",))],
    ids=["seed", "effort", "modules"],
)
def test_what_was_kept_is_not_used_for_other_settings(
    other: Settings, three: list[Claim], judge: Judge, tmp_path: Path
) -> None:
    interrupted(three, judge, tmp_path / "out")
    run(three, other, tmp_path / "out")
    assert judge.asked == ["mine/a", "mine/b", "mine/c"]


@pytest.mark.usefixtures("plain_report")
def test_what_was_kept_is_used_for_another_number_of_workers(three: list[Claim], judge: Judge, tmp_path: Path) -> None:
    interrupted(three, judge, tmp_path / "out")
    run(three, replace(QUICK, jobs=2), tmp_path / "out")
    assert judge.asked == ["mine/c"]


@pytest.mark.usefixtures("plain_report")
def test_what_was_kept_is_not_used_when_the_claims_file_was_edited(
    three: list[Claim], judge: Judge, tmp_path: Path
) -> None:
    file = tmp_path / "claims.py"
    file.write_text("a = 1")
    settings = replace(QUICK, modules=(str(file),))
    interrupted(three, judge, tmp_path / "out", settings)
    file.write_text("a = 2")
    run(three, settings, tmp_path / "out")
    assert judge.asked == ["mine/a", "mine/b", "mine/c"]


@pytest.mark.usefixtures("plain_report")
def test_what_was_kept_about_claims_that_are_not_asked_for_is_left_alone(
    three: list[Claim], judge: Judge, tmp_path: Path
) -> None:
    interrupted(three, judge, tmp_path / "out")
    result = run(three[1:], QUICK, tmp_path / "out")
    assert [found.id for found in result.claims] == ["mine/b", "mine/c"]
    assert judge.asked == ["mine/c"]


def refused(out: Path, message: str) -> None:
    with pytest.raises(OutputError, match=message) as error:
        check_output(out)
    assert str(out) in str(error.value)


def test_a_file_is_no_output_folder(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine")
    refused(tmp_path / "out", "--out must be a folder, .* is a file")
    assert (tmp_path / "out").read_text() == "mine"


def test_a_folder_with_other_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("mine")
    refused(tmp_path, "--out must be a new or empty folder or an earlier report; .* holds other files")
    assert names(tmp_path) == {"thesis.tex"}


def test_a_folder_below_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    refused(tmp_path / "file" / "out", "--out must be writable, .* is not")
    refused(tmp_path / "file" / "deep" / "out", "--out must be writable, .* is not")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission_is_refused(tmp_path: Path) -> None:
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    refused(locked / "out", "--out must be writable, .* is not")


def test_a_folder_that_the_system_refuses_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(running.tempfile, "mkdtemp", full)
    monkeypatch.setattr(running.tempfile, "TemporaryDirectory", full)
    refused(tmp_path / "out", "--out must be writable, .* is not: .*No space left on device")


@pytest.mark.parametrize("prepare", ["nothing", "empty", "report"])
def test_a_good_output_folder_is_left_as_it_is(prepare: str, tmp_path: Path) -> None:
    if prepare != "nothing":
        (tmp_path / "out").mkdir()
    if prepare == "report":
        (tmp_path / "out" / "report.json").touch()
    before = sorted(tmp_path.rglob("*"))
    check_output(tmp_path / "out")
    assert sorted(tmp_path.rglob("*")) == before


def test_the_output_folder_is_refused_before_anything_is_judged(
    three: list[Claim], judge: Judge, tmp_path: Path
) -> None:
    (tmp_path / "out").touch()
    with pytest.raises(OutputError):
        run(three, QUICK, tmp_path / "out")
    assert judge.asked == []


class FailingExecutor:
    """It judges some claims, and then cannot any more; it keeps what it was told."""

    def __init__(self, judged: int) -> None:
        self.judged = judged
        self.seconds: Any = None
        self.closed = False

    def judge_all(self, claims: list[Claim], settings: Settings, seconds: Any) -> Any:
        self.seconds = seconds
        try:
            for claim in claims[: self.judged]:
                yield evidence_of(claim.id)
            raise ExecutorError("the cluster is gone")
        finally:
            self.closed = True


def test_an_executor_that_fails_leaves_what_is_judged_and_says_how_much(
    three: list[Claim], judge: Judge, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    monkeypatch.setattr(running, "choose", lambda _: FailingExecutor(judged=2))
    with pytest.raises(ExecutorError) as error:
        run(three, QUICK, out)
    assert str(error.value) == f"the cluster is gone (2 of 3 claims are judged; their evidence is in {out}.partial)"
    assert names(tmp_path / "out.partial") == {"mine--a.json", "mine--b.json"}
    monkeypatch.undo()
    monkeypatch.setattr(local, "judge", judge)
    monkeypatch.setattr(report, "write", lambda _, folder, __: (folder / "index.html").touch())
    run(three, QUICK, out)  # and another executor goes on from there
    assert judge.asked == ["mine/c"]


def test_an_executor_that_fails_at_once_says_so_and_leaves_nothing(
    three: list[Claim], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "choose", lambda _: FailingExecutor(judged=0))
    with pytest.raises(ExecutorError, match=r"^the cluster is gone$"):
        run(three, QUICK, tmp_path / "out")
    assert names(tmp_path) == set()


def test_an_interruption_between_two_claims_ends_the_work_that_is_under_way(
    three: list[Claim], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    executor = FailingExecutor(judged=2)
    monkeypatch.setattr(running, "choose", lambda _: executor)

    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    with pytest.raises(InterruptedRunError) as stop:
        run(three, QUICK, tmp_path / "out", interrupt)
    assert executor.closed  # while the exception still refers to the frame: not for the garbage collector to do
    assert stop.value.finished == 1


def test_the_executor_learns_how_long_each_claim_took_in_the_report_that_is_replaced(
    three: list[Claim], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "report.json").write_text('{"claims": {"mine/b": {"seconds": 7.5}}}')
    executor = FailingExecutor(judged=0)
    monkeypatch.setattr(running, "choose", lambda _: executor)
    with pytest.raises(ExecutorError):
        run(three, QUICK, tmp_path / "out")
    assert executor.seconds == {"mine/b": 7.5}


def test_an_unknown_executor_is_refused_before_anything_is_judged(
    three: list[Claim], judge: Judge, tmp_path: Path
) -> None:
    with pytest.raises(ExecutorError, match="--executor must be local or dask://host:port, got 'cloud'"):
        run(three, replace(QUICK, executor="cloud"), tmp_path / "out")
    assert (judge.asked, names(tmp_path)) == ([], set())


@pytest.mark.usefixtures("plain_report")
def test_what_was_kept_is_used_whichever_executor_judged_it(three: list[Claim], judge: Judge, tmp_path: Path) -> None:
    interrupted(three, judge, tmp_path / "out", at="mine/c")
    judge.asked.clear()
    run(three[:2], replace(QUICK, executor="dask://nowhere.invalid:1"), tmp_path / "out")  # nothing is left to ask it
    assert judge.asked == []


CLAIMS = """
from mlbreg.paper_checks import Hypothesis, Mutant, claim, families, given

for name, losses in (("first", ("quadratic",)), ("second", ("least_squares", "finite_sum"))):

    @claim(
        f"mine/{name}",
        statement="0 \\\\le 1",
        source="a test",
        hypotheses=(Hypothesis("θ = 0", "", without={"theta": families.vectors()}),),
        mutants=(Mutant("a wrong sign", margin=lambda problem, theta: -1 - abs(theta).sum(axis=-1)),),
    )
    @given(problem=families.problems(losses=losses), theta=families.points())
    def margin(problem, theta):
        return problem.loss.value(theta) - problem.loss.infimum
"""


@pytest.mark.usefixtures("plain_report", "clean_registry")
def test_worker_processes_give_the_same_evidence_as_this_one(tmp_path: Path) -> None:
    file = tmp_path / "claims.py"
    file.write_text(CLAIMS)
    claims, own = registry.load((str(file),))
    chosen = [claims[id] for id in sorted(own)]
    found = []
    for jobs in (1, 2):
        result = run(chosen, Settings(Effort.QUICK, 5, jobs, (str(file),)), tmp_path / f"out-{jobs}")
        found.append([replace(evidence, seconds=0) for evidence in result.claims])
    assert [evidence.id for evidence in found[0]] == ["mine/first", "mine/second"]
    assert [evidence.verdict for evidence in found[0]] == [Verdict.SUPPORTED, Verdict.SUPPORTED]
    assert found[0] == found[1]
