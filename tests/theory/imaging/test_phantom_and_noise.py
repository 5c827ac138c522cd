"""The phantom, and noise that a seed determines."""

import numpy as np
import pytest
from mlbreg.theory.imaging import gaussian_noise, phantom, poisson_noise


@pytest.mark.parametrize("n", [1, 2, 7, 32])
def test_the_phantom_has_values_in_the_unit_interval_at_any_size(n):
    image = phantom(n)
    assert image.shape == (n, n)
    assert np.all((image >= 0) & (image <= 1))


def test_the_phantom_is_black_outside_bright_in_the_skull_and_grey_within():
    image = phantom(64)
    assert image[0, 0] == 0
    assert image[3, 32] == 1  # y = 0.875 … 0.906: the skull at the top
    assert image[32, 31] == pytest.approx(0.2)
    assert image[20, 32] == pytest.approx(0.3)  # y = 0.36: the bright disc of the upper half
    assert image[32, 39] < 0.01  # x = 0.23: the right ventricle, 1 − 0.8 − 0.2


def test_a_coarser_phantom_is_nearly_the_average_of_a_finer_one():
    average = phantom(64).reshape(32, 2, 32, 2).mean(axis=(1, 3))
    assert np.abs(phantom(32) - average).mean() < 0.01


def test_a_phantom_needs_a_pixel_and_a_sample():
    with pytest.raises(ValueError, match="n must be ≥ 1, got 0"):
        phantom(0)
    with pytest.raises(ValueError, match="samples must be ≥ 1, got 0"):
        phantom(4, 0)


def test_a_seed_determines_the_noise():
    z = np.linspace(0, 5, 300)
    for draw in (lambda seed: gaussian_noise(z, 0.1, seed), lambda seed: poisson_noise(z, 50.0, seed).data):
        assert np.array_equal(draw(3), draw(3))
        assert not np.array_equal(draw(3), draw(4))


def test_gaussian_noise_has_the_level_that_is_asked_for():
    z = np.full(20000, 4.0)
    noisy = gaussian_noise(z, 0.05, 0)
    assert np.std(noisy - z) == pytest.approx(0.2, rel=0.03)
    assert np.array_equal(gaussian_noise(z, 0.0, 0), z)


def test_poisson_data_are_counts_over_the_scale_with_the_variance_of_counts():
    z = np.full(20000, 4.0)
    data, scale = poisson_noise(z, 25.0, 0)
    counts = data * scale
    assert scale == 25 / 4
    np.testing.assert_allclose(counts, np.round(counts), atol=1e-9)
    assert counts.mean() == pytest.approx(25, rel=0.01)
    assert counts.var() == pytest.approx(25, rel=0.05)


def test_noise_refuses_what_has_none():
    with pytest.raises(ValueError, match="level must be a finite number ≥ 0"):
        gaussian_noise(np.ones(3), -0.1, 0)
    with pytest.raises(ValueError, match="photons must be a finite number > 0"):
        poisson_noise(np.ones(3), 0.0, 0)
    for clean in (-np.ones(3), np.zeros(3)):
        with pytest.raises(ValueError, match="clean must be ≥ 0 and not all 0"):
            poisson_noise(clean, 1.0, 0)
