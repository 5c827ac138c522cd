"""How a network is computed: the same training up to rounding, resumed bit for bit, refused where it cannot be."""

from __future__ import annotations

import copy
import dataclasses
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("sklearn")
from mlbreg.experiments.results.stored_run import of_lines  # noqa: E402
from mlbreg.experiments.sweeps.plan import run_name  # noqa: E402
from mlbreg.experiments.training import computation  # noqa: E402
from mlbreg.experiments.training.computation import Computation  # noqa: E402
from mlbreg.experiments.training.configuration import ConfigurationError  # noqa: E402
from mlbreg.experiments.training.objectives import evaluate  # noqa: E402
from mlbreg.experiments.training.run_folder import RunFolder  # noqa: E402
from mlbreg.experiments.training.studies import configure  # noqa: E402
from mlbreg.experiments.training.trainer import Trainer  # noqa: E402

from .runs import CPU, in_parts, noise_images, small, whole, without_times  # noqa: E402

pytestmark = pytest.mark.torch
SPARSE = {"compute": "sparse"}
#: Whole rows: what a compact network can leave out.
COMPACT = {"compute": "compact", "linear": "rows"}


@pytest.mark.parametrize("given", [SPARSE, COMPACT], ids=["sparse", "compact"])
def test_coarse_phases_give_the_losses_of_the_dense_run_up_to_rounding(tmp_path: Path, given: dict[str, Any]) -> None:
    if given == SPARSE:
        pytest.importorskip("numba")
    whole(small("ml-linbreg", **given, coarse_steps=3), tmp_path / "own")
    whole(small("ml-linbreg", **{**given, "compute": "dense"}, coarse_steps=3), tmp_path / "dense")
    found, expected = (RunFolder(tmp_path / name).rows() for name in ("own", "dense"))
    assert [row.get("loss", 0) for row in found] == pytest.approx([row.get("loss", 0) for row in expected], rel=1e-4)
    assert [row["weights"] for row in found] == [row["weights"] for row in expected]
    assert found[-1]["loss"] < found[1]["loss"]


@pytest.mark.parametrize(
    "given",
    [
        {**SPARSE, "coarse_steps": 3},
        {**SPARSE, "criterion": "magma", "coarse_steps": 2},
        {**SPARSE, "target_sparsity": 0.8, "coarse_steps": 4},
        {**COMPACT, "coarse_steps": 3},
        {**SPARSE, "precision": "bfloat16", "coarse_steps": 3},
    ],
    ids=["sparse", "magma", "target", "compact", "bfloat16"],
)
def test_a_stopped_run_goes_on_bit_for_bit(tmp_path: Path, given: dict[str, Any]) -> None:
    """Stopped before, in and after coarse phases, and right before the fine step that computes with the phase's patterns."""
    pytest.importorskip("numba")
    c = small("ml-linbreg", batch_size=256, **given)
    expected = whole(c, tmp_path / "whole")
    assert without_times(in_parts(c, tmp_path / "parts", 1, 3, 5, 7, 8)) == without_times(expected)
    assert RunFolder(tmp_path / "parts").rows() == RunFolder(tmp_path / "whole").rows()


def test_patterns_decide_the_bits_of_the_fine_step_after_a_stop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the patterns in the checkpoint that step would be dense, and this test says that it can tell."""
    pytest.importorskip("numba")
    c = small("ml-linbreg", compute="sparse", coarse_steps=3, epochs=1)
    whole(c, tmp_path / "whole")
    monkeypatch.setattr(Computation, "state_dict", lambda *_: {})
    in_parts(c, tmp_path / "parts", 3)
    found, expected = (RunFolder(tmp_path / name).rows()[-1] for name in ("parts", "whole"))
    assert found != expected
    assert found["loss"] == pytest.approx(expected["loss"], rel=1e-4)


def test_activations_of_bfloat16_give_nearly_the_losses_of_float32(tmp_path: Path) -> None:
    pytest.importorskip("numba")
    for precision in ("float32", "bfloat16"):
        whole(small("ml-linbreg", **SPARSE, coarse_steps=3, precision=precision), tmp_path / precision)
    found, expected = (
        [row["loss"] for row in RunFolder(tmp_path / name).rows()[1:]] for name in ("bfloat16", "float32")
    )
    assert found != expected
    assert found == pytest.approx(expected, rel=0.02)


def test_evaluations_of_a_sparse_run_skip_the_zeros_and_find_the_same_scores() -> None:
    network = pytest.importorskip("mlbreg.solvers.sparse_cpu.network")
    found = trainer(**SPARSE)
    run = found.computation.evaluated(found.model)
    assert isinstance(run, network.SparseNetwork)
    dense = dataclasses.replace(found.objective, computation=Computation())
    expected = evaluate(found.model, dense, found.validation)
    assert evaluate(found.model, found.objective, found.validation) == pytest.approx(expected, rel=1e-5)
    with torch.no_grad():
        run(found.validation.normalised())
    assert run.sparse_layers


def test_every_step_is_taken_inside_the_context_of_its_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entered = []

    @contextmanager
    def compact(model: Any, optimizer: Any) -> Iterator[None]:
        entered.append((type(optimizer).__name__, all(p.grad is None for p in model.parameters())))
        yield
        assert any(p.grad is not None for p in model.parameters())

    monkeypatch.setattr(computation, "compact_compute", compact)
    whole(small("ml-linbreg", **COMPACT), tmp_path / "x")
    assert len(entered) == 22
    assert {name for name, _ in entered} == {"MultilevelLinBreg"}


@pytest.mark.parametrize("method", ["sgd", "linbreg", "rigl"])
@pytest.mark.parametrize("compute", ["sparse", "compact"])
def test_methods_without_coarse_phases_are_refused(method: str, compute: str) -> None:
    message = f"compute must be dense for a method without coarse phases, got '{compute}' for {method}"
    with pytest.raises(ConfigurationError, match=message):
        small(method, compute=compute)


def test_sparse_computation_is_refused_on_a_gpu_and_compact_is_not() -> None:
    gpu = torch.device("cuda", 0)
    with pytest.raises(ConfigurationError, match="compute must be dense or compact on cuda:0, got 'sparse'"):
        Computation.of(small("ml-linbreg", **SPARSE), gpu)
    assert Computation.of(small("ml-linbreg", **COMPACT), gpu).compute == "compact"


def test_sparse_computation_without_numba_is_not_a_dense_one(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("mlbreg.solvers.sparse_cpu")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "numba", None)
    with pytest.raises(ModuleNotFoundError, match="numba"):
        Computation.of(small("ml-linbreg", **SPARSE), CPU)


def test_sparse_computation_has_a_layout_of_its_own() -> None:
    with pytest.raises(
        ConfigurationError, match=r"memory_format must be .* compute = 'sparse', .* got 'channels_last'"
    ):
        small("ml-linbreg", **SPARSE, memory_format="channels_last")


def trainer(**given: Any) -> Trainer:
    c = configure("fashion-cnn-group", "ml-linbreg", given={"epochs": 2, "batch_size": 8, "coarse_steps": 2, **given})
    return Trainer(c, noise_images(20, c.data), noise_images(8, c.data), CPU)


@pytest.mark.parametrize(
    "given",
    [{"memory_format": "channels_last"}, {"precision": "bfloat16"}, {"precision": "bfloat16", "compute": "compact"}],
)
def test_layout_and_precision_go_on_bit_for_bit(given: dict[str, Any]) -> None:
    first, rows, saved = trainer(**given), [], {}
    for event in first.events():
        if first.done == 2:
            saved = copy.deepcopy(first.state_dict())
        rows += event.rows
    second = trainer(**given)
    second.load_state_dict(saved)
    assert [row for event in second.events() for row in event.rows] == rows
    assert len(rows) == 2


def test_channels_last_is_the_same_training_in_another_layout() -> None:
    found, expected = trainer(memory_format="channels_last"), trainer()
    assert all(p.is_contiguous(memory_format=torch.channels_last) for p in found.model.parameters() if p.dim() == 4)
    rows = [[row for event in one.events() for row in event.rows] for one in (found, expected)]
    assert [row["loss"] for row in rows[0]] == pytest.approx([row["loss"] for row in rows[1]], rel=1e-4)
    assert all(p.is_contiguous(memory_format=torch.channels_last) for p in found.model.parameters() if p.dim() == 4)


def test_bfloat16_rounds_the_forward_pass_alone_in_training_and_in_evaluation() -> None:
    found, expected = trainer(precision="bfloat16"), trainer()
    inputs = found.validation.normalised()
    with torch.no_grad():
        outputs = found.computation.outputs(found.model, inputs)
        exact = expected.computation.outputs(expected.model, inputs)
    assert outputs.dtype == torch.float32
    assert torch.equal(outputs, outputs.bfloat16().float())
    assert 0 < float((outputs - exact).abs().max()) < 0.05 * float(exact.abs().max())
    starts = [one.start()["validation_loss"] for one in (found, expected)]
    assert starts[0] != starts[1]
    assert starts[0] == pytest.approx(starts[1], rel=0.02)
    for _ in found.events():
        assert {p.dtype for p in found.model.parameters()} == {torch.float32}
        assert {p.grad.dtype for p in found.model.parameters() if p.grad is not None} == {torch.float32}


def test_stored_runs_from_before_these_settings_are_runs_with_their_defaults() -> None:
    c = configure("digits", "ml-linbreg")
    before = {name: value for name, value in c.plain().items() if name not in ("compute", "memory_format", "precision")}
    rows = [{"configuration": before}, {"command": "", "starts": []}, {"result": {}}]
    (run,) = of_lines([json.dumps({"run": "x", **row}) for row in rows], "x.jsonl")
    assert run.configuration == c


def test_names_of_runs_with_defaults_stay_and_others_say_the_setting() -> None:
    c = configure("digits", "sgd")
    assert run_name(c) == "digits-sgd-paper-seed=0-590f9141"
    assert "compute=sparse" in run_name(configure("digits", "ml-linbreg", given=SPARSE))
