"""Laws of separability (lunk2026 (7)): J is a sum over its groups, and so is everything that belongs to it."""

from __future__ import annotations

from itertools import combinations

import numpy as np

from ..arrays import Array
from ..groups import Groups, Restriction
from ..margins import equal, equal_vectors
from .findings import Findings, NotApplicable
from .regularizer_case import RegularizerCase

_ROUNDING = 1e-9


def _everywhere(case: RegularizerCase) -> Array:
    return np.concatenate([case.inside, case.points])


def value_adds_up_over_groups(case: RegularizerCase, findings: Findings) -> None:
    """J(θ) = Σ_g J_g(θ_g) with J_g the restriction to the group g alone, the domain included."""
    x, groups = _everywhere(case), case.groups
    total, inside = np.zeros(len(x)), np.ones(len(x), dtype=bool)
    for g in range(groups.count):
        one = Restriction(groups, (g,))
        part = case.regularizer.restrict(one)
        total = total + np.asarray(part.value(one.restrict(x)))
        inside = inside & np.asarray(part.in_domain(one.restrict(x)))
    findings.expect(equal(case.value(x), total), "J(θ) = Σ_g J_g(θ_g)", tolerance=_ROUNDING, theta=x)
    findings.require(
        inside == np.asarray(case.regularizer.in_domain(x)), "dom J is the product of the dom J_g", theta=x
    )


def prox_decouples_groups(case: RegularizerCase, findings: Findings) -> None:
    """Moving z in one group moves the prox in this group only."""
    z, labels = case.points, np.asarray(case.groups.labels)
    before = np.asarray(case.regularizer.prox(z, 1 / case.slope))
    for g in range(min(case.groups.count, 8)):
        moved = np.where(labels == g, z + 3 * case.rng(70, g).standard_normal(z.shape), z)
        after = np.asarray(case.regularizer.prox(moved, 1 / case.slope))
        margin = equal_vectors(np.where(labels == g, 0, after), np.where(labels == g, 0, before), moved)
        findings.expect(margin, "the prox of the other groups does not move", tolerance=_ROUNDING, z=z, moved=moved)


def _selections(case: RegularizerCase) -> list[Restriction]:
    """None, all, single groups, random ones, and restrictions by a coarser partition."""
    groups, rng = case.groups, case.rng(71)
    single = [(int(g),) for g in rng.permutation(groups.count)[:4]]
    random = [tuple(int(g) for g in np.flatnonzero(rng.random(groups.count) < 0.5)) for _ in range(4)]
    selections = [
        Restriction(groups, chosen) for chosen in dict.fromkeys([(), tuple(range(groups.count)), *single, *random])
    ]
    if groups.count > 1:
        merged = Groups(tuple(label // 2 for label in groups.labels), (groups.count + 1) // 2)
        selections += [Restriction(merged, (g,)) for g in range(min(merged.count, 2))]
    return selections


def restrictions_agree_with_the_whole(case: RegularizerCase, findings: Findings) -> None:
    """Ĵ on selected groups plus Ĵ on the others is J; prox, subgradients and conjugate restrict in the same way."""
    whole, t, x, z = case.regularizer, 1 / case.slope, _everywhere(case), case.points
    p = case.duals
    theta = case.inside
    q = p[case.rng(72).integers(0, len(p), size=len(theta))]
    prox, projected = np.asarray(whole.prox(z, t)), np.asarray(whole.project_subdifferential(theta, q))
    for r in _selections(case):
        chosen, others = whole.restrict(r), whole.restrict(r.complement)
        selected = list(r.selected)
        both = np.asarray(chosen.value(r.restrict(x))) + np.asarray(others.value(r.complement.restrict(x)))
        findings.expect(equal(case.value(x), both), f"J = Ĵ + Ĵᶜ for groups {selected}", tolerance=_ROUNDING, theta=x)
        margin = equal_vectors(np.asarray(chosen.prox(r.restrict(z), t)), r.restrict(prox), r.restrict(z))
        findings.expect(margin, f"prox of Ĵ = R prox of J for groups {selected}", tolerance=_ROUNDING, z=z)
        both = np.asarray(chosen.conjugate(r.restrict(p))) + np.asarray(others.conjugate(r.complement.restrict(p)))
        findings.expect(
            equal(np.asarray(whole.conjugate(p)), both),
            f"J* = Ĵ* + Ĵᶜ* for groups {selected}",
            tolerance=_ROUNDING,
            p=p,
        )
        part = np.asarray(chosen.project_subdifferential(r.restrict(theta), r.restrict(q)))
        margin = equal_vectors(part, r.restrict(projected), r.restrict(q))
        findings.expect(
            margin, f"subgradients of Ĵ = R(those of J) for groups {selected}", tolerance=_ROUNDING, theta=theta, q=q
        )
        inside = np.asarray(chosen.in_domain(r.restrict(x))) & np.asarray(others.in_domain(r.complement.restrict(x)))
        findings.require(
            inside == np.asarray(whole.in_domain(x)), f"dom J = dom Ĵ × dom Ĵᶜ for groups {selected}", theta=x
        )
        finest = Restriction.to_coordinates(case.groups, r.indices.tolist()).coarse_groups
        claimed = chosen.separable_groups(r.coarse_dimension)
        findings.require(_as_sets(claimed) == _as_sets(finest), f"Ĵ on groups {selected} has the selected groups")


def _as_sets(groups: Groups) -> set[tuple[int, ...]]:
    return {group for group in groups.members if group}


def restrict_rejects_split_groups(case: RegularizerCase, findings: Findings) -> None:
    """A restriction that selects a part of a group raises a ValueError."""
    large = [group for group in case.groups.members if len(group) > 1]
    if not large:
        raise NotApplicable("every group is a single coordinate")
    single = Groups.singletons(case.dimension)
    for group in large[:4]:
        others = tuple(i for i in range(case.dimension) if i not in group)
        for chosen in {tuple(sorted((*others, group[0]))), group[1:], (group[-1],)}:
            try:
                case.regularizer.restrict(Restriction(single, tuple(chosen)))
            except ValueError:
                findings.require(True, "a ValueError is raised")
            else:
                findings.require(
                    False, f"selecting coordinates {list(chosen)} splits group {list(group)} and raises a ValueError"
                )


def groups_are_the_finest(case: RegularizerCase, findings: Findings) -> None:
    """No group falls apart: J is not a sum over two parts of any group, as mixed differences show."""
    large = [np.asarray(group) for group in case.groups.members if len(group) > 1]
    if not large:
        raise NotApplicable("every group is a single coordinate")
    everywhere = np.concatenate([case.inside, case.points, 10 * case.points])
    for group in large[:6]:
        x = everywhere[case.rng(73).permutation(len(everywhere))]
        y = everywhere[case.rng(74).permutation(len(everywhere))]
        x, y = (np.where(np.isin(np.arange(case.dimension), group), part, case.centre) for part in (x, y))
        if len(set(case.value(np.concatenate([x, y])).tolist())) < 2:
            findings.remark(f"J is constant on group {group.tolist()}")
            findings.require(True, "a constant needs no group")
            continue
        size = len(group)
        parts = [part for count in range(1, size // 2 + 1) for part in combinations(range(size), count)]
        for index in case.rng(75).permutation(len(parts))[:12]:
            first = np.isin(np.arange(case.dimension), group[list(parts[index])])
            plain = case.value(x) + case.value(y)
            swapped = case.value(np.where(first, x, y)) + case.value(np.where(first, y, x))
            differs = np.asarray(equal(plain, swapped)) < -1e-9
            part = group[list(parts[index])].tolist()
            findings.require(
                differs.any(), f"J is not a sum over coordinates {part} and the rest of group {group.tolist()}"
            )


GROUP_LAWS = (
    value_adds_up_over_groups,
    prox_decouples_groups,
    restrictions_agree_with_the_whole,
    restrict_rejects_split_groups,
    groups_are_the_finest,
)
