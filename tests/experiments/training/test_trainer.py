"""Training: every method learns, a seed decides everything, and a run goes on bit for bit from any step."""

from __future__ import annotations

import itertools
import json
import math
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("sklearn")
from mlbreg.experiments.training.configuration import METHODS, ConfigurationError  # noqa: E402
from mlbreg.experiments.training.methods import _OPTIMIZERS  # noqa: E402
from mlbreg.experiments.training.run_folder import RunFolder  # noqa: E402
from mlbreg.experiments.training.studies import configure  # noqa: E402
from mlbreg.experiments.training.trainer import DivergedError, Trainer  # noqa: E402

from .runs import CPU, in_parts, noise_images, small, whole, without_times  # noqa: E402

pytestmark = pytest.mark.torch


def test_every_method_has_an_optimizer() -> None:
    assert tuple(_OPTIMIZERS) == tuple(METHODS)


@pytest.mark.parametrize("method", METHODS)
def test_a_stopped_run_goes_on_to_the_same_metrics_and_result(tmp_path: Path, method: str) -> None:
    """Stopped within an epoch, and at its end; prune has pruned by then, and AC/DC is compressed."""
    configuration = small(method, dense_share=0.5, epochs=2, batch_size=64)
    expected = whole(configuration, tmp_path / "whole")
    found = in_parts(configuration, tmp_path / "parts", 7, 22, 30)
    assert without_times(found) == without_times(expected)
    lines = [(tmp_path / name / "metrics.jsonl").read_bytes() for name in ("whole", "parts")]
    assert lines[0] == lines[1]


@pytest.mark.parametrize("method", ["linbreg", "ml-linbreg", "proxsgd"])
def test_a_run_that_moves_lambda_goes_on_to_the_same_lambda(tmp_path: Path, method: str) -> None:
    configuration = small(method, target_sparsity=0.8)
    expected = whole(configuration, tmp_path / "whole")
    assert without_times(in_parts(configuration, tmp_path / "parts", 5, 13)) == without_times(expected)
    rows = [RunFolder(tmp_path / name).rows() for name in ("whole", "parts")]
    assert rows[0] == rows[1]
    assert rows[0][-1]["lam_linear"] != configuration.lam_linear


def test_the_plateau_schedule_goes_on_with_what_it_remembers(tmp_path: Path) -> None:
    """Nothing is learned at this rate, so the rate is halved after six epochs, counted across the stop."""
    configuration = small("sgd", learning_rate=1e-9, momentum=0.0, epochs=9, batch_size=1000)
    assert without_times(in_parts(configuration, tmp_path / "parts", 7)) == without_times(
        whole(configuration, tmp_path / "whole")
    )
    rows = [RunFolder(tmp_path / name).rows() for name in ("whole", "parts")]
    assert rows[0] == rows[1]
    rates = [row["learning_rate"] for row in rows[0][1:]]
    assert rates == [1e-9] * 7 + [5e-10] * 2


@pytest.mark.parametrize("method", ["linbreg", "rigl", "sgd"])
def test_a_seed_gives_the_same_numbers_and_another_seed_others(tmp_path: Path, method: str) -> None:
    first, second = whole(small(method), tmp_path / "a"), whole(small(method), tmp_path / "b")
    assert without_times(first) == without_times(second)
    assert whole(small(method, seed=1), tmp_path / "c")["test_loss"] != first["test_loss"]


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
def test_every_method_learns_digits(tmp_path: Path, method: str) -> None:
    result = whole(configure("digits", method, given={"epochs": 15}), tmp_path)
    assert result["test_accuracy"] > 0.85
    assert (result["weights"] < 0.5) == (method not in ("sgd", "adam"))


@pytest.mark.parametrize("method", ["linbreg", "adabreg", "prune"])
def test_the_target_is_the_sparsity_of_the_result(tmp_path: Path, method: str) -> None:
    result = whole(configure("digits", method, given={"epochs": 15, "target_sparsity": 0.93}), tmp_path)
    assert 1 - result["weights"] == pytest.approx(0.93, abs=0.005)


def test_convolutions_norms_and_augmentation_go_on_bit_for_bit() -> None:
    configuration = configure(
        "cifar-resnet18", "ml-linbreg", given={"network": "wrn-22-2", "epochs": 2, "batch_size": 4}
    )
    images = noise_images(8, "cifar-10")

    def trainer() -> Trainer:
        return Trainer(configuration, images, images, CPU)

    first, rows = trainer(), []
    saved: dict[str, Any] = {}
    for event in first.events():
        if first.done == 1:
            saved = torch.load(_through_a_file(first.state_dict()), weights_only=True)
        rows += event.rows
    second = trainer()
    second.load_state_dict(saved)
    again = [row for event in second.events() for row in event.rows]
    assert again == rows
    assert len(rows) == 2
    for ours, theirs in zip(first.model.state_dict().values(), second.model.state_dict().values(), strict=True):
        assert torch.equal(ours, theirs)


def _through_a_file(state: dict[str, Any]) -> Any:
    import io

    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    return file


def test_the_autoencoder_learns_to_denoise_and_keeps_whole_rows() -> None:
    configuration = configure("autoencoder", "adabreg", given={"epochs": 8, "batch_size": 16, "density": 0.05})
    images = noise_images(64, "mnist")
    images.inputs[:] = images.inputs[:1]  # one picture
    trainer = Trainer(configuration, images, images, CPU)
    scores = [trainer.start()["validation_psnr"]]
    scores += [row["validation_psnr"] for event in trainer.events() for row in event.rows if row["kind"] == "epoch"]
    assert scores[-1] > scores[0] + 1
    for name, weight in trainer.model.named_parameters():
        if name.endswith("weight"):
            rows = (weight != 0).sum(1)
            assert set(rows.tolist()) <= {0, 784}


def test_validation_does_not_change_the_network() -> None:
    configuration = configure("cifar-resnet18", "sgd", given={"network": "wrn-22-2", "epochs": 1, "batch_size": 4})
    trainer = Trainer(configuration, noise_images(4, "cifar-10"), noise_images(4, "cifar-10"), CPU)
    before = {name: value.clone() for name, value in trainer.model.state_dict().items()}
    trainer.start()
    for name, value in trainer.model.state_dict().items():
        assert torch.equal(value, before[name]), name
    assert trainer.model.training


def test_the_test_set_is_looked_at_once_and_at_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from mlbreg.experiments.training import run

    real, read = run.examples, []

    def examples(name: str, split: str, data_dir: Path | None) -> Any:
        read.append((split, len(RunFolder(tmp_path).rows())))
        return real(name, split, data_dir)

    monkeypatch.setattr(run, "examples", examples)
    whole(small(), tmp_path)
    rows = RunFolder(tmp_path).rows()
    assert read == [("training", 0), ("test", len(rows))]
    assert not [name for row in rows for name in row if name.startswith("test")]


def test_rows_say_what_was_asked_for(tmp_path: Path) -> None:
    result = whole(small(epochs=5), tmp_path)
    rows = RunFolder(tmp_path).rows()
    assert [row["kind"] for row in rows] == ["start", "epoch", "epoch", "epoch", "epoch", "step", "epoch"]
    assert [row["step"] for row in rows] == [0, 11, 22, 33, 44, 50, 55]
    assert set(rows[-1]["layers"]) == {"1.weight", "3.weight", "5.weight"}
    assert {"loss", "accuracy", "validation_accuracy", "lam_linear", "flops", "learning_rate", "regularizer"} <= set(
        rows[-1]
    )
    assert all(a["flops"] < b["flops"] for a, b in itertools.pairwise(rows[1:]))
    assert result["layers"] == rows[-1]["layers"]
    timings = RunFolder(tmp_path).rows("timings.jsonl")
    assert [row["epoch"] for row in timings] == [1, 2, 3, 4, 5]
    assert result["examples"] == {"training": 1366, "validation": 71, "test": 360}
    environment = json.loads((tmp_path / "environment.json").read_text())
    assert environment[0]["torch"] == version("torch")


def test_the_training_loss_is_the_mean_over_examples_and_not_over_batches(tmp_path: Path) -> None:
    """1366 examples in two batches of 1000 and 366; a rate so small that nothing moves."""
    configuration = small("sgd", epochs=1, batch_size=1000, learning_rate=1e-12, schedule="constant")
    whole(configuration, tmp_path)
    from mlbreg.experiments.data.batches import examples, validation_split
    from mlbreg.experiments.networks.catalogue import build

    training, _ = validation_split(examples("digits", "training"))
    with torch.no_grad():
        logits = build("digits-mlp", 0)(training.normalised())
    expected = float(torch.nn.functional.cross_entropy(logits, training.labels))
    row = RunFolder(tmp_path).rows()[-1]
    assert row["loss"] == pytest.approx(expected, rel=1e-5)
    assert row["accuracy"] == pytest.approx(float((logits.argmax(1) == training.labels).float().mean()))


def test_lasso_is_sparse_by_its_threshold_at_the_end_alone(tmp_path: Path) -> None:
    result = whole(small("lasso", threshold=0.05), tmp_path)
    assert RunFolder(tmp_path).rows()[-1]["weights"] > 0.99
    assert result["weights"] < 0.9


@pytest.mark.parametrize("method", ["sgd", "linbreg", "rigl"])
def test_a_training_that_diverges_says_so(tmp_path: Path, method: str) -> None:
    with pytest.raises(DivergedError, match=r"not finite|the loss is (nan|inf)"):
        whole(small(method, learning_rate=1e12, schedule="constant"), tmp_path)


@pytest.mark.parametrize(("method", "given"), [("gradual-pruning", {"mask_every": 11}), ("acdc", {"epochs": 1})])
def test_schedules_that_do_not_fit_into_the_training_are_refused(
    tmp_path: Path, method: str, given: dict[str, int]
) -> None:
    with pytest.raises(ConfigurationError, match=r"steps.*, got 11"):
        whole(small(method, **given), tmp_path)


@pytest.mark.parametrize(
    ("name", "message"),
    [("resnet18", r"resnet18 takes inputs of shape \(3, 32, 32\)"), ("alexnet", "network must be one of")],
)
def test_a_network_that_does_not_fit_the_data_is_refused(tmp_path: Path, name: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        whole(small(network=name), tmp_path)


def test_the_learning_rate_follows_the_schedule(tmp_path: Path) -> None:
    whole(small(schedule="cosine", warmup=0.0, learning_rate=0.2), tmp_path)
    rates = [row["learning_rate"] for row in RunFolder(tmp_path).rows() if row["kind"] == "epoch"]
    assert rates == pytest.approx([0.1 * (1 + math.cos(math.pi * n / 22)) for n in (10, 21)])


def test_a_row_has_the_norm_and_the_active_units_of_the_weights_alone(tmp_path: Path) -> None:
    whole(small(epochs=1), tmp_path)
    start = RunFolder(tmp_path).rows()[0]
    model = Trainer(small(epochs=1), noise_images(8, "digits"), noise_images(4, "digits"), CPU).model
    weights = {name: p.detach() for name, p in model.named_parameters() if p.dim() == 2}
    assert start["norm_1"] == pytest.approx(sum(float(w.abs().sum()) for w in weights.values()))
    assert start["active"] == {name: float((w != 0).any(1).double().mean()) for name, w in weights.items()}


def test_the_result_has_the_score_of_all_training_examples_in_eval_mode(tmp_path: Path) -> None:
    result = whole(small("sgd", epochs=3), tmp_path)
    share = result["training_accuracy"] * result["examples"]["training"]
    assert share == pytest.approx(round(share))
    assert result["training_accuracy"] != RunFolder(tmp_path).rows()[-1]["accuracy"]
