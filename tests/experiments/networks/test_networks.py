"""The networks: parameter counts of the literature, shapes, and what a seed decides."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")
from mlbreg.experiments.networks.catalogue import NETWORKS, build  # noqa: E402
from mlbreg.experiments.networks.fully_connected import classifier  # noqa: E402
from mlbreg.experiments.networks.residual import wide_resnet  # noqa: E402
from torch import nn  # noqa: E402

pytestmark = pytest.mark.torch

#: From the papers and from what is in use, not from the catalogue.
STATED = {
    "digits-mlp": 64 * 128 + 128 + 128 * 64 + 64 + 64 * 10 + 10,
    "mnist-mlp": 784 * 200 + 200 + 200 * 80 + 80 + 80 * 10 + 10,
    "fashion-cnn": 64 * 25 + 64 + 64 * 64 * 25 + 64 + 1024 * 128 + 128 + 128 * 10 + 10,
    "autoencoder": 6 * (784 * 784 + 784),
    "resnet18": 11_173_962,
    "resnet18-16": 701_466,
    "vgg16": 14_728_266,
    "wrn-22-2": 1_079_642,
    "wrn-28-10": 36_479_194,
}


def on_meta(name: str) -> nn.Module:
    with torch.device("meta"):
        return NETWORKS[name].build()


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_has_as_many_parameters_as_the_literature_says(name: str) -> None:
    assert sum(p.numel() for p in on_meta(name).parameters()) == STATED[name] == NETWORKS[name].parameters


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_takes_a_batch_of_its_data_and_gives_logits_or_images(name: str) -> None:
    x = torch.empty((2, *NETWORKS[name].shape), device="meta")
    out = on_meta(name)(x)
    assert out.shape == (x.shape if name == "autoencoder" else (2, 10))


@pytest.mark.parametrize(
    ("name", "convolutions", "norms"), [("resnet18", 20, 20), ("vgg16", 13, 13), ("wrn-28-10", 28, 25)]
)
def test_the_depth_is_the_one_of_the_name(name: str, convolutions: int, norms: int) -> None:
    """ResNet18: 17 and three shortcuts; WRN-28-10: 25 and three shortcuts, which have no norm."""
    modules = list(on_meta(name).modules())
    assert sum(isinstance(m, nn.Conv2d) for m in modules) == convolutions
    assert sum(isinstance(m, nn.BatchNorm2d) for m in modules) == norms


def test_the_feature_maps_of_resnet18_shrink_to_4_pixels_a_side() -> None:
    sizes = []
    model = on_meta("resnet18")
    for layer in model:
        layer.register_forward_hook(lambda _m, _i, out: sizes.append(tuple(out.shape[1:])))
    model(torch.empty((1, 3, 32, 32), device="meta"))
    assert sizes[2] == (64, 32, 32)
    assert sizes[-4] == (512, 4, 4)


def test_the_last_layer_of_a_classifier_has_no_relu() -> None:
    layers = list(classifier((4, 3, 2)))
    assert [type(layer) for layer in layers] == [nn.Flatten, nn.Linear, nn.ReLU, nn.Linear]


def test_the_seed_alone_decides_and_torchs_random_state_stays() -> None:
    before = torch.get_rng_state()
    first, again, other = (
        torch.cat([p.detach().flatten() for p in build("digits-mlp", s).parameters()]) for s in (3, 3, 4)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(torch.get_rng_state(), before)


def test_weights_start_with_variance_2_over_their_inputs() -> None:
    model = build("vgg16", 0)
    for module in model.modules():
        if isinstance(module, nn.Conv2d) and module.in_channels >= 64:
            assert float(module.weight.detach().std() ** 2) == pytest.approx(2 / (9 * module.in_channels), rel=0.05)


def test_unknown_networks_and_depths_are_refused() -> None:
    with pytest.raises(ValueError, match="network must be one of digits-mlp"):
        build("alexnet", 0)
    with pytest.raises(ValueError, match="depth must be 6n"):
        wide_resnet(27)
