"""Step-size limits that are measured: critical values that are known beforehand are found."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from mlbreg.paper_checks import families, registry
from mlbreg.paper_checks.claim_record import StepSizeLimit
from mlbreg.paper_checks.tightness import measure

PROBLEMS, BATCH = 12, 32


def test_the_loss_decreases_up_to_twice_the_limit(claim_of: Any) -> None:
    found = measure(claim_of(), StepSizeLimit(limit=2, up_to=4), PROBLEMS, BATCH, 0)
    assert found.critical == pytest.approx(2, abs=0.01)
    assert (found.paper_limit, found.searched_up_to, found.parameter, found.conclusion) == (2, 4, "tau", "")


def test_the_descent_inequality_holds_up_to_the_limit() -> None:
    claim = registry.load()[0]["lunk2026/lemma-A.2-descent"]
    assert claim.step_size_limit is not None
    found = measure(claim, claim.step_size_limit, PROBLEMS, BATCH, 0)
    assert found.critical == pytest.approx(1, abs=0.01)


def falls_below_zero_at(share: float) -> Any:
    """The margin share − τ𝖫."""

    def margin(problem: Any, tau: Any, **_: Any) -> Any:
        return (share - tau / float(problem.step_size_limit)) / (share + 3)

    return margin


@pytest.mark.parametrize("share", [0.01, 0.777, 1.0, 2.9])
def test_the_critical_value_is_found_to_six_digits(share: float, claim_of: Any) -> None:
    found = measure(claim_of(falls_below_zero_at(share)), StepSizeLimit(), 3, 4, 0)
    assert found.critical == pytest.approx(share, abs=1e-6)


def test_a_claim_that_no_step_size_breaks_has_no_critical_value(claim_of: Any) -> None:
    found = measure(claim_of(falls_below_zero_at(3.0)), StepSizeLimit(up_to=3.0), 3, 4, 0)
    assert found.critical is None
    assert min(found.smallest_margins) == pytest.approx(0, abs=1e-9)


def test_a_claim_that_every_step_size_breaks_is_critical_at_zero(claim_of: Any) -> None:
    found = measure(claim_of(lambda tau, **_: 0 * tau - 1), StepSizeLimit(), 2, 4, 0)
    assert found.critical == pytest.approx(0, abs=1e-6)


def test_the_curve_has_the_limit_of_the_paper_among_its_points(claim_of: Any) -> None:
    found = measure(claim_of(falls_below_zero_at(1.5)), StepSizeLimit(limit=1.234, up_to=3), 2, 4, 0)
    assert 1.234 in found.shares
    assert found.shares == sorted(found.shares)
    assert found.shares[-1] == 3
    np.testing.assert_allclose(found.smallest_margins, (1.5 - np.array(found.shares)) / 4.5, atol=1e-12)


def test_every_step_size_is_tried_at_the_same_points(claim_of: Any) -> None:
    # The points alone decide here, so the curve is flat.
    claim = claim_of(lambda pair, **_: np.tanh(pair.theta[..., 0]))
    found = measure(claim, StepSizeLimit(), 4, 8, 0)
    assert len(set(found.smallest_margins)) == 1


def test_the_same_seed_gives_the_same_curve_and_another_seed_another(claim_of: Any) -> None:
    first = measure(claim_of(), StepSizeLimit(limit=2, up_to=4), 3, 4, 0)
    assert measure(claim_of(), StepSizeLimit(limit=2, up_to=4), 3, 4, 0) == first
    assert measure(claim_of(), StepSizeLimit(limit=2, up_to=4), 3, 4, 1) != first


def test_only_a_family_of_step_sizes_has_a_limit(claim_of: Any) -> None:
    with pytest.raises(TypeError, match=r"mine/claim: pair must be a step-size family, got PrimalDualPairs"):
        measure(claim_of(), StepSizeLimit(parameter="pair"), 2, 4, 0)


def test_a_step_size_family_needs_a_positive_bound() -> None:
    with pytest.raises(ValueError, match=r"at_most must be > 0, got -1"):
        families.step_sizes(at_most=-1)
