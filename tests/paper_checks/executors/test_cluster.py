"""What is said when a cluster cannot be used, and what becomes of each answer; `test_real_cluster` has the real one."""

from __future__ import annotations

import json
import logging
import socket
import sys
from collections.abc import Iterator
from contextlib import closing
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from mlbreg.paper_checks.claim_record import Claim
from mlbreg.paper_checks.executors import ExecutorError, Settings, cluster
from mlbreg.paper_checks.executors.base import undecided
from mlbreg.paper_checks.executors.cluster import Cluster
from mlbreg.paper_checks.executors.environment import environment
from mlbreg.paper_checks.judge import Effort
from mlbreg.paper_checks.verdicts import Verdict

SETTINGS = Settings(effort=Effort.QUICK, seed=4, executor="dask://far:8786")


class FakeDask:
    """A cluster that answers at once: what it was asked is kept, and each answer may be replaced."""

    def __init__(self) -> None:
        self.kind = "Scheduler"
        self.scheduler: Any = environment()["mlbreg"]
        self.workers: dict[str, Any] = {"tcp://one:1": environment(), "tcp://two:2": environment()}
        self.outcomes: dict[str, Any] = {}
        self.submitted: list[tuple[int, dict[str, Any], dict[str, Any]]] = []
        self.cancelled: list[str] = []
        self.closed = False
        self.loop = None

    # What stands in for the module ``distributed``.

    def rpc(self, address: str) -> Any:
        assert address == "tcp://far:8786"
        dask = self

        class Connection:
            async def __aenter__(self) -> Any:
                return self

            async def __aexit__(self, *_: object) -> None:
                pass

            async def identity(self) -> dict[str, str]:
                return {"type": dask.kind}

        return Connection()

    def Client(self, address: str, **_: Any) -> FakeDask:  # noqa: N802 - Dask's name
        assert address == "tcp://far:8786"
        return self

    def as_completed(self, futures: list[Any], loop: Any) -> Iterator[Any]:
        return iter(futures)

    # What stands in for the client.

    def wait_for_workers(self, count: int, timeout: float) -> None:
        if len(self.workers) < count:
            raise TimeoutError

    def run_on_scheduler(self, function: Any, *arguments: Any) -> Any:
        if isinstance(self.scheduler, Exception):
            raise self.scheduler
        return self.scheduler

    def run(self, function: Any, named: list[str], on_error: str) -> dict[str, Any]:
        assert (function, on_error) == (environment, "return")
        return self.workers

    def submit(self, function: Any, request: str, *, key: str, priority: int, **options: Any) -> Any:
        asked = json.loads(request)
        self.submitted.append((priority, asked, options))
        outcome = self.outcomes.get(asked["id"], {"evidence": evidence(asked["id"])})
        if outcome == "cancelled":
            return SimpleNamespace(key=key, status="cancelled")
        if isinstance(outcome, Exception):
            return SimpleNamespace(key=key, status="error", exception=lambda: outcome)
        return SimpleNamespace(key=key, status="finished", result=lambda: json.dumps(outcome))

    def cancel(self, futures: list[Any], force: bool) -> None:
        self.cancelled = [future.key.rsplit("-", 1)[1] for future in futures]

    def close(self, timeout: float) -> None:
        self.closed = True


def evidence(id: str) -> dict[str, Any]:
    claim = SimpleNamespace(id=id, title="", statement="", source="", note="", reconstructed=False)
    return undecided(claim, "for a test", SETTINGS).to_json()  # type: ignore[arg-type]


@pytest.fixture
def dask(monkeypatch: pytest.MonkeyPatch) -> FakeDask:
    """In place of the real one."""
    found = FakeDask()
    monkeypatch.setitem(sys.modules, "distributed", found)  # type: ignore[arg-type]
    return found


@pytest.fixture
def three(claim_of: Any) -> list[Claim]:
    """Three claims."""
    return [claim_of(id=f"mine/{name}") for name in "abc"]


def judged(claims: list[Claim], settings: Settings = SETTINGS, seconds: Any = None) -> list[Any]:
    return list(Cluster("far", 8786).judge_all(claims, settings, seconds or {}))


def refused(claims: list[Claim], settings: Settings = SETTINGS) -> str:
    with pytest.raises(ExecutorError) as error:
        judged(claims, settings)
    return str(error.value)


def test_without_the_extra_the_command_that_installs_it_is_named(
    three: list[Claim], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)  # type: ignore[arg-type]
    message = refused(three)
    assert message.startswith('--executor dask://far:8786 needs the extra cluster: pip install "mlbreg[cluster]"')


def test_a_worker_gets_the_id_of_the_claim_and_the_longest_comes_first(dask: FakeDask, three: list[Claim]) -> None:
    found = judged(three, seconds={"mine/a": 1.0, "mine/b": 9.0, "mine/c": 5.0})
    assert [entry.id for entry in found] == ["mine/b", "mine/c", "mine/a"]
    assert [(priority, asked["id"]) for priority, asked, _ in dask.submitted] == [
        (0, "mine/b"),
        (-1, "mine/c"),
        (-2, "mine/a"),
    ]
    _, asked, options = dask.submitted[0]
    assert {name: asked[name] for name in ("effort", "seed", "modules", "sources")} == {
        "effort": "quick",
        "seed": 4,
        "modules": [],
        "sources": [],
    }
    assert asked["environment"] == environment()
    assert options["retries"] == cluster.RETRIES
    assert dask.closed
    assert dask.cancelled == []


def test_files_of_claims_are_sent_and_modules_with_a_dotted_name_are_not(
    dask: FakeDask, three: list[Claim], tmp_path: Path
) -> None:
    file = tmp_path / "mine.py"
    file.write_text("θ = 1", encoding="utf-8")
    dask.workers = {"tcp://one:1": environment(["json"])}
    settings = Settings(modules=(str(file), "json"), executor="dask://far:8786")
    judged(three, settings)
    _, asked, _ = dask.submitted[0]
    assert asked["sources"] == [[str(file), "θ = 1"], ["json", None]]
    assert asked["environment"] == environment(["json"])


def test_what_is_left_is_cancelled_when_nobody_takes_the_evidence_any_more(dask: FakeDask, three: list[Claim]) -> None:
    with closing(Cluster("far", 8786).judge_all(three, SETTINGS, {})) as stream:
        assert next(stream).id == "mine/a"
    assert dask.cancelled == ["mine/b", "mine/c"]
    assert dask.closed


def test_a_claim_that_fails_on_the_cluster_is_undecided_with_the_reason(dask: FakeDask, three: list[Claim]) -> None:
    dask.outcomes["mine/b"] = RuntimeError("all those workers died")
    found = judged(three)[1]
    assert (found.id, found.verdict) == ("mine/b", Verdict.UNDECIDED)
    assert found.reason == "it could not be judged on the cluster: all those workers died"
    assert found.reproduce == "mlbreg verify mine/b --effort quick --seed 4"
    assert (found.instances, found.smallest_margin) == (0, None)


def test_a_worker_that_comes_late_with_other_code_ends_the_run(dask: FakeDask, three: list[Claim]) -> None:
    dask.outcomes["mine/b"] = {"refused": "numpy is 1.0 there and 2.0 here"}
    assert refused(three).endswith("or the evidence would differ: numpy is 1.0 there and 2.0 here")
    assert dask.cancelled == ["mine/c"]
    assert dask.closed


def test_a_connection_that_is_lost_ends_the_run(dask: FakeDask, three: list[Claim]) -> None:
    level = logging.getLogger("distributed.client").level
    dask.outcomes["mine/a"] = "cancelled"
    assert refused(three) == "--executor: the connection to the Dask scheduler at far:8786 was lost"
    assert logging.getLogger("distributed.client").level == level


@pytest.mark.parametrize(
    ("there", "message"),
    [
        (environment() | {"scipy": "1.0"}, "the worker tcp://two:2 must have .*: scipy is 1.0 there and"),
        (environment() | {"the source of mlbreg": "0"}, "the worker tcp://two:2 .*: the source of mlbreg is 0 there"),
        (Exception("No module named 'mlbreg'"), "the worker tcp://two:2 .*: No module named 'mlbreg'"),
    ],
    ids=["library", "source", "not installed"],
)
def test_a_worker_with_other_code_is_named_before_anything_is_judged(
    there: Any, message: str, dask: FakeDask, three: list[Claim]
) -> None:
    dask.workers["tcp://two:2"] = there
    with pytest.raises(ExecutorError, match=message):
        judged(three)
    assert dask.submitted == []
    assert dask.closed


@pytest.mark.parametrize(("version", "found"), [(PackageNotFoundError("mlbreg"), "missing"), ("0.0.1", "0.0.1")])
def test_a_scheduler_without_this_mlbreg_is_refused(
    version: Any, found: str, dask: FakeDask, three: list[Claim]
) -> None:
    dask.scheduler = version
    assert (
        f"the scheduler far:8786 must have what this machine has, or the evidence would differ: mlbreg is {found} there"
        in (refused(three))
    )
    assert dask.submitted == []


def test_a_cluster_without_workers_is_refused(dask: FakeDask, three: list[Claim]) -> None:
    dask.workers = {}
    assert "the cluster at far:8786 has no workers (to start one: dask worker far:8786)" in refused(three)


def test_the_address_of_a_worker_is_no_scheduler(dask: FakeDask, three: list[Claim]) -> None:
    dask.kind = "Worker"
    assert refused(three) == "--executor: there is no Dask scheduler at far:8786 but a Worker"


@pytest.mark.cluster
@pytest.mark.parametrize("listening", [False, True], ids=["nothing listens", "something says nothing"])
def test_an_address_without_a_scheduler_is_an_error_within_seconds(
    listening: bool, mlbreg: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("distributed", reason="needs the extra cluster: distributed is not installed")
    monkeypatch.setattr(cluster, "ANSWER", 1)
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        if not listening:
            server.close()
        found = mlbreg("verify", "lunk2026/eq-13", "--executor", f"dask://{address}", "--out", tmp_path / "out")
    assert found.exit_code == 2
    assert f"--executor: there is no Dask scheduler at {address}: no answer within 1 s" in found.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--executor", "cloud"], "--executor must be local or dask://host:port, got 'cloud'"),
        (["--executor", "dask://a:1", "--jobs", "2"], "--jobs is for --executor local, got 2 with dask://a:1"),
    ],
)
def test_wrong_usage_is_exit_code_2_and_echoes_what_is_wrong(
    arguments: list[str], message: str, mlbreg: Any, tmp_path: Path
) -> None:
    found = mlbreg("verify", "lunk2026/eq-13", *arguments, "--out", tmp_path / "out")
    assert found.exit_code == 2
    assert message in found.err
    assert "Traceback" not in found.err
    assert list(tmp_path.iterdir()) == []
