"""FLOPs of layers and of training steps, against a convolution that counts its own multiplications."""

from __future__ import annotations

from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from mlbreg.theory import costs
from mlbreg.theory.costs import Layer

LAYERS = [
    Layer(2, 3),
    Layer(1, 2, kernel=2, height=3, width=4),
    Layer(2, 1, kernel=3, height=4, width=4, padding=1),
    Layer(1, 1, kernel=3, height=5, width=4, stride=2, padding=1),
    Layer(2, 2, kernel=1, height=4, width=4, stride=2),
]


def count(layer: Layer, mask: np.ndarray, *, padding: bool) -> dict[str, int]:
    """Train on one random image with plain loops over a padded image; skip zero weights where a pass may, count products."""
    rng = np.random.default_rng(0)
    p, k, stride = layer.padding, layer.kernel, layer.stride
    height, width = layer.output_size
    image = np.zeros((layer.inputs, layer.height + 2 * p, layer.width + 2 * p))
    inside = np.zeros(image.shape[1:], dtype=bool)
    inside[p : p + layer.height, p : p + layer.width] = True
    image[:, inside] = rng.normal(size=(layer.inputs, layer.height * layer.width))
    weight = rng.normal(size=(layer.outputs, layer.inputs, k, k)) * mask
    output, d_image, d_weight = np.zeros((layer.outputs, height, width)), np.zeros(image.shape), np.zeros(weight.shape)
    d_output = rng.normal(size=output.shape)
    counts = {"forward": 0, "inputs": 0, "weights": 0, "sparse weights": 0}
    for o, i, a, b, y, x in product(*map(range, (*weight.shape, height, width))):
        at = (i, y * stride + a, x * stride + b)
        if not padding and not inside[at[1:]]:
            continue
        if weight[o, i, a, b] != 0:
            output[o, y, x] += weight[o, i, a, b] * image[at]
            d_image[at] += weight[o, i, a, b] * d_output[o, y, x]
            counts["forward"] += 1
            counts["inputs"] += 1
            counts["sparse weights"] += 1
        d_weight[o, i, a, b] += d_output[o, y, x] * image[at]
        counts["weights"] += 1
    # The loops are a convolution with its gradients: ⟨d_output, output⟩ = ⟨d_image, image⟩ = ⟨d_weight, weight⟩.
    assert np.vdot(d_output, output) == pytest.approx(np.vdot(d_image, image))
    assert np.vdot(d_output, output) == pytest.approx(np.vdot(d_weight, weight))
    return counts


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("share", [0.0, 0.4, 1.0])
def test_the_formulas_count_the_products_of_a_training_step(layer: Layer, share: float) -> None:
    mask = np.random.default_rng(1).random((layer.outputs, layer.inputs, layer.kernel, layer.kernel)) < share
    found, density = count(layer, mask, padding=True), Fraction(int(mask.sum()), mask.size)
    f_dense, f_sparse = costs.dense([layer]), costs.sparse([layer], [density])
    assert found["forward"] == found["inputs"] == found["sparse weights"] == f_sparse
    assert found["weights"] == f_dense
    assert found["forward"] + found["inputs"] + found["weights"] == costs.linbreg_step(f_sparse, f_dense)
    cycle = 4 * 3 * found["forward"] + found["forward"] + found["inputs"] + found["weights"]
    assert Fraction(cycle, 5) == costs.multilevel_step(Fraction(f_sparse), f_dense, 4)


@pytest.mark.parametrize("layer", LAYERS)
def test_products_with_the_padding_can_be_left_out(layer: Layer) -> None:
    full = np.ones((layer.outputs, layer.inputs, layer.kernel, layer.kernel))
    assert count(layer, full, padding=False)["forward"] == layer.dense_without_padding
    assert (layer.dense_without_padding < layer.dense) == (layer.padding > 0)


def test_without_coarse_steps_ml_linbreg_costs_what_linbreg_costs_and_dense_training_is_density_one() -> None:
    assert costs.multilevel_step(Fraction(7), 100, 0) == costs.linbreg_step(7, 100)
    assert costs.linbreg_step(100, 100) == costs.multilevel_step(100, 100, 99) == costs.dense_step(100)


@pytest.mark.parametrize("density", [Fraction(0), Fraction(7, 100), Fraction(1)])
def test_the_density_is_recovered_from_the_share_of_dense_training(density: Fraction) -> None:
    share = costs.linbreg_step(density, 1) / costs.dense_step(1)
    assert costs.density_of_linbreg(share) == density
    share = costs.multilevel_step(density, 1, 99) / costs.dense_step(1)
    assert costs.density_of_multilevel(share, 99) == density


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"inputs": 0}, "inputs must be ≥ 1, got 0"),
        ({"stride": 0}, "stride must be ≥ 1, got 0"),
        ({"padding": -1}, "padding must be ≥ 0, got -1"),
        ({"kernel": 5, "height": 3, "width": 3}, "kernel must fit into the padded image, got 5 for 3 × 3"),
    ],
)
def test_a_layer_that_cannot_be_is_refused(changes: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Layer(**{"inputs": 1, "outputs": 1, **changes})


def test_each_layer_needs_a_density() -> None:
    with pytest.raises(ValueError, match="one entry for each of the 2 layers, got 1"):
        costs.sparse([Layer(1, 1), Layer(1, 1)], [1])
