"""Finite sums: components, mini-batches, constants."""

import itertools
from fractions import Fraction

import numpy as np
import pytest
from mlbreg.theory.arrays import exact
from mlbreg.theory.losses import FiniteSum, Huber, LeastSquares, Logistic, Quadratic, Quartic, SineQuadratic

_rng = np.random.default_rng(5)
_A, _B, _THETA = _rng.normal(size=(5, 3)), _rng.normal(size=5), _rng.normal(size=(6, 3))
_LABELS = [1, -1, 1, 1, -1]

ROWS = {
    "least squares": (LeastSquares(_A, _B), [LeastSquares(_A[i : i + 1], _B[i : i + 1]) for i in range(5)]),
    "huber": (Huber(_A, _B, 0.3), [Huber(_A[i : i + 1], _B[i : i + 1], 0.3) for i in range(5)]),
    "logistic": (
        Logistic(_A, _LABELS, ridge=0.2),
        [Logistic(_A[i : i + 1], [label], ridge=0.2) for i, label in enumerate(_LABELS)],
    ),
}


@pytest.fixture(params=ROWS.values(), ids=ROWS.keys())
def twins(request):
    """The same finite sum by rows of a model and by separate losses."""
    model, losses = request.param
    return FiniteSum(model), FiniteSum(losses)


def test_rows_and_separate_losses_are_the_same_sum(twins):
    rows, separate = twins
    assert rows.count == separate.count == 5
    for name in ("value", "gradient", "component_values", "component_gradients"):
        np.testing.assert_allclose(getattr(rows, name)(_THETA), getattr(separate, name)(_THETA), rtol=1e-12)


def test_the_loss_is_the_mean_of_its_components(twins):
    for loss in twins:
        assert loss.component_values(_THETA).shape == (6, 5)
        assert loss.component_gradients(_THETA).shape == (6, 5, 3)
        np.testing.assert_allclose(loss.component_values(_THETA).mean(axis=1), loss.value(_THETA))
        np.testing.assert_allclose(loss.component_gradients(_THETA).mean(axis=1), loss.gradient(_THETA))


def test_a_batch_gradient_is_the_mean_over_the_batch(twins):
    batches = np.array([[0, 1], [1, 1], [4, 2], [3, 0], [2, 4], [0, 0]])
    for loss in twins:
        components = loss.component_gradients(_THETA)
        np.testing.assert_allclose(loss.batch_gradient(_THETA, [3, 1, 3]), components[:, [3, 1, 3]].mean(axis=1))
        expected = components[np.arange(6)[:, None], batches].mean(axis=1)
        np.testing.assert_allclose(loss.batch_gradient(_THETA, batches), expected)
        every = loss.batch_gradient(_THETA[0], batches)
        np.testing.assert_allclose(every, components[0][batches].mean(axis=1))


def test_batch_gradients_are_unbiased_exactly():
    loss = FiniteSum.least_squares(exact([[1, 2], [0, 1], [3, -1], [1, 1]]), exact([1, 2, 3, 4]))
    theta = exact([Fraction(1, 2), Fraction(-2, 3)])
    batches = np.array(list(itertools.combinations(range(4), 2)))
    gradients = loss.batch_gradient(theta, batches)
    assert np.all(gradients.sum(axis=0) / Fraction(len(batches)) == loss.gradient(theta))


def test_least_squares_has_the_constants_of_the_mean():
    loss, whole = FiniteSum.least_squares(_A, _B), LeastSquares(_A, _B)
    assert loss.lipschitz == pytest.approx(whole.lipschitz / 5)
    assert loss.strong_convexity == pytest.approx(whole.strong_convexity / 5)
    assert loss.pl_constant == pytest.approx(whole.pl_constant / 5)
    assert loss.infimum == pytest.approx(whole.infimum / 5)
    np.testing.assert_allclose(loss.minimizer(), whole.minimizer())
    assert loss.component_lipschitz == pytest.approx(max(np.sum(_A**2, axis=1)))


def test_exact_least_squares_has_exact_constants():
    loss = FiniteSum.least_squares(exact([[1, 0], [0, 2]]), exact([1, 1]))
    assert (loss.lipschitz, loss.strong_convexity, loss.component_lipschitz) == (2, Fraction(1, 2), 4)
    assert isinstance(loss.infimum, Fraction)


def test_the_constants_of_separate_losses_bound_the_best_ones(twins):
    rows, separate = twins
    assert separate.lipschitz >= rows.lipschitz * (1 - 1e-12)
    assert separate.strong_convexity <= rows.strong_convexity + 1e-12
    assert separate.component_lipschitz == pytest.approx(rows.component_lipschitz)


def test_the_infimum_of_separate_convex_losses_is_found_numerically(twins):
    rows, separate = twins
    assert separate.infimum == pytest.approx(rows.infimum, rel=1e-12)
    assert np.abs(separate.gradient(separate.minimizer())).max() < 1e-8


def test_a_degenerate_minimum_is_still_found():
    loss = FiniteSum([Quartic([1.0, 1.0], [1.0, 2.0]), Quartic([3.0, 1.0], [1.0, 2.0])])
    assert loss.infimum == pytest.approx(0, abs=1e-20)


def test_a_known_minimizer_gives_the_infimum_exactly():
    losses = [Quadratic(exact([1]), exact([0])), Quadratic(exact([2]), exact([3]))]
    loss = FiniteSum(losses, known_minimizer=exact([2]))
    assert loss.infimum == Fraction(3, 2)
    assert loss.minimizer().tolist() == [2]
    assert (loss.lipschitz, loss.strong_convexity, loss.pl_constant) == (Fraction(3, 2),) * 3


def test_a_known_infimum_alone_says_that_no_minimizer_is_known():
    losses = [Logistic([[1.0]], [1]), Logistic([[2.0]], [1])]
    loss = FiniteSum(losses, known_infimum=0.0)
    assert loss.infimum == 0
    assert loss.minimizer() is None
    with pytest.raises(ValueError, match=r"L\* is not known, give known_minimizer or known_infimum"):
        _ = FiniteSum(losses).infimum


def test_the_infimum_of_losses_that_are_not_convex_must_be_given():
    losses = [SineQuadratic.of_coordinates(1), Quadratic([1.0], [1.0])]
    loss = FiniteSum(losses)
    assert (loss.strong_convexity, loss.pl_constant) == (None, None)
    with pytest.raises(ValueError, match="a loss is not convex"):
        _ = loss.infimum
    assert FiniteSum([losses[0]], known_minimizer=np.zeros(1)).infimum == 0


@pytest.mark.parametrize(
    ("indices", "message"),
    [
        ([], "indices must be integers of shape"),
        ([0.5], "indices must be integers of shape"),
        (1, "indices must be integers of shape"),
        ([5], "indices must be in 0 … 4, got 5 … 5"),
        ([-1, 0], "indices must be in 0 … 4, got -1 … 0"),
    ],
)
def test_wrong_indices_are_refused(twins, indices, message):
    for loss in twins:
        with pytest.raises(ValueError, match=message):
            loss.batch_gradient(_THETA, indices)


def test_wrong_components_are_refused():
    with pytest.raises(ValueError, match="losses must hold at least one loss"):
        FiniteSum([])
    with pytest.raises(TypeError, match="losses must be losses, got 3"):
        FiniteSum([3])
    with pytest.raises(ValueError, match="losses must have one dimension, got 1 and 2"):
        FiniteSum([Quadratic([1.0]), Quadratic([1.0, 1.0])])
    with pytest.raises(ValueError, match=r"known_minimizer must have shape \(1,\), got \(2,\)"):
        FiniteSum([Quadratic([1.0])], known_minimizer=np.zeros(2))
    with pytest.raises(ValueError, match=r"known_infimum must be L\(known_minimizer\) = 0.0, got 1"):
        FiniteSum([Quadratic([1.0])], known_infimum=1, known_minimizer=np.zeros(1))
    with pytest.raises(ValueError, match="known_infimum and known_minimizer are for separate losses"):
        FiniteSum(LeastSquares(_A, _B), known_infimum=0.0)


@pytest.mark.torch
def test_batch_gradients_of_torch_tensors_agree_with_numpy(twins):
    torch = pytest.importorskip("torch")
    for loss in twins:
        found = loss.batch_gradient(torch.tensor(_THETA), [[0, 2]] * 6)
        np.testing.assert_allclose(found.numpy(), loss.batch_gradient(_THETA, [0, 2]), rtol=1e-12)
        assert loss.component_gradients(torch.tensor(_THETA)).shape == (6, 5, 3)
