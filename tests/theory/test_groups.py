"""Partitions of the coordinates, and the restrictions that select whole groups."""

from __future__ import annotations

import importlib.util
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mlbreg.theory.arrays import exact
from mlbreg.theory.groups import Groups, Restriction

HAS_TORCH = importlib.util.find_spec("torch") is not None


@st.composite
def partitions(draw: st.DrawFn) -> Groups:
    count = draw(st.integers(1, 4))
    return Groups(tuple(draw(st.lists(st.integers(0, count - 1), max_size=7))), count)


@st.composite
def restrictions(draw: st.DrawFn) -> Restriction:
    groups = draw(partitions())
    return Restriction(groups, tuple(sorted(draw(st.sets(st.integers(0, groups.count - 1))))))


def test_the_usual_partitions() -> None:
    assert Groups.singletons(3).members == ((0,), (1,), (2,))
    assert Groups.whole(3).members == ((0, 1, 2),)
    assert Groups.of([[2, 0], [1]], 3).members == ((0, 2), (1,))
    assert Groups.of_sizes([2, 0, 1]).members == ((0, 1), (), (2,))
    assert Groups.rows((2, 3)).members == ((0, 1, 2), (3, 4, 5))
    assert Groups.columns((2, 3)).members == ((0, 3), (1, 4), (2, 5))
    assert Groups.kernels((2, 1, 1, 2)).members == ((0, 1), (2, 3))


def test_rows_and_columns_are_those_of_the_flattened_matrix() -> None:
    matrix = np.arange(6.0).reshape(2, 3)
    assert np.array_equal(Groups.rows((2, 3)).blocks(matrix.ravel()), matrix)
    assert np.array_equal(Groups.columns((2, 3)).blocks(matrix.ravel()), matrix.T)


def test_kernels_are_those_of_a_convolution_weight() -> None:
    weight = np.arange(2 * 3 * 2 * 2.0).reshape(2, 3, 2, 2)
    blocks = Groups.kernels((2, 3, 2, 2)).blocks(weight.ravel())
    assert np.array_equal(blocks, weight.reshape(6, 4))


@given(partitions())
def test_members_and_sizes_partition_the_coordinates(groups: Groups) -> None:
    assert sorted(i for group in groups.members for i in group) == list(range(groups.dimension))
    assert groups.sizes == tuple(map(len, groups.members))
    assert len(groups.members) == groups.count


@given(partitions())
def test_blocks_sums_and_spread_serve_batches_and_fractions(groups: Groups) -> None:
    x = np.arange(2.0 * groups.dimension).reshape(2, groups.dimension) - 3
    sums = groups.sums(x)
    assert sums.tolist() == [[sum(row[i] for i in group) for group in groups.members] for row in x.tolist()]
    assert groups.blocks(x).shape == (2, groups.count, max(groups.sizes, default=0))
    assert groups.sums(exact(x)).tolist() == sums.tolist()
    assert groups.spread(sums).tolist() == [[row[label] for label in groups.labels] for row in sums.tolist()]


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ([[0], [0, 1]], r"groups must be disjoint: coordinate 0 is in group 0 and in group 1"),
        ([[0]], r"groups must cover 0 … 1: coordinates \[1\] are in no group"),
        ([[0, 2], [1]], r"groups: coordinate 2 is outside 0 … 1 \(group 0\)"),
        ([[-1, 0], [1]], r"coordinate -1 is outside"),
    ],
)
def test_what_is_no_partition_is_refused(members: list[list[int]], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Groups.of(members, 2)


def test_other_mistakes_are_refused() -> None:
    with pytest.raises(ValueError, match="labels must be groups 0 … 1, got 2"):
        Groups((0, 2), 2)
    with pytest.raises(ValueError, match="sizes must be ≥ 0"):
        Groups.of_sizes([1, -1])
    with pytest.raises(TypeError):
        Groups.of([[0.5], [1]], 2)
    with pytest.raises(ValueError, match=r"x must have shape \(..., 2\), got \(3,\)"):
        Groups.singletons(2).blocks(np.zeros(3))
    with pytest.raises(ValueError, match=r"values must have shape"):
        Groups.singletons(2).spread(np.zeros(3))


def test_refinement_of_partitions() -> None:
    coarse, fine = Groups.of([[0, 1], [2]], 3), Groups.singletons(3)
    assert coarse.is_refined_by(fine)
    assert coarse.is_refined_by(coarse)
    assert not fine.is_refined_by(coarse)
    assert not coarse.is_refined_by(Groups.singletons(4))
    assert Groups.of_sizes([2, 0, 1]).is_refined_by(coarse)


@given(restrictions())
def test_restriction_and_prolongation_are_what_their_matrices_are(r: Restriction) -> None:
    R = np.eye(r.dimension)[r.indices].reshape(r.coarse_dimension, r.dimension)
    x, y = np.arange(1.0, r.dimension + 1), np.arange(10.0, r.coarse_dimension + 10)
    assert np.array_equal(r.restrict(x), R @ x)
    assert np.array_equal(r.prolong(y), R.T @ y)
    assert np.array_equal(r.embed(y, x), R.T @ y + x - R.T @ (R @ x))
    assert np.array_equal(r.restrict(r.prolong(y)), y)


@given(restrictions())
def test_restrictions_serve_batches_and_fractions(r: Restriction) -> None:
    x = np.arange(2.0 * r.dimension).reshape(2, r.dimension)
    coarse = r.restrict(x)
    assert coarse.shape == (2, r.coarse_dimension)
    assert r.restrict(exact(x)).tolist() == coarse.tolist()
    lifted = r.prolong(exact(coarse))
    assert lifted.tolist() == r.prolong(coarse).tolist()
    assert all(isinstance(entry, Fraction) for entry in lifted.ravel())
    for part, whole in ((coarse[:1], x), (coarse[0], x), (coarse, x[0])):
        together = r.embed(part, whole)
        assert together.shape == (2, r.dimension)
        assert np.array_equal(together[0], r.embed(np.atleast_2d(part)[0], np.atleast_2d(whole)[0]))
    assert r.prolong(coarse.astype(np.float32)).dtype == np.float32


@given(restrictions())
def test_coarse_groups_are_the_selected_groups_in_coarse_coordinates(r: Restriction) -> None:
    names = [tuple(int(r.indices[i]) for i in group) for group in r.coarse_groups.members]
    assert names == [r.groups.members[g] for g in r.selected]


@given(restrictions())
def test_a_restriction_and_its_complement_share_the_coordinates(r: Restriction) -> None:
    assert sorted([*r.indices, *r.complement.indices]) == list(range(r.dimension))
    x = np.arange(1.0, r.dimension + 1)
    assert np.array_equal(r.prolong(r.restrict(x)) + r.complement.prolong(r.complement.restrict(x)), x)


def test_the_support_selects_groups_with_a_coordinate_that_is_not_zero() -> None:
    groups = Groups.of_sizes([2, 2, 0, 1])
    assert Restriction.to_support(groups, np.asarray([0.0, 0, 0, 5e-324, -0.0])).selected == (1,)
    assert Restriction.to_support(groups, exact([1, 0, 0, 0, 1])).selected == (0, 3)
    with pytest.raises(ValueError, match=r"theta must be one vector \(d,\)"):
        Restriction.to_support(groups, np.zeros((2, 5)))


def test_coordinates_must_make_up_whole_groups() -> None:
    groups = Groups.of([[0, 3], [1, 2]], 4)
    assert Restriction.to_coordinates(groups, [3, 0]).selected == (0,)
    with pytest.raises(ValueError, match=r"group 1 = \[1, 2\] is split, \[2\] is missing from \[0, 1, 3\]"):
        Restriction.to_coordinates(groups, [0, 1, 3])


@pytest.mark.parametrize(("selected", "message"), [((1, 0), "increasing"), ((0, 0), "increasing"), ((0, 7), "got 7")])
def test_a_selection_is_increasing_and_of_groups_that_exist(selected: tuple[int, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Restriction(Groups.singletons(3), selected)


def test_vectors_of_the_wrong_length_are_refused() -> None:
    r = Restriction(Groups.singletons(3), (0, 2))
    with pytest.raises(ValueError, match=r"x must have shape \(..., 3\)"):
        r.restrict(np.zeros(2))
    with pytest.raises(ValueError, match=r"coarse must have shape \(..., 2\)"):
        r.prolong(np.zeros(3))
    with pytest.raises(ValueError, match=r"fine must have shape \(..., 3\)"):
        r.embed(np.zeros(2), np.zeros(2))


@pytest.mark.skipif(not HAS_TORCH, reason="needs torch")
@pytest.mark.torch
def test_torch_tensors_are_restricted_and_prolonged() -> None:
    import torch

    r, x = Restriction(Groups.of_sizes([2, 0, 1]), (0,)), torch.arange(6, dtype=torch.float32).reshape(2, 3)
    assert r.restrict(x).tolist() == [[0, 1], [3, 4]]
    assert r.embed(r.restrict(x) + 10, x).tolist() == [[10, 11, 2], [13, 14, 5]]
    assert r.prolong(r.restrict(x)).dtype == torch.float32
    assert r.groups.sums(x).tolist() == [[1, 0, 2], [7, 0, 5]]
