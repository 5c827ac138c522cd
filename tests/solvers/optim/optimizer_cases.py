"""The optimizers, their options and the ways to hand parameters over, as data for tests that go through all of them.

torch.optim.SGD is among them as a control: what it does not do either is no convention.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from mlbreg.solvers.criteria import EveryKth, GradientTest, Magma
from mlbreg.solvers.optim.adabreg import AdaBreg
from mlbreg.solvers.optim.linbreg import LinBreg
from mlbreg.solvers.optim.multilevel import MultilevelAdaBreg, MultilevelLinBreg
from mlbreg.solvers.optim.proxsgd import ProxSGD
from mlbreg.solvers.optim.regularizers import L1, GroupL2, Zero
from torch import Tensor
from torch.nn import Parameter


@dataclass(frozen=True)
class OptimizerCase:
    """A constructor with the options that it is tested with."""

    make: Callable[..., torch.optim.Optimizer]
    options: dict[str, Any] = field(default_factory=dict)
    label: str = ""

    def __call__(self, params: Any, **more: Any) -> torch.optim.Optimizer:
        return self.make(params, **{**self.options, **more})

    def __str__(self) -> str:
        return f"{self.make.__name__}{'-' if self.label else ''}{self.label}"

    @property
    def ours(self) -> bool:
        return self.make is not torch.optim.SGD


_L1: dict[str, Any] = {"lr": 0.1, "regularizer": L1(0.3)}
_SHORT = {**_L1, "coarse_steps": 2}
_ADAM = {"lr": 0.05, "regularizer": L1(0.3)}

#: Each optimizer as it is used most; the first entries of `CASES`.
PLAIN = (
    OptimizerCase(torch.optim.SGD, {"lr": 0.1}),
    OptimizerCase(LinBreg, _L1),
    OptimizerCase(AdaBreg, _ADAM),
    OptimizerCase(ProxSGD, _L1),
    OptimizerCase(MultilevelLinBreg, _SHORT),
    OptimizerCase(MultilevelAdaBreg, {**_ADAM, "coarse_steps": 2}),
)
CASES = (
    *PLAIN,
    OptimizerCase(torch.optim.SGD, {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.1}, "momentum"),
    OptimizerCase(LinBreg, {**_L1, "momentum": 0.9, "weight_decay": 0.1}, "momentum"),
    OptimizerCase(LinBreg, {**_L1, "delta": 0.5, "dual_decay": 0.1}, "dual_decay"),
    OptimizerCase(LinBreg, {**_L1, "check_finite": False}, "unchecked"),
    OptimizerCase(LinBreg, {"lr": 0.1, "regularizer": GroupL2(0.2, "whole")}, "whole"),
    OptimizerCase(LinBreg, {"lr": 0.1, "regularizer": Zero()}, "zero"),
    OptimizerCase(AdaBreg, {**_ADAM, "weight_decay": 0.1, "delta": 2.0, "dual_decay": 0.1}, "decay"),
    OptimizerCase(AdaBreg, {**_ADAM, "betas": (0.0, 0.5), "check_finite": False, "capturable": True}, "capturable"),
    OptimizerCase(ProxSGD, {**_L1, "weight_decay": 0.1}, "weight_decay"),
    OptimizerCase(MultilevelLinBreg, {**_SHORT, "momentum": 0.9, "weight_decay": 0.1}, "momentum"),
    OptimizerCase(MultilevelLinBreg, {**_SHORT, "coarse_scale": 0.5, "criterion": EveryKth(2)}, "second"),
    OptimizerCase(MultilevelLinBreg, {**_SHORT, "criterion": GradientTest(0.5, 1e-3)}, "gradient-test"),
    OptimizerCase(MultilevelLinBreg, {**_SHORT, "criterion": Magma(0.5, 0.01, 2)}, "magma"),
    OptimizerCase(MultilevelAdaBreg, {**_ADAM, "coarse_steps": 1, "weight_decay": 0.1}, "weight_decay"),
)


def tensor(*shape: int, seed: int = 0) -> Tensor:
    """A standard normal tensor with some zeros."""
    values = torch.randn(shape, generator=torch.Generator().manual_seed(seed + 10 * len(shape)))
    return values * (values.abs() > 0.4)


def _list() -> Any:
    return [Parameter(tensor(4, 3)), Parameter(tensor(2, 3, 3, 3)), Parameter(tensor(5))]


def _groups() -> Any:
    first, *rest = _list()
    return [{"params": [first]}, {"params": rest, "lr": 0.03}]


def _tied() -> Any:
    model = torch.nn.Sequential(torch.nn.Linear(3, 3), torch.nn.Linear(3, 3))
    model[1].weight = model[0].weight
    with torch.no_grad():
        for number, parameter in enumerate(model.parameters()):
            parameter.copy_(tensor(*parameter.shape, seed=number))
    return list(model.parameters())


def _without_gradient() -> Any:
    unused = Parameter(tensor(3))
    unused.unused = True  # type: ignore[attr-defined]
    return [unused, *_list()]


#: What the constructor gets; a function, as each test needs its own tensors.
LAYOUTS: dict[str, Callable[[], Any]] = {
    "list": _list,
    "generator": lambda: (parameter for parameter in _list()),
    "groups": _groups,
    "named": lambda: [(f"layer.{number}", parameter) for number, parameter in enumerate(_list())],
    "0-d": lambda: [Parameter(tensor() + 1), Parameter(tensor(3))],
    "zero-size": lambda: [Parameter(torch.zeros(0, 4)), Parameter(tensor(2, 2))],
    "empty group": lambda: [{"params": _list()}, {"params": []}],
    "tied": _tied,
    "without gradient": _without_gradient,
    "channels_last": lambda: [Parameter(tensor(2, 3, 4, 4).to(memory_format=torch.channels_last))],
    "non-contiguous": lambda: [Parameter(tensor(4, 3).t()), Parameter(tensor(6)[::2])],
}


def parameters(optimizer: torch.optim.Optimizer) -> Iterator[Parameter]:
    """All of them, in order."""
    for group in optimizer.param_groups:
        yield from group["params"]


def set_gradients(optimizer: torch.optim.Optimizer, step: int, sign: int = 1) -> None:
    """A gradient that depends on θ and on the step."""
    for number, parameter in enumerate(parameters(optimizer)):
        if not hasattr(parameter, "unused"):
            noise = tensor(*parameter.shape, seed=100 * step + number)
            parameter.grad = sign * (0.3 * parameter.detach() + noise).to(parameter.dtype)


def take(optimizer: torch.optim.Optimizer, steps: range, sign: int = 1) -> list[Tensor]:
    """The parameters after these steps."""
    for step in steps:
        set_gradients(optimizer, step, sign)
        optimizer.step()
    return [parameter.detach().clone() for parameter in parameters(optimizer)]


def same(ones: Any, others: Any) -> bool:
    """Bit for bit."""
    return all(torch.equal(one, other) for one, other in zip(ones, others, strict=True))
