"""The claim record: what it takes to register a claim, and how a wrong one is refused."""

from __future__ import annotations

from typing import Any

import pytest
from mlbreg.paper_checks import claim, families, given
from mlbreg.paper_checks.claim_record import Claim, Hypothesis, registered

pytestmark = pytest.mark.usefixtures("clean_registry")


def register(id: str = "mine/claim", **record: Any) -> Claim:
    """Register a claim about any vector."""

    @claim(id, statement="0 \\le 1", source="a test", **record)
    @given(problem=families.problems(), theta=families.vectors())
    def margin(problem: Any, theta: Any) -> Any:
        """Its note,
        on two lines."""
        return 0 * theta[..., 0] + problem.dimension

    return margin


def test_a_claim_is_registered_under_its_id() -> None:
    record = register("mine/claim", title="A title", reconstructed=True)
    assert registered()["mine/claim"] is record
    assert (record.id, record.paper, record.title, record.reconstructed) == ("mine/claim", "mine", "A title", True)
    assert (record.statement, record.source, record.note) == ("0 \\le 1", "a test", "Its note, on two lines.")
    assert list(record.given) == ["problem", "theta"]
    assert record.proof is None


def test_a_claim_without_a_title_is_called_by_its_name() -> None:
    assert register("mine/long-steps").title == "long-steps"


@pytest.mark.parametrize("id", ["mine", "mine/", "/claim", "a/b/c", "mine/two words", "mine/claim\n", "", "mine/∇"])
def test_an_id_that_does_not_read_paper_name_is_refused(id: str) -> None:
    with pytest.raises(ValueError, match="a claim id must read paper/name") as error:
        register(id)
    assert repr(id) in str(error.value)
    assert id not in registered()


@pytest.mark.parametrize("id", ["lunk2026/prop-9.9", "my_paper/Lemma.A-1_b", "a/1"])
def test_letters_digits_dots_and_dashes_make_an_id(id: str) -> None:
    assert register(id).id == id


def test_an_id_is_registered_once() -> None:
    first = register("mine/claim")
    with pytest.raises(ValueError, match=r"claim 'mine/claim' is registered twice"):
        register("mine/claim")
    assert registered()["mine/claim"] is first


def test_a_claim_without_given_is_refused() -> None:
    with pytest.raises(TypeError, match=r"claim 'mine/claim': put @claim\(...\) above @given\(...\), got <function"):
        claim("mine/claim", statement="", source="")(lambda theta: theta)  # type: ignore[arg-type]
    assert "mine/claim" not in registered()


@pytest.mark.parametrize("family", [3, families.problems, "problems", None])
def test_given_takes_families_only(family: Any) -> None:
    with pytest.raises(TypeError, match=r"given: theta must be a Family \(see mlbreg.paper_checks.families\), got"):
        given(problem=families.problems(), theta=family)


def test_the_registry_that_is_handed_out_is_a_copy() -> None:
    registered().clear()
    assert registered()


def test_a_hypothesis_is_droppable_when_there_is_an_experiment_without_it() -> None:
    assert not Hypothesis("a", "b").droppable
    assert Hypothesis("a", "b", without={"theta": families.vectors()}).droppable
    assert Hypothesis("a", "b", margin=lambda theta: theta).droppable
