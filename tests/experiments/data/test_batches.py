"""Splits, batches and augmentation: each example once, the same for a seed, and resumable from a position."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("sklearn")
from mlbreg.experiments.data.batches import (  # noqa: E402
    Examples,
    Position,
    crop_and_flip,
    epoch,
    examples,
    stream,
    validation_split,
)
from mlbreg.experiments.data.catalogue import DATA_SETS  # noqa: E402
from torch.utils.data import random_split  # noqa: E402

pytestmark = pytest.mark.torch


def numbered(n: int, name: str = "cifar-10") -> Examples:
    """n images; the label of each is its number."""
    inputs = torch.randint(0, 256, (n, 3, 32, 32), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    return Examples(inputs, torch.arange(n), DATA_SETS[name])


def test_the_validation_split_is_random_split_with_seed_42() -> None:
    training, validation = validation_split(numbered(101))
    expected = random_split(range(101), [96, 5], generator=torch.Generator().manual_seed(42))
    assert training.labels.tolist() == list(expected[0])
    assert validation.labels.tolist() == list(expected[1])
    assert not torch.equal(validation_split(numbered(101), seed=1)[1].labels, validation.labels)


@pytest.mark.parametrize("share", [0.0, 1.0, -0.1, 0.001])
def test_a_share_that_leaves_nothing_is_refused(share: float) -> None:
    with pytest.raises(ValueError, match="share must"):
        validation_split(numbered(101), share)


def test_an_epoch_has_each_example_once_and_the_next_one_another_order() -> None:
    found = numbered(50)
    orders = [torch.cat([b.labels for b in epoch(found, 16, 0, Position(e), True)]).tolist() for e in (0, 1, 0)]
    assert sorted(orders[0]) == list(range(50))
    assert orders[0] != orders[1]
    assert orders[0] == orders[2]
    other = torch.cat([b.labels for b in epoch(found, 16, 1, Position(), True)]).tolist()
    assert other != orders[0]


def test_batches_go_on_from_any_position_as_if_nothing_had_happened() -> None:
    found = numbered(50)
    whole = list(itertools.chain(epoch(found, 16, 3, Position(0), True), epoch(found, 16, 3, Position(1), True)))
    assert [b.after for b in whole] == [(0, 1), (0, 2), (0, 3), (1, 0), (1, 1), (1, 2), (1, 3), (2, 0)]
    for k, done in enumerate(whole[:-1]):
        rest = next(iter(epoch(found, 16, 3, done.after, True)))
        torch.testing.assert_close(rest.inputs, whole[k + 1].inputs, rtol=0, atol=0)
        assert torch.equal(rest.labels, whole[k + 1].labels)


def naive(image: np.ndarray, down: int, right: int, mirrored: bool, padding: int) -> np.ndarray:
    padded = np.pad(image, ((0, 0), (padding, padding), (padding, padding)))
    cut = padded[:, down : down + image.shape[1], right : right + image.shape[2]]
    return cut[:, :, ::-1] if mirrored else cut


def test_crop_and_flip_is_one_of_the_crops_for_each_image_and_all_of_them_occur() -> None:
    images = numbered(600).inputs[:, :, :6, :5]
    found = crop_and_flip(images, 1, stream(0, 1))
    assert found.shape == images.shape
    assert found.dtype == torch.uint8
    seen = set()
    for image, result in zip(images.numpy(), found.numpy(), strict=True):
        matching = [
            key
            for key in itertools.product(range(3), range(3), (False, True))
            if np.array_equal(naive(image, *key, padding=1), result)
        ]
        assert len(matching) == 1
        seen.add(matching[0])
    assert len(seen) == 18


def test_the_border_of_a_crop_is_black_and_not_the_mean() -> None:
    white = Examples(
        torch.full((64, 3, 32, 32), 255, dtype=torch.uint8), torch.zeros(64, dtype=torch.int64), DATA_SETS["cifar-10"]
    )
    (batch,) = epoch(white, 64, 0, Position(), True)
    (plain,) = epoch(white, 64, 0, Position(), False)
    black = -0.4914 / 0.2023
    assert float(batch.inputs[:, 0].min()) == pytest.approx(black)
    assert float(plain.inputs[:, 0].min()) == pytest.approx((1 - 0.4914) / 0.2023)


def test_digits_are_normalised_to_the_unit_interval_and_not_augmented() -> None:
    found = examples("digits", "training")
    x = found.normalised()
    assert (float(x.min()), float(x.max())) == (0.0, 1.0)
    batch = next(iter(epoch(found, 32, 0, Position(), True)))
    order = torch.randperm(len(found), generator=stream(0, 1, 0))[:32]
    assert torch.equal(batch.inputs, x[order])


def test_streams_differ_by_seed_and_by_path() -> None:
    paths = [(0,), (1,), (0, 0), (0, 1), (1, 0), (0, 0, 0)]
    first = {tuple(torch.rand(4, generator=stream(seed, *path)).tolist()) for seed in range(3) for path in paths}
    assert len(first) == 3 * len(paths)
