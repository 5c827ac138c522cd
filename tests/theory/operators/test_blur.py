"""Gaussian blur: against the dense Gaussian, boundaries, physical width."""

import numpy as np
import pytest
from mlbreg.theory.arrays import IrrationalError, exact
from mlbreg.theory.operators import GaussianBlur


def _naive(n, kernel, boundary):
    """K by its definition: one entry for each tap, mirrored at the edges or dropped."""
    K, radius = np.zeros((n, n)), len(kernel) // 2
    for i in range(n):
        for tap in range(-radius, radius + 1):
            j = i + tap
            if boundary == "reflect":
                j %= 2 * n
                j = min(j, 2 * n - 1 - j)
            if 0 <= j < n:
                K[i, j] += kernel[tap + radius]
    return K


@pytest.mark.parametrize("boundary", ["reflect", "zero"])
@pytest.mark.parametrize(("n", "width"), [(1, 0.3), (4, 0.8), (9, 0.1), (16, 0.03)])
def test_the_separable_blur_is_the_kronecker_square_of_the_kernel(n, width, boundary):
    blur = GaussianBlur(n, width, boundary)
    K = _naive(n, blur.kernel, boundary)
    np.testing.assert_allclose(blur.apply(np.eye(n * n)), np.kron(K, K), atol=1e-15)


def test_the_kernel_is_a_symmetric_density_of_the_physical_width():
    for n in (64, 128):
        kernel = GaussianBlur(n, 0.03).kernel
        taps = (np.arange(len(kernel)) - len(kernel) // 2) / n
        assert kernel.sum() == pytest.approx(1, abs=1e-15)
        assert np.array_equal(kernel, kernel[::-1])
        assert np.all(kernel > 0)
        # The variance of a Gaussian averaged over pixels is larger by that of a pixel; the cut takes 0.1 % away.
        assert kernel @ taps**2 == pytest.approx(0.03**2 + 1 / (12 * n * n), rel=3e-3)


def test_a_width_far_below_a_pixel_is_the_identity():
    x = np.random.default_rng(0).random(36)
    np.testing.assert_allclose(GaussianBlur(6, 1e-4).apply(x), x)


def test_a_constant_image_stays_constant_under_reflection_and_darkens_at_zero_edges():
    ones = np.ones(64)
    np.testing.assert_allclose(GaussianBlur(8, 0.1).apply(ones), ones, rtol=1e-14)
    darker = GaussianBlur(8, 0.1, "zero").apply(ones)
    assert darker.max() <= 1 + 1e-15
    assert darker[0] < 0.6


def test_errors_name_the_argument():
    with pytest.raises(ValueError, match="n must be ≥ 1, got 0"):
        GaussianBlur(0, 0.1)
    with pytest.raises(ValueError, match="width must be a finite number > 0"):
        GaussianBlur(4, 0.0)
    with pytest.raises(ValueError, match=r"boundary must be one of .*got 'wrap'"):
        GaussianBlur(4, 0.1, "wrap")
    with pytest.raises(IrrationalError, match="x must hold floats"):
        GaussianBlur(1, 0.1).apply(exact([1]))
    with pytest.raises(ValueError, match="n must be even"):
        GaussianBlur(5, 0.1).coarse()
