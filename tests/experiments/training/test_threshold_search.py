"""The threshold after training: as far as the validation examples allow, group by group, and no further."""

from __future__ import annotations

from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("sklearn")
from mlbreg.experiments.training.configuration import ConfigurationError  # noqa: E402
from mlbreg.experiments.training.threshold_search import THRESHOLDS, cut_as_far_as  # noqa: E402
from mlbreg.solvers.optim.regularizers import L1, GroupL2, Zero, to_group  # noqa: E402

from .runs import small, whole  # noqa: E402

pytestmark = pytest.mark.torch


def test_it_stops_before_the_threshold_that_costs_too_much() -> None:
    theta = torch.tensor([1e-4, 0.05, 0.5])
    reached = cut_as_far_as([{"params": [theta], **to_group(L1(1.0))}], lambda: bool(theta[1] != 0))
    assert theta.tolist() == pytest.approx([0, 0.05, 0.5])
    assert reached == max(t for t in THRESHOLDS if t <= 0.05)


def test_nothing_is_cut_where_the_least_threshold_costs_too_much() -> None:
    theta = torch.tensor([1e-6, 1.0])
    assert cut_as_far_as([{"params": [theta], **to_group(L1(1.0))}], lambda: False) == 0
    assert theta.tolist() == pytest.approx([1e-6, 1.0])


def test_groups_fall_as_a_whole_and_parameters_without_a_regularizer_stay() -> None:
    rows = torch.tensor([[0.3, 0.0, 0.0, 0.0], [0.3, 0.3, 0.3, 0.3]])
    bias = torch.tensor([1e-9])
    groups = [{"params": [rows], **to_group(GroupL2(1.0, "rows"))}, {"params": [bias], **to_group(Zero())}]
    reached = cut_as_far_as(groups, lambda: bool(rows[1].any()))
    # Root mean squares .15 and .3.
    assert (rows[0] == 0).all()
    assert rows[1].tolist() == pytest.approx([0.3] * 4)
    assert 0.15 < reached <= 0.3
    assert bias.item() == pytest.approx(1e-9)


def test_a_result_has_a_second_one_that_costs_at_most_what_was_allowed(tmp_path: Path) -> None:
    c = small("lasso", epochs=3, threshold=0.0, threshold_cost=0.05, learning_rate=0.1)
    result = whole(c, tmp_path)
    assert result["weights"] > 0.99
    second = result["thresholded"]
    assert second["threshold"] > 0
    assert second["weights"] < 0.9
    assert second["validation_accuracy"] >= result["validation_accuracy"] - 0.05
    assert {"test_accuracy", "training_accuracy", "n_total", "layers"} <= set(second)
    plain = whole(small("lasso", epochs=3, threshold=0.0, learning_rate=0.1), tmp_path / "plain")
    assert "thresholded" not in plain
    assert plain["test_accuracy"] == result["test_accuracy"]


def test_methods_without_a_regularizer_have_no_threshold() -> None:
    with pytest.raises(ConfigurationError, match=r"threshold_cost is for linbreg, .* got 0.01 for rigl"):
        small("rigl", threshold_cost=0.01)
