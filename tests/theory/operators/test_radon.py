"""The parallel-beam transform: against clipped lines, total mass, orientation, continuum."""

import math

import numpy as np
import pytest
from mlbreg.theory.arrays import IrrationalError, exact
from mlbreg.theory.operators import Radon


def _length(n, angle, offset, row, column):
    """The length of the line u cos + v sin = offset in a pixel, by clipping the line at the pixel's four sides."""
    cosine, sine = math.cos(angle), math.sin(angle)
    low, high = -math.inf, math.inf
    u, v = (column + 0.5) / n - 0.5, 0.5 - (row + 0.5) / n
    for start, slope, centre in ((offset * cosine, -sine, u), (offset * sine, cosine, v)):
        if abs(slope) < 1e-14:
            if abs(start - centre) > 0.5 / n:
                return 0.0
            continue
        ends = sorted(((centre - 0.5 / n - start) / slope, (centre + 0.5 / n - start) / slope))
        low, high = max(low, ends[0]), min(high, ends[1])
    return max(high - low, 0.0)


@pytest.mark.parametrize(("n", "angles"), [(1, 4), (2, 3), (4, 2), (5, 7), (5, 6), (6, 8)])
def test_the_entries_are_the_lengths_of_clipped_lines(n, angles):
    matrix = Radon(n, angles).apply(np.eye(n * n)).T.reshape(angles, n, n, n)
    for k, i, row, column in np.ndindex(matrix.shape):
        expected = _length(n, math.pi * k / angles, (i + 0.5) / n - 0.5, row, column)
        assert matrix[k, i, row, column] == pytest.approx(expected, abs=1e-10)


def test_along_the_axes_the_rays_are_the_columns_and_the_rows_of_the_image():
    image = np.random.default_rng(0).random((6, 6))
    sinogram = Radon(6, 2).apply(image.ravel()).reshape(2, 6)
    np.testing.assert_allclose(sinogram[0], image.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(sinogram[1], image.mean(axis=1)[::-1], rtol=1e-12)


def test_a_disc_has_the_projections_of_a_disc():
    n, radius = 64, 0.3
    centres = (np.arange(n) + 0.5) / n - 0.5
    disc = (centres[:, None] ** 2 + centres[None, :] ** 2 <= radius**2).astype(float)
    sinogram = Radon(n, 9).apply(disc.ravel()).reshape(9, n)
    chord = 2 * np.sqrt(np.maximum(radius**2 - centres**2, 0))
    assert np.abs(sinogram - chord).max() < 0.12
    assert np.abs(sinogram - chord).mean() < 0.01


@pytest.mark.parametrize(("n", "angles"), [(1, 1), (2, 5), (8, 3), (16, 4)])
def test_no_row_and_no_column_is_zero(n, angles):
    radon = Radon(n, angles)
    assert np.all(radon.apply(np.ones(n * n)) > 0)
    assert np.all(radon.adjoint(np.ones(angles * n)) > 0)


def test_errors_name_the_argument():
    with pytest.raises(ValueError, match="n must be ≥ 1, got 0"):
        Radon(0, 3)
    with pytest.raises(ValueError, match="angles must be ≥ 1, got 0"):
        Radon(4, 0)
    with pytest.raises(IrrationalError, match="y must hold floats"):
        Radon(1, 1).adjoint(exact([1]))
    with pytest.raises(IrrationalError, match="x must hold floats"):
        Radon(1, 1).apply(exact([1]))
    with pytest.raises(ValueError, match="n must be even"):
        Radon(5, 3).coarse()
