"""What a run will take: by parts that can be counted by hand, and refused before the data are read."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("sklearn")
from mlbreg.experiments.data.batches import examples  # noqa: E402
from mlbreg.experiments.data.catalogue import DATA_SETS  # noqa: E402
from mlbreg.experiments.networks.catalogue import NETWORKS  # noqa: E402
from mlbreg.experiments.training import memory_estimate  # noqa: E402
from mlbreg.experiments.training.configuration import METHODS, ConfigurationError  # noqa: E402
from mlbreg.experiments.training.memory_estimate import (  # noqa: E402
    available_memory,
    estimate,
    refuse_what_cannot_fit,
)
from mlbreg.experiments.training.run import train  # noqa: E402
from mlbreg.experiments.training.run_folder import RunFolder  # noqa: E402
from mlbreg.experiments.training.studies import configure  # noqa: E402

from .runs import CPU, small  # noqa: E402

pytestmark = pytest.mark.torch
WEIGHTS = 4 * 17_226
GPU = torch.device("cuda", 0)


@pytest.mark.parametrize(
    ("method", "given", "copies"),
    [
        ("sgd", {"momentum": 0.0}, 0), ("sgd", {"momentum": 0.9}, 1), ("adam", {}, 2), ("linbreg", {}, 1),
        ("linbreg-momentum", {}, 2), ("adabreg", {}, 3), ("ml-linbreg", {}, 1.25), ("proxsgd", {}, 0),
    ],
)  # fmt: skip
def test_the_state_of_an_optimizer_is_so_many_copies_of_the_weights(
    method: str, given: dict[str, Any], copies: float
) -> None:
    """v and moments, and for ML LinBreg a mask of bytes."""
    found = estimate(small(method, **given), GPU)
    assert (found.weights, found.gradients) == (WEIGHTS, WEIGHTS)
    assert found.checkpoint == pytest.approx((1 + copies) * WEIGHTS, rel=0.01)
    assert found.optimizer == pytest.approx((2 + copies) * WEIGHTS, rel=0.01)


@pytest.mark.parametrize("method", METHODS)
def test_every_method_has_an_estimate(method: str) -> None:
    assert estimate(small(method), GPU).total > 4 * WEIGHTS


def test_a_target_for_the_only_kind_of_layers_there_is_has_one_too() -> None:
    found = estimate(small("linbreg", target_sparsity=0.9, lam_conv=0.0), GPU)
    assert found == estimate(small("linbreg"), GPU)


def test_activations_are_what_autograd_saves_of_a_batch() -> None:
    """64 inputs, ReLU's 128 and 64, 10 logits; nothing is counted twice. For what passes by: the largest, twice."""
    found = estimate(small("sgd", batch_size=1_000_000), GPU)
    assert found.activations == 4 * 1_000_000 * (64 + 128 + 64 + 2 * 128)


def test_a_small_batch_takes_what_an_evaluation_does() -> None:
    assert estimate(small("sgd", batch_size=1), GPU).activations == 4 * 1000 * 2 * 128


def test_processes_share_a_batch_and_half_the_precision_takes_half_the_activations() -> None:
    whole = estimate(small("sgd", batch_size=1_000_000), GPU)
    assert estimate(small("sgd", batch_size=1_000_000), GPU, processes=2).activations == whole.activations // 2
    half = estimate(small("sgd", batch_size=1_000_000, precision="bfloat16"), GPU)
    assert half.activations == whole.activations // 2 + WEIGHTS // 2


def test_the_sizes_of_the_data_sets_are_theirs() -> None:
    assert memory_estimate._EXAMPLES.keys() == DATA_SETS.keys()
    assert memory_estimate._EXAMPLES["digits"] == len(examples("digits", "training"))


@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_can_be_counted_without_its_memory(name: str) -> None:
    data = next(one.name for one in DATA_SETS.values() if one.shape == NETWORKS[name].shape)
    found = estimate(small("sgd", network=name, data=data), GPU)
    assert found.weights >= found.gradients == 4 * NETWORKS[name].parameters


def test_a_run_that_cannot_fit_is_refused_before_its_data_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlbreg.experiments.training import run

    monkeypatch.setattr(run, "examples", lambda *_: pytest.fail("the data were read"))
    c = configure("cifar-resnet18", "sgd", given={"batch_size": 4096, "data": "cifar-10"})
    monkeypatch.setattr(run, "data_set", lambda _: pytest.fail("the data were looked for"))
    with pytest.raises(ConfigurationError) as caught:
        train(c, RunFolder(tmp_path / "x"), CPU, available=lambda _: 8 * 10**9)
    parts = "weights 45 MB, gradients 45 MB, optimizer .* MB, activations .* GB, data .* MB, checkpoint .* MB, libraries .* MB"
    assert re.fullmatch(
        rf"batch_size must be small enough for the memory of cpu: this run takes about \d+\.\d\d GB \({parts}\), "
        r"and 8\.00 GB are free; got 4096\. --no-memory-check tries it nevertheless",
        str(caught.value),
    )
    assert not (tmp_path / "x").exists()


def test_the_bound_is_the_estimate() -> None:
    c = small()
    total = estimate(c, CPU).total
    refuse_what_cannot_fit(c, CPU, total)
    refuse_what_cannot_fit(c, CPU, None)
    with pytest.raises(ConfigurationError, match="batch_size"):
        refuse_what_cannot_fit(c, CPU, total - 1)


def test_processes_of_one_machine_share_its_memory() -> None:
    c = small()
    each = estimate(c, CPU, 2).total
    refuse_what_cannot_fit(c, CPU, 2 * each, processes=2, here=2)
    refuse_what_cannot_fit(c, CPU, each, processes=2, here=1)
    with pytest.raises(ConfigurationError, match="in each of 2 processes"):
        refuse_what_cannot_fit(c, CPU, 2 * each - 1, processes=2, here=2)


def test_this_machine_says_what_is_free() -> None:
    found = available_memory(CPU)
    assert found is None or 2**20 < found < 2**50


def test_a_containers_limit_counts_and_its_cached_files_are_free(tmp_path: Path) -> None:
    (tmp_path / "memory.current").write_text("700\n")
    (tmp_path / "memory.stat").write_text("anon 300\ninactive_file 250\n")
    assert memory_estimate._of_container(tmp_path) is None
    (tmp_path / "memory.max").write_text("1000\n")
    assert memory_estimate._of_container(tmp_path) == 550
    (tmp_path / "memory.max").write_text("max\n")
    assert memory_estimate._of_container(tmp_path) is None
