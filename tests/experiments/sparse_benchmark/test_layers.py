"""Single layers."""

from __future__ import annotations

from dataclasses import replace

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("numba")

from mlbreg.experiments.sparse_benchmark import layers as layers_module  # noqa: E402
from mlbreg.experiments.sparse_benchmark import sparseprop  # noqa: E402
from mlbreg.experiments.sparse_benchmark.layers import (  # noqa: E402
    LAYER_CONTENDERS,
    LAYERS,
    Layer,
    measure_layer,
    operands,
    useful_flops,
)

pytestmark = pytest.mark.torch

SMALL = [Layer(3, 5, 6, 3), Layer(3, 5, 6, 3, 2), Layer(3, 5, 7, 1, 2), Layer(6, 4)]


@pytest.mark.parametrize("layer", SMALL, ids=lambda layer: layer.title)
def test_useful_work_is_that_of_pairs_of_a_weight_and_a_pixel_of_the_image(layer: Layer) -> None:
    given = operands(layer, 0.6, batch=2)
    module = layer.module()
    with torch.no_grad():
        module.weight.copy_(given.weight != 0)
        pairs = module(torch.ones_like(given.x)).sum()
    assert useful_flops(layer, given.weight, 2) == 2 * int(pairs)


@pytest.mark.parametrize("layer", SMALL, ids=lambda layer: layer.title)
def test_each_layer_is_measured_for_everyone(layer: Layer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sparseprop, "PACKAGE", "no_such_package")
    found = measure_layer(layer, 0.5, batch=3, repeats=1, contenders=LAYER_CONTENDERS)
    assert found["absent"] == {"sparseprop": "not installed"}
    there = {"ours", "dense", "channels-last", "bf16-channels-last"} - (set() if layer.size else {"channels-last"})
    assert set(found["contenders"]) == there
    for record in found["contenders"].values():
        ms = record["median_ms"]
        assert set(ms) == {"forward", "input_gradient", "weight_gradient", "total"}
        assert min(ms.values()) > 0
        assert record["useful_gflops"] == pytest.approx(3 * found["useful_flops"] / ms["total"] / 1e6)
    assert found["plan_ms"] > 0
    assert found["non_zeros"] == round(0.5 * operands(layer, 0.5, 1).weight.numel())


def test_the_layers_are_those_of_a_resnet18_and_linear_ones() -> None:
    modules = [layer.module() for layer in LAYERS]
    kinds = {(m.kernel_size[0], m.stride[0]) for m in modules if isinstance(m, torch.nn.Conv2d)}
    assert kinds == {(3, 1), (3, 2), (1, 2)}
    assert sum(isinstance(m, torch.nn.Linear) for m in modules) >= 2
    for layer in LAYERS:
        small = replace(layer, inputs=1, outputs=1)
        x = operands(small, 0.5, 1).x
        assert small.module()(x).shape[2:] == ((layer.out, layer.out) if layer.size else ())


@pytest.mark.skipif(not sparseprop.is_installed(), reason="SparseProp is not installed")
def test_sparseprop_computes_the_same_layer() -> None:
    layer = Layer(16, 16, 8, 3)
    given = operands(layer, 0.9, 16)
    module = layer.module()
    with torch.no_grad():
        module.weight.copy_(given.weight)
    made = sparseprop.layer(module, tuple(given.x.shape))
    torch.testing.assert_close(made(given.x), module(given.x), rtol=1e-4, atol=1e-4)
    found = measure_layer(layer, 0.9, 16, 1, layers_module.LAYER_CONTENDERS)
    assert set(found["contenders"]["sparseprop"]["median_ms"]) == {"forward", "gradients", "total"}
