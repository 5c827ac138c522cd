"""Masks of whole groups: how many are kept, and which."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from mlbreg.solvers.networks.masks import active_groups, bernoulli, exact_count, group_count, group_grid  # noqa: E402
from mlbreg.solvers.optim.regularizers import groups  # noqa: E402

pytestmark = pytest.mark.torch

LAYOUTS = [
    ("entries", (20, 10)),
    ("rows", (200, 3)),
    ("columns", (3, 200)),
    ("kernels", (20, 10, 3, 3)),
    ("filters", (200, 2, 3)),
    ("channels", (2, 200, 3)),
    ("heads:200", (400, 2)),
]
every_layout = pytest.mark.parametrize(("layout", "shape"), LAYOUTS)


def _generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@every_layout
def test_a_group_is_kept_or_dropped_as_a_whole(layout: str, shape: tuple[int, ...]) -> None:
    labels = torch.tensor(groups(layout, shape).labels)
    for draw in (bernoulli, exact_count):
        mask = draw(layout, shape, 0.3, _generator())
        assert mask.shape == shape
        flat = mask.reshape(-1)
        kept = flat.new_zeros(200).scatter_(0, labels, flat)
        assert torch.equal(kept[labels], flat)
        assert active_groups(layout, mask.double()) == int(kept.sum())
        assert 0 < kept.sum() < 200


@every_layout
def test_the_number_of_kept_groups_varies_as_a_binomial_one(layout: str, shape: tuple[int, ...]) -> None:
    generator, draws = _generator(), 1000
    counts = np.array([active_groups(layout, bernoulli(layout, shape, 0.1, generator)) for _ in range(draws)])
    variance = 200 * 0.1 * 0.9
    assert counts.mean() == pytest.approx(20, abs=5 * np.sqrt(variance / draws))
    # A fixed number has variance 0, and 20 draws with replacement hit a number of groups with variance about 1.
    assert counts.var() == pytest.approx(variance, rel=5 * np.sqrt(2 / draws))


def test_every_group_is_kept_equally_often() -> None:
    generator, draws = _generator(), 2000
    for draw in (bernoulli, exact_count):
        often = sum(draw("kernels", (5, 4, 2), 0.3, generator)[:, :, 0].double() for _ in range(draws)) / draws
        assert torch.allclose(often, torch.tensor(0.3, dtype=torch.float64), atol=5 * np.sqrt(0.21 / draws))


def test_different_groups_are_kept_independently() -> None:
    generator, draws = _generator(), 4000
    masks = torch.stack([bernoulli("rows", (3, 2), 0.5, generator)[:, 0] for _ in range(draws)]).double()
    correlation = torch.corrcoef(masks.T) - torch.eye(3)
    assert correlation.abs().max() < 5 / np.sqrt(draws)


@every_layout
def test_an_exact_count_is_exact(layout: str, shape: tuple[int, ...]) -> None:
    generator = _generator()
    for density, count in [(0.0, 0), (0.1, 20), (0.333, 67), (1.0, 200)]:
        assert {active_groups(layout, exact_count(layout, shape, density, generator)) for _ in range(5)} == {count}


@every_layout
def test_a_density_of_one_keeps_everything(layout: str, shape: tuple[int, ...]) -> None:
    assert bernoulli(layout, shape, 1.0).all()


def test_group_counts_are_those_of_the_partition() -> None:
    for layout, shape in LAYOUTS:
        assert group_count(layout, shape) == groups(layout, shape).count == 200
    assert group_grid("kernels", (4, 3, 2, 2)) == (4, 3, 1, 1)
    assert group_count("rows", (3, 0)) == group_count("rows", (0, 3)) == 0
    assert bernoulli("heads:2", (0, 3), 0.5).shape == (0, 3)


def test_a_layout_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="needs at least 3 axes"):
        bernoulli("kernels", (3, 4), 0.5)
    with pytest.raises(ValueError, match="first axis that 3 divides"):
        active_groups("heads:3", torch.ones(4, 4))
