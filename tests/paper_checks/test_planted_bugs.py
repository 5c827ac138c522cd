"""Bugs that implementations of these methods really have: with each of them, `mlbreg verify` exits 1 and names the claim."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mlbreg.paper_checks import judge
from mlbreg.paper_checks.effort import Budget, Effort
from mlbreg.theory import coarse, divergences
from mlbreg.theory.arrays import inner, positive_part, scalar
from mlbreg.theory.elastic_net import ElasticNet, PrimalDual
from mlbreg.theory.groups import Restriction
from mlbreg.theory.regularizers import L1

pytestmark = pytest.mark.usefixtures("plain_report")

Plant = Callable[[pytest.MonkeyPatch], None]


def soft_threshold_delta_lambda(patch: pytest.MonkeyPatch) -> None:
    """δλ in the place of λ: with the prox of step δ, the threshold is δ²λ."""

    def prox(self: L1, z: Any, step: Any) -> Any:
        size = positive_part(abs(z) - scalar(step, z) ** 2 * scalar(self.lam, z))
        return size * (z > 0) - size * (z < 0)

    patch.setattr(L1, "prox", prox)


def prox_of_v(patch: pytest.MonkeyPatch) -> None:
    """prox_{δJ}(v) in the place of prox_{δJ}(δv)."""
    patch.setattr(ElasticNet, "mirror_map", lambda self, v: self.regularizer.prox(v, self.delta))


def prolongation_without_the_frozen_v(patch: pytest.MonkeyPatch) -> None:
    """v̂ with zeros in the frozen groups in the place of v + P(v̂ − Rv)."""

    def prolong_pair(restriction: Restriction, lower: PrimalDual, fine: PrimalDual) -> PrimalDual:
        return PrimalDual(restriction.embed(lower.theta, fine.theta), restriction.prolong(lower.v))

    patch.setattr(coarse, "prolong_pair", prolong_pair)


def restriction_that_loses_a_coordinate(patch: pytest.MonkeyPatch) -> None:
    """The index map drops the last coordinate of a selected group of two or more."""

    def indices(self: Restriction) -> np.ndarray:
        kept = [i for i, label in enumerate(self.groups.labels) if label in self.selected]
        split = [self.groups.members[g][-1] for g in self.selected if self.groups.sizes[g] > 1][:1]
        return np.asarray([i for i in kept if i not in split], dtype=np.int64)

    replacement = cached_property(indices)
    replacement.__set_name__(Restriction, "indices")
    patch.setattr(Restriction, "indices", replacement)


def restriction_that_splits_a_group(patch: pytest.MonkeyPatch) -> None:
    """R takes the neighbour of each selected coordinate."""

    def restrict_pair(restriction: Restriction, pair: PrimalDual) -> PrimalDual:
        neighbours = (restriction.indices + 1) % restriction.dimension
        return PrimalDual(pair.theta[..., neighbours], pair.v[..., neighbours])

    patch.setattr(coarse, "restrict_pair", restrict_pair)


def symmetric_divergence_with_a_wrong_sign(patch: pytest.MonkeyPatch) -> None:
    """⟨p − p̃, θ̃ − θ⟩ in the place of ⟨p̃ − p, θ̃ − θ⟩."""
    patch.setattr(
        divergences, "symmetric", lambda p_tilde, p, theta_tilde, theta: inner(p - p_tilde, theta_tilde - theta)
    )


WHERE: list[tuple[Plant, str]] = [
    (soft_threshold_delta_lambda, "lunk2026/prop-3.2"),
    (soft_threshold_delta_lambda, "lunk2026/lemma-A.2-descent"),
    (soft_threshold_delta_lambda, "bungert2021/thm-3.2-repaired"),
    (prox_of_v, "lunk2026/prop-3.2"),
    (prox_of_v, "lunk2026/lemma-A.2-descent"),
    (prox_of_v, "bungert2021/thm-3.2-repaired"),
    (prolongation_without_the_frozen_v, "lunk2026/prop-3.2"),
    (restriction_that_loses_a_coordinate, "lunk2026/prop-3.1"),
    (restriction_that_splits_a_group, "lunk2026/prop-3.1"),
    (symmetric_divergence_with_a_wrong_sign, "bungert2021/thm-3.2-repaired"),
]


def name(value: Any) -> str:
    return value if isinstance(value, str) else str(value.__name__)


@pytest.mark.parametrize(("plant", "id"), WHERE, ids=name)
def test_a_planted_bug_is_exit_code_1_and_the_claim_is_named(
    plant: Plant, id: str, mlbreg: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Floating point is enough to notice; shrinking an exact counterexample is what takes long.
    monkeypatch.setitem(
        judge.BUDGETS, Effort.QUICK, Budget(problems=30, batch=32, exact=0, witness=0, rounds=2, curve=2)
    )
    plant(monkeypatch)
    found = mlbreg("verify", id, "--effort", "quick", "--jobs", 1, "--out", tmp_path / "report")
    assert found.exit_code == 1
    assert f"changed: {id} was proved and is now " in found.err
    assert (tmp_path / "report" / "report.json").is_file()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("plant", "id"),
    [
        (soft_threshold_delta_lambda, "lunk2026/prop-3.2"),
        (prox_of_v, "lunk2026/lemma-A.2-descent"),
        (prolongation_without_the_frozen_v, "lunk2026/prop-3.2"),
        (symmetric_divergence_with_a_wrong_sign, "bungert2021/thm-3.2-repaired"),
    ],
    ids=name,
)
def test_a_planted_bug_is_refuted_by_an_exact_counterexample(
    plant: Plant, id: str, mlbreg: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(monkeypatch)
    found = mlbreg("verify", id, "--effort", "quick", "--jobs", 1, "--out", tmp_path / "report")
    assert found.exit_code == 1
    assert f"changed: {id} was proved and is now refuted" in found.err
    assert "(exact)" in found.out


@pytest.mark.parametrize("id", sorted({id for _, id in WHERE}))
def test_without_a_planted_bug_the_same_search_changes_nothing(
    id: str, mlbreg: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(
        judge.BUDGETS, Effort.QUICK, Budget(problems=30, batch=32, exact=0, witness=0, rounds=2, curve=2)
    )
    found = mlbreg("verify", id, "--effort", "quick", "--jobs", 1, "--out", tmp_path / "report")
    assert found.exit_code == 0
    assert "changed" not in found.err
