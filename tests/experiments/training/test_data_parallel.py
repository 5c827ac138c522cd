"""Two processes that share each batch: the run of one process up to rounding, and the first of them alone writes."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("sklearn")
if not (torch.distributed.is_available() and torch.distributed.is_gloo_available()):
    pytest.skip("torch was built without gloo", allow_module_level=True)
from mlbreg.experiments.training.configuration import ConfigurationError  # noqa: E402
from mlbreg.experiments.training.data_parallel import Ranks  # noqa: E402
from mlbreg.experiments.training.run_folder import RunFolder  # noqa: E402
from mlbreg.experiments.training.trainer import Trainer  # noqa: E402

from .runs import CPU, noise_images, small, whole, without_times  # noqa: E402
from .two_ranks import RUNS  # noqa: E402

pytestmark = pytest.mark.torch


def two(*arguments: str) -> list[tuple[int, str, str]]:
    """Exit code, stdout and stderr of the two processes, with the variables that torchrun sets."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    shared = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2"}
    processes = [
        subprocess.Popen(
            [sys.executable, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={**os.environ, **shared, "RANK": str(rank), "LOCAL_RANK": str(rank), "OMP_NUM_THREADS": "1"},
        )
        for rank in range(2)
    ]  # fmt: skip
    try:
        texts = [process.communicate(timeout=600) for process in processes]
        return [(process.returncode, *text) for process, text in zip(processes, texts, strict=True)]
    finally:
        for process in processes:
            process.kill()


def numbers(row: dict[str, Any]) -> dict[str, float]:
    return {name: value for name, value in row.items() if isinstance(value, int | float)}


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    into = tmp_path_factory.mktemp("two")
    for status, _, errors in two(str(Path(__file__).with_name("two_ranks.py")), str(into)):
        assert status == 0, errors
    return into


@pytest.mark.slow
@pytest.mark.parametrize("name", RUNS)
def test_two_processes_have_the_losses_of_one_up_to_rounding(tmp_path: Path, done: Path, name: str) -> None:
    if RUNS[name].compute == "sparse":
        pytest.importorskip("numba")
    result = whole(RUNS[name], tmp_path / "one")
    expected, found = RunFolder(tmp_path / "one").rows(), RunFolder(done / name).rows()
    assert len(found) == len(expected) == 3
    for row, other in zip(found, expected, strict=True):
        assert row.keys() == other.keys()
        assert numbers(row) == pytest.approx(numbers(other), rel=1e-4)
    assert expected[-1]["loss"] < expected[1]["loss"]
    both = RunFolder(done / name).result()
    assert both is not None
    assert (both["test_loss"], both["examples"]) == (pytest.approx(result["test_loss"], rel=1e-4), result["examples"])


@pytest.mark.slow
def test_a_stop_that_one_process_is_asked_for_stops_both_and_the_run_goes_on_bit_for_bit(done: Path) -> None:
    assert {(done / f"stopped-{rank}").read_text() for rank in range(2)} == {"stopped after 7 of 12 steps"}
    assert RunFolder(done / "parts").rows() == RunFolder(done / "ml-linbreg").rows()
    results = [RunFolder(done / name).result() for name in ("parts", "ml-linbreg")]
    assert without_times(results[0] or {}) == without_times(results[1] or {})


@pytest.mark.slow
def test_both_processes_know_that_the_training_diverges(done: Path) -> None:
    first, second = ((done / f"diverged-{rank}").read_text() for rank in range(2))
    assert first == second
    assert "not finite" in first or re.search("the loss is (nan|inf)", first)


@pytest.mark.slow
def test_weights_that_differ_are_found_and_named_by_both(done: Path) -> None:
    texts = {(done / f"disagreed-{rank}").read_text() for rank in range(2)}
    assert texts == {"the 2 processes must have equal weights, got others in 0.bias"}


@pytest.mark.slow
def test_gradients_are_summed_where_there_are_some_and_running_statistics_averaged(done: Path) -> None:
    for rank in range(2):
        found = torch.load(done / f"reduced-{rank}.pt", weights_only=True)
        assert found["gradient"].tolist() == [3.0, 3.0]
        assert not found["none"].any()
        assert found["mean"].tolist() == [0.5, 0.5]


@pytest.mark.slow
def test_the_command_shows_a_run_of_two_processes_once_and_says_so_in_its_environment(tmp_path: Path) -> None:
    arguments = ("digits", "--epochs", "1", "--batch-size", "512", "--out", str(tmp_path / "x"))
    first, second = two("-m", "mlbreg.experiments.training", *arguments)
    assert (first[0], second[0]) == (0, 0), first[2] + second[2]
    assert "test accuracy" in first[1]
    assert "epoch 1" in first[2]
    assert second[1] == second[2] == ""
    assert '"ranks": 2' in (tmp_path / "x" / "environment.json").read_text()


def test_a_batch_that_cannot_be_shared_equally_is_refused() -> None:
    images = noise_images(8, "digits")
    message = "batch_size must be a multiple of the number of processes, 3, got 128"
    with pytest.raises(ConfigurationError, match=message):
        Trainer(small(), images, images, CPU, Ranks(0, 3))


@pytest.mark.parametrize(("n", "size"), [(128, 4), (86, 4), (3, 4), (1, 2), (7, 1)])
def test_shares_are_the_batch_and_their_weights_are_one(n: int, size: int) -> None:
    shares = [Ranks(rank, size).share(n) for rank in range(size)]
    counted = [share for share in shares if share.weight > 0]
    assert [i for share in counted for i in range(n)[share.part]] == list(range(n))
    assert sum(share.weight for share in shares) == pytest.approx(1)
    assert all(len(range(n)[share.part]) == pytest.approx(share.weight * n) for share in counted)
    assert all(len(range(n)[share.part]) == 1 for share in shares if share.weight == 0)


def test_alone_nothing_is_exchanged() -> None:
    alone: Any = Ranks()
    x = torch.ones(2)
    assert alone.total(x) is x
    assert alone.share(5) == (slice(0, 5), 1.0)
    assert alone.any(True, CPU)
    assert alone.from_first(x) is x
    alone.check(small())
