"""torch.compile of the step: one graph, and the numbers of the step that is not compiled."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")

from mlbreg.solvers.optim.adabreg import AdaBreg  # noqa: E402
from mlbreg.solvers.optim.linbreg import LinBreg  # noqa: E402
from mlbreg.solvers.optim.regularizers import L1, GroupL2  # noqa: E402

from .optimizer_cases import parameters, set_gradients, tensor  # noqa: E402

pytestmark = [
    pytest.mark.torch,
    pytest.mark.slow,
    # torch's compiler imports what torch itself calls deprecated.
    pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning"),
]
Parameter = torch.nn.Parameter

MAKERS: dict[str, Any] = {
    "linbreg": lambda p: LinBreg(p, lr=torch.tensor(0.1), regularizer=L1(0.3), foreach=True),
    "linbreg plain": lambda p: LinBreg(p, lr=torch.tensor(0.1), regularizer=L1(0.3), momentum=0.9),
    "adabreg": lambda p: AdaBreg(
        p, lr=torch.tensor(0.05), regularizer=L1(0.3), foreach=True, capturable=True, check_finite=False
    ),
}


@pytest.mark.parametrize("name", MAKERS)
def test_a_compiled_step_is_one_graph_and_gives_the_same_numbers(name: str) -> None:
    torch._dynamo.reset()
    shapes = [(4, 3), (2, 3, 3, 3), (5,)]
    plain, compiled = (MAKERS[name]([Parameter(tensor(*shape)) for shape in shapes]) for _ in range(2))
    run = torch.compile(lambda: compiled.step(), fullgraph=True)
    for step in range(5):
        for optimizer in (plain, compiled):
            set_gradients(optimizer, step)
            optimizer.param_groups[0]["lr"].mul_(0.9)
        plain.step()
        run()
        for one, other in zip(parameters(plain), parameters(compiled), strict=True):
            torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6)


@pytest.mark.xfail(
    strict=True,
    raises=torch._inductor.exc.InductorError,
    reason="https://github.com/pytorch/pytorch/issues/196570: KeyError 'buf…' in torch's code generator for the CPU",
)
def test_a_compiled_step_with_groups_and_momentum() -> None:
    torch._dynamo.reset()
    parameter = Parameter(tensor(64, 32))
    optimizer = LinBreg([parameter], lr=torch.tensor(0.1), regularizer=GroupL2(0.3, "rows"), momentum=0.9)
    parameter.grad = tensor(64, 32, seed=1)
    optimizer.step()  # makes the state
    torch.compile(lambda: optimizer.step(), fullgraph=True)()


def test_without_horizontal_fusion_it_gives_the_same_numbers() -> None:
    """The way round that the docstring of `linbreg` names."""
    torch._dynamo.reset()
    makers = [Parameter(tensor(64, 32)) for _ in range(2)]
    plain, compiled = (
        LinBreg([p], lr=torch.tensor(0.1), regularizer=GroupL2(0.3, "rows"), momentum=0.9) for p in makers
    )
    with torch._inductor.config.patch({"cpp.max_horizontal_fusion_size": 1}):
        run = torch.compile(lambda: compiled.step(), fullgraph=True)
        for step in range(4):
            for optimizer in (plain, compiled):
                set_gradients(optimizer, step)
            plain.step()
            run()
            torch.testing.assert_close(*makers, rtol=1e-5, atol=1e-6)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_captured_step_gives_the_same_numbers_when_it_is_replayed() -> None:
    def make() -> Any:
        params = [Parameter(tensor(64, 32).cuda())]
        lr = torch.tensor(0.05, device="cuda")
        return AdaBreg(params, lr=lr, regularizer=L1(0.01), foreach=True, capturable=True, check_finite=False)

    plain, captured = make(), make()
    for optimizer in (plain, captured):
        next(parameters(optimizer)).grad = torch.ones(64, 32, device="cuda")
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        captured.step()  # makes the state before the capture
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        captured.step()
    for _ in range(3):
        graph.replay()
    for _ in range(4):
        plain.step()
    for one, other in zip(parameters(plain), parameters(captured), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6)
