"""A network as theory sees it: its parameters as one vector θ, its loss and its regularizers as functions of θ.

`NetworkLoss` is a `mlbreg.theory.losses.Loss` and `NetworkRegularizer` a `mlbreg.theory.regularizers.Regularizer`, so every margin
of theory can be evaluated on a network. θ is a torch vector in float64, the parameters one after another in C order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NoReturn, final

import torch
from torch import Tensor, nn

from ...theory.groups import Groups, Restriction
from ...theory.losses import Loss
from ...theory.regularizers import Regularizer
from ..optim.evaluation import elsewhere, without_trace
from ..optim.regularizers import ParameterRegularizer


def flat(tensors: Iterable[Tensor]) -> Tensor:
    """The tensors as one new vector in float64."""
    return torch.cat([tensor.detach().double().reshape(-1) for tensor in tensors])


def parts(theta: Tensor, shapes: Sequence[tuple[int, ...]]) -> list[Tensor]:
    """The vector in pieces of these shapes."""
    sizes = [torch.Size(shape).numel() for shape in shapes]
    return [piece.reshape(shape) for piece, shape in zip(torch.split(theta, sizes), shapes, strict=True)]


@final
class NetworkLoss(Loss):
    """L(θ): what ``loss()`` gives when the parameters are θ. Each point is evaluated once, and counted.

    Parameters, buffers, torch's random state and ``.grad`` are as before after each evaluation, so two points see the same
    dropout masks as long as nobody else draws in between. A point is known again by its identity: give the same tensor.
    """

    def __init__(
        self, model: nn.Module, parameters: Sequence[Tensor], loss: Callable[[], Tensor], infimum: float = 0.0
    ) -> None:
        self.model, self.parameters, self._loss, self._infimum = model, list(parameters), loss, infimum
        self.gradients = self.losses = 0
        self._random = torch.get_rng_state()
        self._known: list[tuple[Tensor, Tensor, Tensor | None]] = []

    @property
    def dimension(self) -> int:
        return sum(parameter.numel() for parameter in self.parameters)

    def value(self, theta: Tensor) -> Tensor:
        return self._at(theta, with_gradient=False)[0]

    def gradient(self, theta: Tensor) -> Tensor:
        gradient = self._at(theta, with_gradient=True)[1]
        assert gradient is not None
        return gradient

    def _at(self, theta: Tensor, *, with_gradient: bool) -> tuple[Tensor, Tensor | None]:
        for point, value, gradient in self._known:
            if point is theta and (gradient is not None or not with_gradient):
                return value, gradient
        values = parts(theta, [tuple(parameter.shape) for parameter in self.parameters])
        with without_trace(self.model), elsewhere(self.parameters, values), torch.set_grad_enabled(with_gradient):
            torch.set_rng_state(self._random)
            loss = self._loss()
            if loss.dim() != 0:
                raise ValueError(f"loss must give a tensor without axes, got shape {tuple(loss.shape)}")
            found = torch.autograd.grad(loss, self.parameters, allow_unused=True) if with_gradient else None
        self.gradients, self.losses = self.gradients + with_gradient, self.losses + (not with_gradient)
        gradient = None
        if found is not None:
            gradient = flat(
                torch.zeros_like(parameter) if g is None else g
                for g, parameter in zip(found, self.parameters, strict=True)
            )
        self._known.append((theta, loss.detach().double(), gradient))
        return self._known[-1][1:]

    @property
    def infimum(self) -> float:
        """A lower bound; nobody knows it for a network."""
        return self._infimum

    @property
    def lipschitz(self) -> float:
        """∞: no constant is known."""
        return float("inf")

    @property
    def strong_convexity(self) -> None:
        return None

    @property
    def pl_constant(self) -> None:
        return None

    def minimizer(self) -> None:
        return None


@final
@dataclass(frozen=True)
class NetworkRegularizer(Regularizer):
    """J(θ) = Σ over the parameters; ``layers``: the shape of each and its J.

    `value`, `prox` and `project_subdifferential` run on tensors of any network's size; for the rest, `Mixture` of the
    layers' ``theory(shape)`` has it.
    """

    layers: tuple[tuple[tuple[int, ...], ParameterRegularizer], ...]

    def _split(self, theta: Tensor) -> list[Tensor]:
        return parts(theta, [shape for shape, _ in self.layers])

    def value(self, theta: Tensor) -> Tensor:
        values = [J.value(x) for x, (_, J) in zip(self._split(theta), self.layers, strict=True)]
        return torch.stack(values).sum()

    def prox(self, z: Tensor, step: float) -> Tensor:
        return flat(J.prox_(x.clone(), step) for x, (_, J) in zip(self._split(z), self.layers, strict=True))

    def project_subdifferential(self, theta: Tensor, p: Tensor) -> Tensor:
        pieces = zip(self._split(theta), self._split(p), self.layers, strict=True)
        return flat(J.subgradient(x, y) for x, y, (_, J) in pieces)

    def in_domain(self, theta: Tensor) -> Tensor:
        return torch.tensor(True)

    def conjugate(self, p: Tensor) -> NoReturn:
        raise NotImplementedError(self._instead)

    def separable_groups(self, dimension: int) -> Groups:
        raise NotImplementedError(self._instead)

    def restrict(self, restriction: Restriction) -> NoReturn:
        raise NotImplementedError(self._instead)

    @property
    def _instead(self) -> str:
        return "a NetworkRegularizer evaluates; for this build a Mixture of the layers' theory(shape)"
