"""The entry points: what they accept, what a report says, and that nothing a stranger's object does stops them."""

from __future__ import annotations

import math
import subprocess
import sys
import warnings

import numpy as np
import pytest
from mlbreg.theory.conformance import (
    Check,
    CheckResult,
    Report,
    check_loss,
    check_reference,
    check_regularizer,
    checks_of,
    parametrize_with_checks,
)
from mlbreg.theory.groups import Groups
from mlbreg.theory.losses import Quadratic
from mlbreg.theory.references import Shannon
from mlbreg.theory.regularizers import L1, Box, GroupL2, Nuclear, WeightedL1, Zero
from mlbreg.theory.regularizers.base import Regularizer


class Broken(Regularizer):
    """Every method raises."""

    def value(self, theta):
        raise ZeroDivisionError("value is not written yet")

    prox = conjugate = project_subdifferential = in_domain = separable_groups = restrict = value


class Secretive(Broken):
    """Its repr holds an address."""


def test_a_report_holds_one_result_for_each_check() -> None:
    report = check_regularizer(L1(0.1))
    assert [result.name for result in report] == [check.name for check in checks_of(L1(0.1))]
    assert len(report) == len({result.name for result in report}) > 25
    assert report.passed
    assert report.failures == ()
    report.raise_for_failures()


def test_a_report_reads_as_text() -> None:
    text = str(check_regularizer(L1(0.1)))
    assert text.startswith("L1(lam=0.1) conforms\n  ok     value_is_convex: ")
    failed = Report("mine", (CheckResult("law", False, "it broke", -0.5, {"z": np.asarray([1.0, 2.0]), "t": 3}),))
    assert str(failed) == "mine fails 1 of 1 checks\n  FAILED law: it broke\n         z = [1.0, 2.0]\n         t = 3"
    with pytest.raises(AssertionError, match="it broke"):
        failed.raise_for_failures()


def test_an_empty_report_has_not_passed() -> None:
    assert not Report("mine", ()).passed
    with pytest.raises(AssertionError, match="no check was run"):
        Report("mine", ()).raise_for_failures()


def test_a_result_is_found_by_its_name() -> None:
    report = check_regularizer(Zero())
    assert report["value_is_convex"].name == "value_is_convex"
    with pytest.raises(KeyError, match="name must be one of"):
        report["value_is_concave"]


def test_an_exception_becomes_a_failure_with_its_message_and_place() -> None:
    report = check_regularizer(Broken())
    assert len(report.failures) == len(report)
    assert all("value is not written yet" in result.message for result in report)
    report = check_regularizer(Broken(), dimension=3)
    assert report["value_is_convex"].message.startswith(
        "ZeroDivisionError: value is not written yet (in value, test_entry_points.py line"
    )
    assert all(math.isnan(result.worst) for result in report)


def test_the_same_seed_gives_the_same_report() -> None:
    first, second = (check_regularizer(Nuclear(0.3, (2, 2)), seed=7) for _ in range(2))
    assert str(first) == str(second)
    assert str(first) != str(check_regularizer(Nuclear(0.3, (2, 2)), seed=8))


def test_the_dimension_is_found_where_only_one_fits() -> None:
    for regularizer in (GroupL2(0.1, Groups.of_sizes([4, 9])), WeightedL1([0.5] * 11), Box([0] * 7, [1] * 7)):
        assert check_regularizer(regularizer).passed


def test_a_dimension_that_does_not_fit_is_a_failure() -> None:
    report = check_regularizer(WeightedL1([0.1, 0.2]), dimension=3)
    assert "weights has 2 entries" in report["value_is_convex"].message


def test_a_dimension_beyond_those_tried_has_to_be_given() -> None:
    large = WeightedL1([1.0] * 70)
    assert "give dimension=" in check_regularizer(large)["value_is_convex"].message
    assert check_regularizer(large, dimension=70, without=["batches_agree_with_single_vectors"]).passed


def test_an_object_of_the_wrong_kind_is_refused() -> None:
    with pytest.raises(TypeError, match="regularizer must be of a class derived from Regularizer, got Quadratic"):
        check_regularizer(Quadratic([1.0]))
    with pytest.raises(TypeError, match="loss must be of a class derived from Loss"):
        check_loss(L1(0.1))
    with pytest.raises(TypeError, match="reference must be of a class derived from Reference"):
        check_reference(np.zeros(3))
    with pytest.raises(TypeError, match="subject must be a Regularizer, a Loss or a Reference"):
        checks_of(L1)


def test_checks_can_be_left_out_by_name_but_not_by_a_wrong_one() -> None:
    report = check_reference(Shannon(), without=["torch_agrees_with_numpy"])
    assert "torch_agrees_with_numpy" not in [result.name for result in report]
    with pytest.raises(ValueError, match="without must name checks of Shannon"):
        check_reference(Shannon(), without=["torch"])


def test_the_decorator_gives_readable_and_stable_test_names() -> None:
    mark = parametrize_with_checks([L1(0.1), Secretive(), Quadratic([1.0]), Shannon()])
    ids, checks = mark.kwargs["ids"], mark.args[1]
    assert "L1(lam=0.1)-prox_minimises_its_objective" in ids
    assert "Secretive-prox_minimises_its_objective" in ids
    assert "Shannon()-three_point_identity_holds" in ids
    assert not any(" at 0x" in name for name in ids)
    assert len(ids) == len(checks)


def test_a_check_raises_what_its_result_says() -> None:
    good, bad = (
        {check.name: check for check in checks_of(J, dimension=2)}["value_is_convex"] for J in (Zero(), Broken())
    )
    good()
    with pytest.raises(AssertionError, match=r"Broken: FAILED value_is_convex: ZeroDivisionError"):
        bad()
    assert good.statement == "J is proper and convex on every segment tried"


def test_a_law_that_tried_nothing_has_not_passed() -> None:
    def says_nothing(case, findings) -> None:
        """Everything holds."""

    result = Check("mine", says_nothing, lambda: None).result()
    assert not result.passed
    assert "nothing could be tried" in result.message


def test_a_law_that_fails_before_it_finds_itself_void_still_fails() -> None:
    from mlbreg.theory.conformance.findings import NotApplicable

    def fails_and_leaves(_, findings) -> None:
        findings.require(False, "one is two")
        raise NotApplicable("there is nothing more to try")

    assert not Check("mine", fails_and_leaves, lambda: None).result().passed


def test_warnings_other_than_numerical_ones_are_none_of_its_business() -> None:
    class Old(L1):
        def value(self, theta):
            warnings.warn("use another", DeprecationWarning, stacklevel=2)
            return super().value(theta)

    with pytest.warns(DeprecationWarning, match="use another"):
        assert check_regularizer(Old(0.1)).passed


def test_the_package_is_imported_without_pytest_and_torch() -> None:
    code = "import sys, mlbreg.theory.conformance as c; sys.exit('pytest' in sys.modules or 'torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
