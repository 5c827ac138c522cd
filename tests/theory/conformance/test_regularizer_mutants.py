"""Every check of a regularizer kills a planted bug; among the bugs are those that were seen in the wild."""

from __future__ import annotations

import pytest
from mlbreg.theory.conformance import checks_of
from mlbreg.theory.regularizers import L1

from . import duality_mutants, prox_mutants, structure_mutants
from .mutant import Planted, expect_killed, expect_sound

MUTANTS = {**prox_mutants.MUTANTS, **duality_mutants.MUTANTS, **structure_mutants.MUTANTS}


@pytest.mark.parametrize("planted", MUTANTS.values(), ids=MUTANTS.keys())
def test_the_checks_named_in_the_table_kill_the_mutant(planted: Planted) -> None:
    expect_killed(planted)


@pytest.mark.parametrize("planted", MUTANTS.values(), ids=MUTANTS.keys())
def test_the_original_passes_what_kills_its_mutant(planted: Planted) -> None:
    expect_sound(planted)


def test_every_check_of_a_regularizer_kills_some_mutant() -> None:
    killers = set().union(*(planted.killers for planted in MUTANTS.values()))
    assert {check.name for check in checks_of(L1(0.1))} == killers
