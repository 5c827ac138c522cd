"""Whole steps, gradient errors, and the second process."""

from __future__ import annotations

import sys
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("numba")

from mlbreg.experiments.sparse_benchmark import sparseprop  # noqa: E402
from mlbreg.experiments.sparse_benchmark.batch import random_batch  # noqa: E402
from mlbreg.experiments.sparse_benchmark.contenders import CONTENDERS, NotAvailableError  # noqa: E402
from mlbreg.experiments.sparse_benchmark.gradient_error import gradients, relative_errors  # noqa: E402
from mlbreg.experiments.sparse_benchmark.memory import peak_of_steps, resident  # noqa: E402
from mlbreg.experiments.sparse_benchmark.networks import measure_gradient_error, measure_network  # noqa: E402
from mlbreg.experiments.sparse_benchmark.patterns import Pattern, weights  # noqa: E402
from mlbreg.experiments.sparse_benchmark.tuned_malloc import SETTINGS, Worker, WorkerError  # noqa: E402
from mlbreg.experiments.sparse_benchmark.worker import Desk  # noqa: E402

from .tiny_network import tiny  # noqa: E402, F401

pytestmark = pytest.mark.torch

PATTERN = Pattern("uniform", 0.8)
IN_PROCESS = ("ours", "dense", "channels-last", "bf16", "bf16-channels-last", "masked")


@pytest.fixture(autouse=True)
def _without_sparseprop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sparseprop, "PACKAGE", "no_such_package")


def test_all_contenders_compute_the_gradients_of_the_same_network(tiny: str) -> None:  # noqa: F811
    state, batch = weights(tiny, PATTERN), random_batch(tiny, 4)
    found: dict[str, Any] = {}
    for name in IN_PROCESS:
        contender = CONTENDERS[name](tiny, batch)
        contender.load(state)
        parts = contender.step()
        assert set(parts) == {"forward", "backward"}
        found[name] = gradients(contender.model)
    dense = {name: x.double() for name, x in found["dense"].items()}
    errors = {name: relative_errors(x, dense, state)["support"] for name, x in found.items()}
    assert all(errors[name] < 1e-5 for name in ("ours", "channels-last", "masked"))
    assert 1e-5 < errors["bf16"] < 0.1
    for name, x in found["masked"].items():
        assert not x[state[name] == 0].any()
    assert found["dense"]["0.weight"][state["0.weight"] == 0].any()


def test_a_record_says_times_plans_and_who_is_not_there(tiny: str, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    class Broken:
        model = torch.nn.Identity()

        def load(self, state: object) -> None:
            pass

        def step(self) -> dict[str, float]:
            raise RuntimeError("no compiler\nand more")

    monkeypatch.setitem(CONTENDERS, "compile", lambda *_: Broken())
    patterns = [PATTERN, Pattern("erk", 0.9)]
    names = ("ours", "dense", "compile", "sparseprop")
    records = list(measure_network(tiny, patterns, names, 4, 2, lambda _: None))
    assert [record["title"] for record in records] == ["80 % uniform", "90 % erk"]
    for record in records:
        assert record["absent"] == {"sparseprop": "not installed", "compile": "RuntimeError: no compiler"}
        assert set(record["contenders"]) == {"ours", "dense"}
        assert len(record["contenders"]["dense"]["seconds"]) == 2
        assert record["contenders"]["ours"]["times_slower"] == 1.0
        assert set(record["plans"]) == {"ms", "share_of_99_steps"}
        assert record["sparse_layers"] == 2
    assert records[0]["density"] == pytest.approx(0.2, abs=0.01)


def test_errors_are_those_of_the_non_zero_weights_alone() -> None:
    state = {"a": torch.tensor([[1.0, 0.0]]), "b": torch.tensor([[1.0, 1.0]])}
    exact = {"a": torch.tensor([[3.0, 5.0]]).double(), "b": torch.tensor([[4.0, 0.0]]).double()}
    found = {"a": torch.tensor([[3.0, -9.0]]), "b": torch.tensor([[4.0, 0.5]])}
    assert relative_errors(found, exact, state) == {"support": 0.1, "worst": 0.125}
    with pytest.raises(ValueError, match="gradients must be those of"):
        relative_errors({"a": found["a"]}, exact, state)


def test_gradient_errors_are_those_of_the_roundings(tiny: str) -> None:  # noqa: F811
    found = measure_gradient_error(tiny, PATTERN, 4)["errors"]
    assert set(found) == {"ours", "channels-last", "dense", "ours-bf16", "bf16"}
    assert 1e-4 < found.pop("ours-bf16")["support"] <= found.pop("bf16")["support"] < 0.1
    for errors in found.values():
        # 2⁻²⁴ and 72 to 4096 terms; before a batch norm a layer's gradient is a small difference of large sums
        assert 0 < errors["support"] < 1e-5
        assert errors["support"] <= errors["worst"] < 1e-3


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="/proc is Linux's")
def test_the_peak_is_that_of_a_step_and_not_of_what_was_before() -> None:
    before = resident()
    assert before is not None
    spike = torch.ones(400 * 2**18)  # 400 MiB before the steps
    del spike

    def step() -> None:
        torch.ones(150 * 2**18)

    found = peak_of_steps(step, 2, before)
    assert found["step"] is None or 100 < found["step"] < 200  # what was there before may go


def test_the_second_process_answers_what_it_is_asked() -> None:
    desk = Desk()
    assert desk.answer({"do": "build", "contender": "dense", "network": "digits-mlp", "batch": 2}) == {}
    assert desk.answer({"do": "load", "contender": "dense", "pattern": PATTERN.as_data()}) == {}
    assert set(desk.answer({"do": "step", "contender": "dense"})["parts"]) == {"forward", "backward"}
    assert set(desk.answer({"do": "memory", "contender": "dense", "steps": 1})["memory"]) == {"before", "peak", "step"}
    with pytest.raises(ValueError, match="do must be threads"):
        desk.answer({"do": "nothing"})
    with pytest.raises(NotAvailableError, match="not installed"):
        desk.answer({"do": "build", "contender": "sparseprop", "network": "digits-mlp", "batch": 2})


@pytest.mark.slow
def test_a_second_process_takes_steps_and_its_errors_come_back() -> None:
    with Worker(SETTINGS) as worker:
        worker.build("dense", "digits-mlp", 2)
        worker.load("dense", PATTERN)
        assert min(worker.step("dense").values()) > 0
        assert set(worker.memory("dense", 1)) == {"before", "peak", "step"}
        with pytest.raises(WorkerError, match="KeyError"):
            worker.step("ours")
        assert min(worker.step("dense").values()) > 0


@pytest.mark.slow
def test_a_second_process_that_dies_is_reported_with_its_code() -> None:
    with Worker() as worker:
        worker._process.kill()
        worker._process.wait()
        with pytest.raises(WorkerError, match="ended with code -9"):
            worker.build("dense", "digits-mlp", 2)
