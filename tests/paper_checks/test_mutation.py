"""Planted bugs: they are put in place, noticed or not, and always taken back."""

from __future__ import annotations

from typing import Any

import pytest
from mlbreg.paper_checks.claim_record import Mutant
from mlbreg.paper_checks.mutation import kill, planted
from mlbreg.solvers import linbreg
from mlbreg.theory.elastic_net import PrimalDual
from mlbreg.theory.regularizers import L1

HOLDING = frozenset({""})


class Owner:
    """Something to patch."""

    @staticmethod
    def constant() -> int:
        return 1

    def method(self) -> int:
        return 2


def wrong_direction(net: Any, pair: Any, gradient: Any, tau: Any) -> PrimalDual:
    """LinBreg that climbs."""
    v = pair.v + tau[..., None] * gradient
    return PrimalDual(net.mirror_map(v), v)


def test_a_planted_patch_is_in_place_inside_and_gone_afterwards() -> None:
    original = Owner.__dict__["method"]
    with planted(Mutant("bug", patch=(Owner, "method", lambda _: 3))):
        assert Owner().method() == 3
    assert Owner.__dict__["method"] is original


def test_a_planted_patch_is_gone_after_an_error() -> None:
    original = L1.__dict__["prox"]
    with pytest.raises(RuntimeError, match="stop"), planted(Mutant("bug", patch=(L1, "prox", None))):
        raise RuntimeError("stop")
    assert L1.__dict__["prox"] is original


def test_a_static_method_comes_back_as_one() -> None:
    with planted(Mutant("bug", patch=(Owner, "constant", staticmethod(lambda: 5)))):
        assert Owner.constant() == 5
    assert isinstance(Owner.__dict__["constant"], staticmethod)


def test_a_mutant_with_a_margin_of_its_own_patches_nothing(descent: Any) -> None:
    before = dict(vars(linbreg))
    with planted(Mutant("a wrong statement", margin=descent)):
        assert dict(vars(linbreg)) == before


def test_a_bug_that_breaks_the_claim_is_killed(claim_of: Any) -> None:
    original = linbreg.step
    found = kill(claim_of(), Mutant("v + τg", patch=(linbreg, "step", wrong_direction)), HOLDING, 10, 16, 0)
    assert found.name == "v + τg"
    assert found.killed
    assert found.smallest_margin is not None
    assert found.smallest_margin < 0
    assert linbreg.step is original


def test_a_patch_that_changes_nothing_survives(claim_of: Any) -> None:
    found = kill(claim_of(), Mutant("no bug", patch=(linbreg, "step", linbreg.step)), HOLDING, 10, 16, 0)
    assert not found.killed
    assert found.smallest_margin is not None
    assert found.smallest_margin >= -1e-9


def test_a_wrong_statement_is_killed_by_its_own_margin(claim_of: Any, descent: Any) -> None:
    stricter = Mutant("decrease by 1", margin=lambda **given: descent(**given) - 1)
    assert kill(claim_of(), stricter, HOLDING, 10, 16, 0).killed
    assert not kill(claim_of(), Mutant("a weaker one", margin=lambda tau, **_: tau), HOLDING, 10, 16, 0).killed


def test_a_wrong_statement_is_killed_whatever_its_conclusions_are_called(claim_of: Any) -> None:
    mutant = Mutant("renamed", margin=lambda tau, **_: {"another name": -tau / tau})
    assert kill(claim_of(), mutant, HOLDING, 2, 4, 0).killed


def test_a_conclusion_that_fails_anyway_kills_no_mutant(claim_of: Any, descent: Any) -> None:
    def margin(**given: Any) -> dict[str, Any]:
        return {"fails anyway": 0 * given["tau"] - 1, "descent": descent(**given)}

    harmless = Mutant("no bug", patch=(linbreg, "step", linbreg.step))
    assert not kill(claim_of(margin), harmless, frozenset({"descent"}), 5, 16, 0).killed
    assert kill(claim_of(margin), harmless, frozenset({"fails anyway"}), 5, 16, 0).killed


def test_without_a_conclusion_that_holds_no_mutant_can_be_judged(claim_of: Any) -> None:
    found = kill(claim_of(), Mutant("bug", patch=(linbreg, "step", wrong_direction)), frozenset(), 5, 16, 0)
    assert (found.killed, found.smallest_margin) == (False, None)


@pytest.mark.parametrize("record", [{}, {"patch": (L1, "prox", None), "margin": abs}])
def test_a_mutant_has_either_a_patch_or_a_margin(record: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"mutant 'both or none' must have either a patch or a margin"):
        Mutant("both or none", **record)


def test_a_bug_that_the_code_itself_refuses_is_killed(claim_of: Any) -> None:
    def not_a_number(net: Any, pair: Any, gradient: Any, tau: Any) -> PrimalDual:
        raise ValueError(f"gradient must be finite, got {gradient[0]} with {net} at {pair} for {tau}")

    found = kill(claim_of(), Mutant("NaN", patch=(linbreg, "step", not_a_number)), HOLDING, 5, 16, 0)
    assert (found.killed, found.smallest_margin) == (True, None)


def test_a_mutant_with_a_typo_is_an_error_and_not_a_kill(claim_of: Any) -> None:
    with pytest.raises(AttributeError, match="thetta"):
        kill(claim_of(), Mutant("a typo", margin=lambda pair, **_: pair.thetta), HOLDING, 5, 16, 0)
