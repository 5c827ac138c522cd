"""ML LinBreg with coarse phases in the smaller network against ML LinBreg as it is."""

from __future__ import annotations

import copy
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from mlbreg.solvers.criteria import Always, EveryKth, GradientTest  # noqa: E402
from mlbreg.solvers.networks.compact.training import compact_compute  # noqa: E402
from mlbreg.solvers.optim.linbreg import LinBreg  # noqa: E402
from mlbreg.solvers.optim.multilevel import MultilevelAdaBreg, MultilevelLinBreg  # noqa: E402
from mlbreg.solvers.optim.regularizers import L1, GroupL2, Zero  # noqa: E402
from torch import Tensor, nn  # noqa: E402

from ..sparse_cpu.network_examples import ResNet, cnn, mlp, vgg  # noqa: E402

pytestmark = pytest.mark.torch


def _batches(steps: int) -> Any:
    generator = torch.Generator().manual_seed(5)
    for _ in range(steps):
        yield torch.randn(8, 3, 12, 12, generator=generator).double(), torch.randint(5, (8,), generator=generator)


def _dead(make: Any, share: float = 0.6) -> nn.Module:
    """A network in float64 with dead filters and rows, shifts as after some training, and biases that ReLU lets through."""
    torch.manual_seed(0)
    model: nn.Module = make().double()
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, nn.Conv2d | nn.Linear) and module.weight.shape[0] > 5:
                module.weight[(torch.rand(module.weight.shape[0]) < share).index_fill(0, torch.tensor([0]), False)] = 0
                if module.bias is not None:
                    module.bias.abs_()
            if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
                module.bias.copy_(0.3 * torch.randn(module.bias.shape))
    return model


def _groups(model: Any, regularizer: Any = None) -> list[dict[str, Any]]:
    regularizer = GroupL2(0.003, layout="rows") if regularizer is None else regularizer
    weights = [p for p in model.parameters() if p.dim() > 1]
    others = [p for p in model.parameters() if p.dim() < 2]
    return [{"params": weights, "regularizer": regularizer}, {"params": others, "regularizer": Zero()}]


def _structure(model: Any) -> list[int]:
    return [int((p.detach().flatten(1) != 0).any(1).sum()) for p in model.parameters() if p.dim() > 1]


def _train(model: Any, optimizer: Any, steps: int, compactly: bool) -> tuple[list[float], list[dict[str, Any]]]:
    """Losses, and the layers that were smaller in each step."""
    losses, smaller = [], []
    for x, labels in _batches(steps):
        optimizer.zero_grad()
        if compactly:
            with compact_compute(model, optimizer) as network:
                coarse = "forward" in model.__dict__
                loss = nn.functional.cross_entropy(model(x), labels)
                loss.backward()
            smaller.append({layer.name: layer.after for layer in network.layers} if coarse else {})
        else:
            loss = nn.functional.cross_entropy(model(x), labels)
            loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses, smaller


CASES = {
    "always": (MultilevelLinBreg, None, {"coarse_steps": 5}),
    "momentum and decay": (MultilevelLinBreg, None, {"coarse_steps": 4, "momentum": 0.5, "weight_decay": 0.01}),
    "every second": (MultilevelLinBreg, None, {"coarse_steps": 4, "criterion": EveryKth(2)}),
    "gradient test": (MultilevelLinBreg, None, {"coarse_steps": 4, "criterion": GradientTest(0.1, 1e-6)}),
    "AdaBreg": (MultilevelAdaBreg, None, {"coarse_steps": 5, "lr": 1e-2, "eps": 1e-3}),
    "single weights": (MultilevelLinBreg, L1(0.02), {"coarse_steps": 5}),
}
#: What makes each network, and λ: without a norm gradients are smaller.
NETWORKS = {"resnet": (ResNet, 0.003), "vgg": (vgg, 0.003), "cnn": (cnn, 0.0001), "mlp": (mlp, 0.003)}


@pytest.mark.parametrize(
    ("network", "case"),
    [(name, "always") for name in NETWORKS] + [("resnet", case) for case in CASES if case != "always"],
)
def test_many_steps_give_the_run_of_the_whole_model(network: str, case: str) -> None:
    kind, regularizer, settings = CASES[case]
    make, lam = NETWORKS[network]
    regularizer = regularizer or GroupL2(lam, layout="rows")
    model = _dead(make)
    twin = copy.deepcopy(model)
    optimizer = kind(_groups(model, regularizer), **settings)
    other = kind(_groups(twin, regularizer), **settings)
    before = _structure(model)
    losses, smaller = _train(model, optimizer, 30, True)
    expected, _ = _train(twin, other, 30, False)
    assert losses == pytest.approx(expected, rel=1e-10)
    assert sum(map(bool, smaller)) >= 12
    assert _structure(model) != before, "a test in which no filter comes or goes says little"
    for (name, p), q in zip(model.state_dict().items(), twin.state_dict().values(), strict=True):
        # A bias in front of a norm has the gradient 0, in the whole model up to rounding: hence the floor.
        assert float((p - q).abs().max()) <= 1e-10 * max(1e-2, float(q.abs().max())), name
        assert torch.equal(p != 0, q != 0), name


def test_the_structure_follows_the_phases_and_fine_steps_see_the_whole_model() -> None:
    model = _dead(ResNet)
    optimizer = MultilevelLinBreg(_groups(model), coarse_steps=4)
    _, smaller = _train(model, optimizer, 15, True)
    assert [bool(layers) for layers in smaller] == [True, True, True, True, False] * 3
    assert smaller[0] == smaller[3]
    assert smaller[5] == smaller[8]
    assert smaller[0] != smaller[5]


def test_gradients_are_those_of_the_kept_parts_and_0_elsewhere_and_hooks_of_parameters_run() -> None:
    model = _dead(cnn)
    weight = model[0].weight
    optimizer = MultilevelLinBreg(_groups(model), coarse_steps=2)
    seen: list[Tensor] = []
    weight.register_hook(seen.append)
    for (x, labels), coarse in zip(_batches(3), (True, True, False), strict=True):
        dead = ~(weight != 0).flatten(1).any(1)
        assert dead.any()
        optimizer.zero_grad()
        with compact_compute(model, optimizer):
            nn.functional.cross_entropy(model(x), labels).backward()
        assert bool(weight.grad[dead].any()) is not coarse
        assert weight.grad[~dead].any()
        optimizer.step()
    assert [tuple(gradient.shape) for gradient in seen] == [tuple(weight.shape)] * 3


def test_several_passes_in_one_context_and_a_backward_pass_behind_it_add_their_gradients() -> None:
    model = _dead(mlp)
    twin = copy.deepcopy(model)
    optimizer = MultilevelLinBreg(_groups(model), coarse_steps=3)
    losses = []
    with compact_compute(model, optimizer):
        for x, labels in _batches(2):
            losses.append(nn.functional.cross_entropy(model(x), labels))
    sum(losses).backward()
    for x, labels in _batches(2):
        nn.functional.cross_entropy(twin(x), labels).backward()
    for p, q in zip(model.parameters(), twin.parameters(), strict=True):
        mask = p != 0
        torch.testing.assert_close(p.grad * mask, q.grad * mask, rtol=1e-9, atol=1e-12)


def test_evaluation_inside_and_outside_of_the_context_is_that_of_the_model() -> None:
    model = _dead(vgg)
    optimizer = MultilevelLinBreg(_groups(model), coarse_steps=5)
    _train(model, optimizer, 3, True)
    x, _ = next(_batches(1))
    twin = copy.deepcopy(model).eval()
    with compact_compute(model, optimizer) as network, torch.no_grad():
        model.eval()
        torch.testing.assert_close(model(x), twin(x), rtol=1e-10, atol=1e-12)
        assert len(network.layers) > 0
        model.train()
    assert torch.equal(model.eval()(x), twin(x))


def test_the_parameters_of_another_optimizer_may_move() -> None:
    model = _dead(cnn)
    twin = copy.deepcopy(model)
    optimizer = MultilevelLinBreg(model[0].parameters(), regularizer=GroupL2(0.01, layout="rows"), coarse_steps=3)
    x, labels = next(_batches(1))
    with compact_compute(model, optimizer):
        nn.functional.cross_entropy(model(x), labels).backward()
    nn.functional.cross_entropy(twin(x), labels).backward()
    assert not model[0].weight.grad[model[0].weight == 0].any()
    for p, q in zip(list(model.parameters())[2:], list(twin.parameters())[2:], strict=True):
        torch.testing.assert_close(p.grad, q.grad, rtol=1e-9, atol=1e-12)


def test_going_on_from_a_checkpoint_in_a_phase_gives_the_same_run() -> None:
    model = _dead(mlp)
    optimizer = MultilevelLinBreg(_groups(model), coarse_steps=6)
    _train(model, optimizer, 3, True)
    saved = copy.deepcopy((model.state_dict(), optimizer.state_dict()))
    _train(model, optimizer, 8, True)
    again = _dead(mlp, share=0.3)
    resumed = MultilevelLinBreg(_groups(again), coarse_steps=6)
    _train(again, resumed, 2, True)  # a phase of its own, with other masks in the same cycle
    again.load_state_dict(saved[0])
    resumed.load_state_dict(saved[1])
    _train(again, resumed, 8, True)
    for p, q in zip(model.parameters(), again.parameters(), strict=True):
        torch.testing.assert_close(p, q, rtol=1e-10, atol=1e-12)


def test_the_model_is_as_before_after_the_context_and_after_an_error_in_it() -> None:
    model = _dead(ResNet)
    optimizer = MultilevelLinBreg(_groups(model))
    names, kept = list(model.state_dict()), [set(vars(module)) for module in model.modules()]
    buffers = copy.deepcopy(list(model.buffers()))
    with (
        pytest.warns(UserWarning, match="ResNet runs in full: the shapes of its values cannot be told"),
        pytest.raises(RuntimeError, match="to have 3 channels, but got 4 channels"),
        compact_compute(model, optimizer),
    ):
        model(torch.ones(2, 4, 12, 12).double())
    with pytest.raises(ZeroDivisionError), compact_compute(model, optimizer):
        raise ZeroDivisionError(model(torch.ones(2, 3, 12, 12).double()))
    assert not all(torch.equal(a, b) for a, b in zip(buffers, model.buffers(), strict=True))
    inside = compact_compute(model, optimizer)
    with compact_compute(model, optimizer), pytest.raises(RuntimeError, match="inside compact_compute"), inside:
        pass
    assert list(model.state_dict()) == names
    assert [set(vars(module)) for module in model.modules()] == kept
    assert all(type(value) is Tensor and value.device.type == "cpu" for value in model.state_dict().values())


def test_a_forward_of_the_users_own_is_left_alone() -> None:
    model = _dead(mlp)
    optimizer = MultilevelLinBreg(_groups(model))
    model.forward = lambda x: x.flatten(1)[:, :5]  # type: ignore[method-assign]
    x, _ = next(_batches(1))
    with pytest.warns(UserWarning, match="its forward is not that of its class"), compact_compute(model, optimizer):
        assert torch.equal(model(x), x.flatten(1)[:, :5])
    assert "forward" in vars(model)


def test_hooks_of_the_model_itself_run() -> None:
    model = _dead(mlp)
    optimizer = MultilevelLinBreg(_groups(model))
    seen = []
    model.register_forward_hook(lambda _module, _args, out: seen.append(out.shape))
    with compact_compute(model, optimizer) as network:
        model(next(_batches(1))[0])
    assert seen == [(8, 5)]
    assert len(network.layers) > 0


def test_other_optimizers_are_refused() -> None:
    model = _dead(mlp)
    optimizer: Any = LinBreg(model.parameters())
    with (
        pytest.raises(TypeError, match="MultilevelLinBreg or MultilevelAdaBreg, got LinBreg"),
        compact_compute(model, optimizer),
    ):
        pass


def test_only_what_is_known_to_be_coarse_begins_compactly() -> None:
    model = _dead(mlp)
    for criterion, known in ((Always(), True), (EveryKth(2, first=1), False), (GradientTest(0.1, 1e-6), False)):
        optimizer = MultilevelLinBreg(_groups(model), criterion=criterion)
        with compact_compute(model, optimizer):
            assert ("forward" in vars(model)) is known


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_the_run_on_a_gpu_is_that_of_the_whole_model() -> None:
    model = _dead(ResNet).cuda()
    twin = copy.deepcopy(model)
    for one, compactly in ((model, True), (twin, False)):
        optimizer = MultilevelLinBreg(_groups(one), coarse_steps=5)
        for x, labels in _batches(12):
            optimizer.zero_grad()
            if compactly:
                with compact_compute(one, optimizer):
                    nn.functional.cross_entropy(one(x.cuda()), labels.cuda()).backward()
            else:
                nn.functional.cross_entropy(one(x.cuda()), labels.cuda()).backward()
            optimizer.step()
    for p, q in zip(model.state_dict().values(), twin.state_dict().values(), strict=True):
        torch.testing.assert_close(p, q, rtol=1e-9, atol=1e-11)
