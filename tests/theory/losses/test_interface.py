"""What every loss promises, checked on all of them in floating point."""

import math

import numpy as np
import pytest
from mlbreg.theory.losses import LeastSquares, Loss


def _scale(loss, theta):
    return 1 + np.abs(loss.value(theta))


def test_gradient_is_the_derivative_of_the_value(float_loss, points):
    theta = points(float_loss)
    theta = theta[np.linalg.norm(theta, axis=1) < 10]
    width = 1e-5
    shifts = width * np.eye(float_loss.dimension)
    slopes = (float_loss.value(theta[:, None] + shifts) - float_loss.value(theta[:, None] - shifts)) / (2 * width)
    size = 1 + np.abs(slopes).max(axis=1) + np.abs(float_loss.value(theta))
    assert np.all(np.abs(float_loss.gradient(theta) - slopes).max(axis=1) <= 1e-7 * size)


def test_leading_axes_are_a_batch(float_loss, points):
    theta = points(float_loss)[:6]
    batch = theta.reshape(2, 3, -1)
    values, gradients = float_loss.value(batch), float_loss.gradient(batch)
    assert values.shape == (2, 3)
    assert gradients.shape == batch.shape
    np.testing.assert_allclose(values.ravel(), [float_loss.value(row) for row in theta], rtol=1e-12)
    single = np.array([float_loss.gradient(row) for row in theta])
    np.testing.assert_allclose(gradients.reshape(theta.shape), single, rtol=1e-9, atol=1e-9)


def test_float32_points_give_float32_values_and_gradients(float_loss, points):
    theta = points(float_loss).astype(np.float32)
    assert float_loss.value(theta).dtype == np.float32
    assert float_loss.gradient(theta).dtype == np.float32
    np.testing.assert_allclose(float_loss.value(theta), float_loss.value(theta.astype(float)), rtol=1e-3, atol=1e-3)


def test_no_value_lies_below_the_infimum(float_loss, points):
    theta = points(float_loss)
    assert np.all(float_loss.value(theta) >= float_loss.infimum - 1e-13 * _scale(float_loss, theta))


def test_the_minimizer_reaches_the_infimum_with_a_zero_gradient(float_loss):
    minimizer = float_loss.minimizer()
    if minimizer is None:
        pytest.skip("the infimum is not attained")
    assert minimizer.shape == (float_loss.dimension,)
    assert float_loss.value(minimizer) == pytest.approx(float_loss.infimum, rel=1e-13, abs=1e-25)
    assert np.abs(float_loss.gradient(minimizer)).max() <= 1e-12


def test_the_minimizer_belongs_to_the_caller(float_loss):
    minimizer = float_loss.minimizer()
    if minimizer is not None:
        minimizer += 1
        assert float_loss.value(float_loss.minimizer()) == pytest.approx(float_loss.infimum, abs=1e-12)


def test_descent_lemma_holds_with_the_lipschitz_constant(float_loss, points):
    if float_loss.lipschitz == math.inf:
        pytest.skip("the gradient is not Lipschitz")
    x, y = points(float_loss), points(float_loss, seed=1)
    model = float_loss.value(x) + np.sum(float_loss.gradient(x) * (y - x), axis=1)
    gap = float_loss.lipschitz / 2 * np.sum((y - x) ** 2, axis=1)
    size = _scale(float_loss, x) + _scale(float_loss, y) + np.abs(model) + gap
    assert np.all(model + gap - float_loss.value(y) >= -1e-12 * size)


def test_gradient_is_lipschitz_with_the_constant(float_loss, points):
    if float_loss.lipschitz == math.inf:
        pytest.skip("the gradient is not Lipschitz")
    x = points(float_loss)
    y = x + 1e-2 * points(float_loss, seed=2)
    change = np.linalg.norm(float_loss.gradient(y) - float_loss.gradient(x), axis=1)
    size = np.linalg.norm(float_loss.gradient(x), axis=1)
    assert np.all(change <= float_loss.lipschitz * np.linalg.norm(y - x, axis=1) + 1e-12 * (1 + size))


def test_polyak_lojasiewicz_inequality_holds_with_the_constant(float_loss, points):
    if float_loss.pl_constant is None:
        pytest.skip("no PL constant")
    theta = points(float_loss)
    slope = np.sum(float_loss.gradient(theta) ** 2, axis=1) / 2
    gap = float_loss.pl_constant * (float_loss.value(theta) - float_loss.infimum)
    assert float_loss.pl_constant > 0
    assert np.all(slope - gap >= -1e-10 * (slope + _scale(float_loss, theta)))


def test_strong_convexity_holds_with_the_modulus(float_loss, points):
    if float_loss.strong_convexity is None:
        pytest.skip("not convex")
    x, y = points(float_loss), points(float_loss, seed=3)
    model = float_loss.value(x) + np.sum(float_loss.gradient(x) * (y - x), axis=1)
    gap = float_loss.value(y) - model - float_loss.strong_convexity / 2 * np.sum((y - x) ** 2, axis=1)
    assert np.all(gap >= -1e-12 * (np.abs(model) + _scale(float_loss, x) + _scale(float_loss, y)))


def test_constants_are_ordered(float_loss):
    mu = float_loss.strong_convexity
    assert mu is None or 0 <= mu <= float_loss.lipschitz
    eta = float_loss.pl_constant
    assert eta is None or (mu or 0) <= eta <= float_loss.lipschitz


def test_calling_a_loss_checks_the_shape_of_theta(float_loss):
    with pytest.raises(ValueError, match=r"theta must have shape \(\.\.\., "):
        float_loss(np.zeros(float_loss.dimension + 1))
    assert float_loss(np.zeros(float_loss.dimension)) == float_loss.value(np.zeros(float_loss.dimension))


def test_integer_points_are_refused_rather_than_truncating_the_data():
    loss = LeastSquares([[0.5]], [0.5])
    with pytest.raises(TypeError, match="theta must hold floats or Fractions, got int64"):
        loss.value(np.array([1]))


def test_data_are_copied_and_read_only():
    matrix = np.eye(2)
    loss = LeastSquares(matrix, np.zeros(2))
    matrix[0, 0] = 5
    assert loss.lipschitz == pytest.approx(1)
    with pytest.raises(ValueError, match="read-only"):
        loss.matrix[0, 0] = 5


@pytest.mark.torch
def test_torch_tensors_give_the_same_values_and_gradients_as_numpy(float_loss, points):
    torch = pytest.importorskip("torch")
    theta = points(float_loss)
    theta = theta[np.linalg.norm(theta, axis=1) < 10]
    tensor = torch.tensor(theta, requires_grad=True)
    values = float_loss.value(tensor)
    np.testing.assert_allclose(values.detach().numpy(), float_loss.value(theta), rtol=1e-12, atol=1e-12)
    gradient = float_loss.gradient(tensor.detach())
    np.testing.assert_allclose(gradient.numpy(), float_loss.gradient(theta), rtol=1e-10, atol=1e-10)
    values.sum().backward()
    np.testing.assert_allclose(tensor.grad.numpy(), gradient.numpy(), rtol=1e-10, atol=1e-10)


@pytest.mark.torch
def test_torch_float32_stays_float32(float_loss):
    torch = pytest.importorskip("torch")
    theta = torch.ones((2, float_loss.dimension), dtype=torch.float32)
    assert float_loss.value(theta).dtype == torch.float32
    assert float_loss.gradient(theta).dtype == torch.float32


def test_every_loss_is_a_loss(float_loss, exact_loss):
    assert isinstance(float_loss, Loss)
    assert isinstance(exact_loss, Loss)
