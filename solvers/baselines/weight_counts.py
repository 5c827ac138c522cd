"""How many weights each parameter of a masked optimizer keeps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from ...theory.arrays import check_number
from ...theory.sparse_initialisation import SCHEMES, densities

Counts = list[int | None]


def check_density(name: str, density: Any) -> float:
    """``density`` when it is a number in (0, 1]."""
    check_number(name, density, above=0)
    if density > 1:
        raise ValueError(f"{name} must be in (0, 1], got {density!r}")
    return float(density)


def weight_counts(groups: Sequence[dict[str, Any]]) -> list[Counts]:
    """Last counts, one list for each group; the total density is shared among all the groups that are given."""
    for group in groups:
        _check_group(group)
    shared = _shared_counts(groups, [group["total_density"] for group in groups])
    return [_of_group(group, own) for group, own in zip(groups, shared, strict=True)]


def distributed(groups: Sequence[dict[str, Any]], density: float | None) -> list[Counts]:
    """First counts: the last ones where ``density`` is None, else those of this density, and never fewer than the last.

    It is shared as the total density is; parameters with a density of their own take it each.
    """
    if density is None:
        return [list(group["counts"]) for group in groups]
    shared = _shared_counts(groups, [density] * len(groups))
    found: list[Counts] = []
    for group, own in zip(groups, shared, strict=True):
        first: Counts = []
        for position, (theta, last) in enumerate(zip(group["params"], group["counts"], strict=True)):
            if last is None:
                first.append(None)
                continue
            wanted = own[position] if position in own else nearest(density, theta)
            first.append(max(wanted, last))
        found.append(first)
    return found


def nearest(density: float, theta: Tensor) -> int:
    """Density times size to the nearest integer, at least 1 and at most all; 0 for an empty tensor."""
    return min(max(1, round(density * theta.numel())), theta.numel())


def _shared_counts(groups: Sequence[dict[str, Any]], total: Sequence[float | None]) -> list[dict[int, int]]:
    """For each group, the count of each position that shares in the total density of its groups."""
    counts: list[dict[int, int]] = [{} for _ in groups]
    kinds = {
        (total[number], group["distribution"]) for number, group in enumerate(groups) if group["density"] == "total"
    }
    for density, scheme in kinds:
        if density is None:
            raise ValueError(
                "density must be a number in the constructor where a group has 'total', got 'nonzero' there"
            )
        places = [
            (number, position)
            for number, group in enumerate(groups)
            if group["density"] == "total" and (total[number], group["distribution"]) == (density, scheme)
            for position, theta in enumerate(group["params"])
            if theta.dim() >= 2 and theta.numel()
        ]
        thetas = [groups[number]["params"][position] for number, position in places]
        if not places:
            continue
        shares = densities([tuple(theta.shape) for theta in thetas], density, scheme)
        for (number, position), theta, share in zip(places, thetas, shares, strict=True):
            counts[number][position] = nearest(float(share), theta)
    return counts


def _of_group(group: dict[str, Any], shared: dict[int, int]) -> Counts:
    density, thetas = group["density"], group["params"]
    if density == "total":
        return [shared.get(position) for position in range(len(thetas))]
    if density == "nonzero":
        return [int((theta != 0).sum()) if theta.dim() >= 2 and theta.numel() else None for theta in thetas]
    each = density if isinstance(density, list) else [density] * len(thetas)
    return [
        None if own is None or not theta.numel() else nearest(own, theta)
        for own, theta in zip(each, thetas, strict=True)
    ]


def _check_group(group: dict[str, Any]) -> None:
    density, scheme = group["density"], group["distribution"]
    if scheme not in SCHEMES:
        raise ValueError(f"distribution must be one of {', '.join(SCHEMES)}, got {scheme!r}")
    if density is None:
        return
    if isinstance(density, str):
        if density not in ("total", "nonzero"):
            raise ValueError(f"density must be a number in (0, 1], a list, None, 'total' or 'nonzero', got {density!r}")
    elif isinstance(density, list):
        if len(density) != len(group["params"]):
            raise ValueError(
                f"density must have one entry for each of {len(group['params'])} parameters, got {density!r}"
            )
        for own in density:
            if own is not None:
                check_density("density", own)
    else:
        check_density("density", density)
    if group["total_density"] is not None:
        check_density("total_density", group["total_density"])
