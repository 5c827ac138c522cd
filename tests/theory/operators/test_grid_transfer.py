"""Full weighting and bilinear prolongation: the variational property, constants, stencils, exactness."""

from fractions import Fraction

import numpy as np
import pytest
from mlbreg.theory.arrays import exact
from mlbreg.theory.operators import GridTransfer

CELL = [GridTransfer.cell_centred(n, axes) for n in (2, 4, 6, 8, 32) for axes in (1, 2)]
CELL.append(GridTransfer.cell_centred_rows(3, 8))
VERTEX = [GridTransfer.vertex_centred(n, axes) for n in (3, 7, 9, 31) for axes in (1, 2)]
every = pytest.mark.parametrize("transfer", CELL + VERTEX, ids=lambda transfer: str(transfer.shape))


@every
def test_prolongation_is_a_multiple_of_the_transposed_restriction(transfer):
    rng = np.random.default_rng(0)
    coarse, fine = rng.normal(size=(4, transfer.shape[0])), rng.normal(size=(4, transfer.shape[1]))
    left = np.sum(transfer.prolong(coarse) * fine, axis=-1)
    right = transfer.factor * np.sum(coarse * transfer.restrict(fine), axis=-1)
    np.testing.assert_allclose(left, right, rtol=1e-12, atol=1e-12)


@every
def test_restriction_preserves_constants_and_is_nonnegative(transfer):
    assert np.array_equal(transfer.restrict(np.ones(transfer.shape[1])), np.ones(transfer.shape[0]))
    assert np.all(transfer.restriction.data > 0)


@pytest.mark.parametrize("transfer", CELL, ids=lambda transfer: str(transfer.shape))
def test_cell_centred_prolongation_preserves_constants_and_the_open_box(transfer):
    assert np.array_equal(transfer.prolong(np.ones(transfer.shape[0])), np.ones(transfer.shape[1]))
    inside = np.random.default_rng(1).uniform(1e-3, 1 - 1e-3, size=transfer.shape[0])
    assert np.all((transfer.prolong(inside) > 0) & (transfer.prolong(inside) < 1))


def test_vertex_centred_prolongation_is_linear_with_zero_boundary_values():
    transfer = GridTransfer.vertex_centred(7, axes=1)
    np.testing.assert_array_equal(transfer.prolong(np.array([2.0, 4.0, 2.0])), [1, 2, 3, 4, 3, 2, 1])
    square = GridTransfer.vertex_centred(7).prolong(np.ones(9)).reshape(7, 7)
    assert np.array_equal(square[1:-1, 1:-1], np.ones((5, 5)))
    assert (square[0, 0], square[0, 3]) == (0.25, 0.5)


def test_vertex_centred_full_weighting_has_the_stencil_of_nine_points():
    row = GridTransfer.vertex_centred(3).restriction.toarray().reshape(3, 3)
    np.testing.assert_array_equal(16 * row, [[1, 2, 1], [2, 4, 2], [1, 2, 1]])


def test_cell_centred_full_weighting_and_prolongation_reproduce_linear_functions_inside():
    transfer = GridTransfer.cell_centred(8, axes=1)
    fine, coarse = (np.arange(8) + 0.5) / 8, (np.arange(4) + 0.5) / 4
    np.testing.assert_allclose(transfer.restrict(fine)[1:-1], coarse[1:-1], rtol=1e-15)
    np.testing.assert_allclose(transfer.prolong(coarse)[1:-1], fine[1:-1], rtol=1e-15)


def test_rows_are_transferred_one_by_one():
    rows = np.random.default_rng(2).random((3, 8))
    single = GridTransfer.cell_centred(8, axes=1)
    np.testing.assert_allclose(
        GridTransfer.cell_centred_rows(3, 8).restrict(rows.ravel()).reshape(3, 4), single.restrict(rows), rtol=1e-15
    )


def test_fractions_stay_exact():
    transfer = GridTransfer.cell_centred(4, axes=1)
    x = exact([Fraction(1, 3), 0, 1, Fraction(2, 3)])
    assert list(transfer.restrict(x)) == [Fraction(7, 24), Fraction(17, 24)]
    assert list(transfer.prolong(exact([Fraction(1, 3), 1]))) == list(exact(["1/3", "1/2", "5/6", 1]))


def test_wrong_sizes_are_refused_with_the_size():
    with pytest.raises(ValueError, match="n must be even and ≥ 2 on a cell-centred grid, got 7"):
        GridTransfer.cell_centred(7)
    with pytest.raises(ValueError, match="n must be odd and ≥ 3 on a vertex-centred grid, got 8"):
        GridTransfer.vertex_centred(8)
    with pytest.raises(ValueError, match="axes must be 1 or 2, got 3"):
        GridTransfer.cell_centred(4, axes=3)
    with pytest.raises(ValueError, match="count must be ≥ 1, got 0"):
        GridTransfer.cell_centred_rows(0, 4)
    transfer = GridTransfer.cell_centred(4)
    with pytest.raises(ValueError, match=r"x must have shape \(..., 16\), got \(4,\)"):
        transfer.restrict(np.ones(4))
    with pytest.raises(ValueError, match=r"x must have shape \(..., 4\), got \(16,\)"):
        transfer.prolong(np.ones(16))
