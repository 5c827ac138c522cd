"""Numbers of a stored run, in percent."""

import pytest
from mlbreg.paper_checks.empirical.metrics import value, words
from mlbreg.paper_checks.empirical.stored_runs import Run

RUN = Run(
    "a run",
    {"epochs": 2},
    result={
        "test_accuracy": 0.9, "weights": 0.05, "flops": 30.0, "flops_dense": 120.0, "active": {"1.weight": 0.5, "3.weight": 0.25},
        "thresholded": {"weights": 0.01}, "examples": {"training": 500},
        "seconds": {"forward": 1.0, "backward": 2.0, "optimizer": 1.5, "data": 9.0, "measuring": 9.0},
    },
    curves={"weights": [0.01, 0.5, 0.3, 0.4, 0.2, 0.25], "accuracy": [None, 0.5, 0.75]},
)  # fmt: skip


@pytest.mark.parametrize(
    ("metric", "number"),
    [
        ("test_accuracy", 90), ("sparsity", 95), ("flops_share", 25), ("seconds", 4.5), ("active(2)", 25), ("first(weights)", 1),
        ("last(weights)", 25), ("early(weights)", 50), ("fall(weights)", 30), ("rise(weights)", 49), ("first(accuracy)", 50),
        ("jumps(accuracy)", 25),
    ],
)  # fmt: skip
def test_a_metric_is_a_number_of_the_run(metric: str, number: float) -> None:
    assert value(RUN, metric) == pytest.approx(number)


def test_a_part_has_its_own_numbers() -> None:
    assert value(RUN, "weights", "thresholded") == 1
    assert value(RUN, "weights", "pruned") is None


@pytest.mark.parametrize("metric", ["n_conv", "active(3)", "active(0)", "fall(units)", "validation_accuracy"])
def test_what_a_run_does_not_have_is_none(metric: str) -> None:
    assert value(RUN, metric) is None
    assert words(metric)


@pytest.mark.parametrize("metric", ["loss", "fall(loss)", "active(x)", "mean(weights)", ""])
def test_a_metric_that_there_is_not_is_refused(metric: str) -> None:
    with pytest.raises(ValueError, match="metric must be one of"):
        words(metric)
