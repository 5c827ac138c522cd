"""Training side by side."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("numba")

from mlbreg.experiments.sparse_benchmark.epoch import Training, load_examples, measure_epoch  # noqa: E402

from .tiny_network import tiny  # noqa: E402, F401

pytestmark = pytest.mark.torch


def test_ours_and_the_masked_version_have_one_loss_curve_over_several_phases(tiny: str) -> None:  # noqa: F811
    training = Training(tiny, "random", steps=8, batch=4, coarse_steps=2, initial_sparsity=0.8, lam=0.01)
    found = measure_epoch(training, load_examples(training, None))
    runs = found["contenders"]
    assert set(runs) == {"sgd", "masked", "masked-channels-last", "ours"}
    assert runs["ours"]["positions"] == [0, 1, 2, 0, 1, 2, 0, 1]
    assert found["largest_difference_of_losses"] < 1e-4
    assert len(set(runs["ours"]["losses"])) > 1
    assert abs(runs["sgd"]["losses"][0] - runs["ours"]["losses"][0]) > 1e-3  # sparse at the start, and the other is not
    assert runs["ours"]["densities_at_restrictions"][0] == pytest.approx(0.2, abs=0.12)
    assert len(runs["ours"]["densities_at_restrictions"]) == 3
    for run in runs.values():
        assert run["seconds"] == pytest.approx(sum(run["step_seconds"]))
        assert set(run["parts"]) == {"forward", "backward", "optimizer"}
    masked = min(runs[name]["seconds"] for name in ("masked", "masked-channels-last"))  # the faster, whichever it is
    assert found["time_saved"] == pytest.approx(1 - runs["ours"]["seconds"] / masked)
    assert found["plan_share"] is not None


def test_training_without_a_second_coarse_step_does_not_say_what_plans_cost(tiny: str) -> None:  # noqa: F811
    training = Training(tiny, "random", steps=2, batch=4, coarse_steps=1, initial_sparsity=0.8)
    assert measure_epoch(training, load_examples(training, None))["plan_share"] is None


def test_batches_that_the_data_cannot_fill_are_refused(tiny: str) -> None:  # noqa: F811
    training = Training(tiny, "random", steps=1, batch=4)
    few = load_examples(training, None).take(torch.arange(3))
    with pytest.raises(ValueError, match="a batch of 4 must be in the 3 examples"):
        measure_epoch(training, few)
