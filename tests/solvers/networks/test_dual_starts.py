"""The choice of p ∈ ∂J(θ) in v = θ/δ + p."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from mlbreg.solvers.networks.dual_starts import along_gradient, given  # noqa: E402
from mlbreg.solvers.networks.rules import regularize  # noqa: E402
from mlbreg.solvers.networks.sparse_initialisation import sparse_init  # noqa: E402
from mlbreg.solvers.optim.linbreg import LinBreg  # noqa: E402
from mlbreg.solvers.optim.regularizers import L1, GroupL2, ParameterRegularizer  # noqa: E402
from torch import nn  # noqa: E402

pytestmark = pytest.mark.torch

DELTA, TAU = 0.5, 0.01
both = pytest.mark.parametrize("regularizer", [L1(0.3), GroupL2(0.3, "columns")])


def _start(regularizer: ParameterRegularizer) -> tuple[nn.Linear, LinBreg]:
    model = nn.Linear(12, 6)
    groups = regularize(model, linear=regularizer, verbose=False)
    sparse_init(groups, 0.3, exact=True, generator=torch.Generator().manual_seed(0))
    # No entry of this gradient is 0.
    model.weight.grad = torch.arange(1.0, 73).reshape(6, 12).sin()
    return model, LinBreg(groups, lr=TAU, delta=DELTA)


def _p(model: nn.Linear, optimizer: LinBreg) -> torch.Tensor:
    return optimizer.state[model.weight]["dual"] - model.weight.detach() / DELTA


@both
def test_p_is_in_the_subdifferential_and_so_the_mirror_map_gives_theta_back(regularizer: ParameterRegularizer) -> None:
    model, optimizer = _start(regularizer)
    target = {model.weight: torch.randn(6, 12, generator=torch.Generator().manual_seed(1))}
    for start in (None, along_gradient(0.1), along_gradient(1e4), given(target)):
        optimizer.init_dual(start)
        image = regularizer.prox_(DELTA * optimizer.state[model.weight]["dual"], DELTA)
        assert torch.allclose(image, model.weight.detach(), atol=1e-5)


@both
def test_far_along_the_gradient_every_group_appears_at_the_first_step_and_from_zero_none(
    regularizer: ParameterRegularizer,
) -> None:
    for start, appeared in ((along_gradient(1e4), True), (None, False)):
        model, optimizer = _start(regularizer)
        zero = ~regularizer.support(model.weight.detach())
        assert zero.any()
        optimizer.init_dual(start)
        optimizer.step()
        assert bool((model.weight.detach()[zero] != 0).all()) == appeared
        assert bool((model.weight.detach()[zero] != 0).any()) == appeared


def test_a_short_way_along_the_gradient_is_taken_as_it_is() -> None:
    model, optimizer = _start(L1(0.3))
    optimizer.init_dual(along_gradient(0.1))
    zero, gradient = model.weight.detach() == 0, model.weight.grad
    assert gradient is not None
    assert torch.allclose(_p(model, optimizer)[zero], -0.1 * gradient[zero])


def test_a_given_p_is_taken_as_it_is_where_it_is_allowed_and_else_its_nearest_point() -> None:
    model, optimizer = _start(L1(0.3))
    target = torch.linspace(-1, 1, 72).reshape(6, 12)
    optimizer.init_dual(given({model.weight: target}))
    zero = model.weight.detach() == 0
    assert torch.allclose(_p(model, optimizer)[zero], target.clamp(-0.3, 0.3)[zero])


def test_without_a_gradient_or_a_target_p_is_nearest_to_zero() -> None:
    model, optimizer = _start(L1(0.3))
    optimizer.init_dual()
    plain = _p(model, optimizer)
    optimizer.init_dual(given({}))
    assert torch.equal(_p(model, optimizer), plain)
    model.weight.grad = None
    optimizer.init_dual(along_gradient(1.0))
    assert torch.equal(_p(model, optimizer), plain)


def test_a_negative_scale_is_refused() -> None:
    with pytest.raises(ValueError, match="scale must be a finite number ≥ 0, got -1"):
        along_gradient(-1)
