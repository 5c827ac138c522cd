"""Sparse initialisation of a network in place: W = W̃ ⊙ M (bungert2021 section 4.1, lunk2026 appendix D).

    groups = regularize(model, conv=GroupL2(0.05, "kernels"), linear=L1(0.01))
    print(sparse_init(groups, density=0.01))
    optimizer = LinBreg(groups, lr=0.1)             # v = θ/δ + p, p ∈ ∂J(θ): see `dual_starts` for other p than 0

symbol    | here               | meaning
----------|--------------------|----------------------------------------------------------------------------------
r         | ``density``        | expected share of non-zero weights in all masked layers together
r_l       | ``distribution``   | how it is spread: ``uniform`` (bungert2021), ``er``, ``erk``; see `theory.sparse_initialisation`
M         | `masks`            | Bernoulli(r_l) for each group of the layout of the layer's regularizer; a weight for L1
α_l       | ``variance``       | Var W: ``he`` 2/n_in, ``glorot`` 2/(n_in + n_out), a function α(n_in, n_out), or ``keep``
1/√r_l    | ``rescale``        | factor on W̃, so that Var W = r_l Var W̃ = α_l (4.3); a number takes its place in all layers
c         | ``bias``           | biases of masked linear and convolutional layers start as U(0, c/√n_in)

(4.1) prints Glorot's variance as 2/(n_l · n_{l−1}); it is 2/(n_l + n_{l−1}) in the work it cites and here.
n_in and n_out are those of torch.nn.init, which takes axis 1 for the inputs, for transposed convolutions too.
``variance`` is for layers with an activation: linear and conv. The other kinds of layer have initialisations of their own,
which are kept and rescaled. ``keep`` does so everywhere.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, final

import torch
from torch import nn

from ...theory import sparse_initialisation as theory
from ...theory.arrays import check_number
from ..optim.regularizers import L1
from .group_members import Member, members_of
from .masks import bernoulli, device_of, exact_count
from .rules import regularize
from .text_table import text_table

#: α(n_in, n_out).
Variance = Callable[[int, int], float]
_VARIANCES: dict[str, Variance | None] = {
    "he": lambda n_in, _: float(theory.he_variance(n_in)),
    "glorot": lambda n_in, n_out: float(theory.glorot_variance(n_in, n_out)),
    "keep": None,
}
_REDRAWN = ("linear", "conv", "")


def of_gain(gain: float) -> Variance:
    """α = gain²/n_in: ``of_gain(torch.nn.init.calculate_gain("tanh"))``; √2 gives ``he``."""
    check_number("gain", gain, above=0)
    return lambda n_in, _: gain**2 / n_in


@final
@dataclass(frozen=True)
class MaskedLayer:
    """What one layer got."""

    name: str
    shape: tuple[int, ...]
    layout: str
    wanted: float
    """r_l"""
    nonzero: int
    factor: float
    """what W̃ was multiplied by, 1/√r_l unless ``rescale`` says otherwise"""

    @property
    def size(self) -> int:
        """The number of weights."""
        return math.prod(self.shape)

    @property
    def density(self) -> float:
        """The share of non-zero weights."""
        return self.nonzero / self.size


@final
@dataclass(frozen=True)
class SparseInitialisation:
    """What `sparse_init` did. ``str`` gives a table."""

    layers: tuple[MaskedLayer, ...]
    biases: tuple[str, ...]
    dense: tuple[str, ...]
    """Parameters that kept what they had: not regularised, or with less than two axes."""

    @property
    def wanted(self) -> float:
        """Σ r_l N_l / Σ N_l over the masked layers."""
        return sum(layer.wanted * layer.size for layer in self.layers) / sum(layer.size for layer in self.layers)

    @property
    def density(self) -> float:
        """The share of non-zero weights in the masked layers."""
        return sum(layer.nonzero for layer in self.layers) / sum(layer.size for layer in self.layers)

    def __str__(self) -> str:
        rows = [
            [x.name, "×".join(map(str, x.shape)), x.layout, x.wanted, x.density, x.nonzero, x.factor]
            for x in self.layers
        ]
        header = ["layer", "shape", "mask", "wanted", "density", "non-zero", "factor"]
        lines = [text_table(header, rows), f"density {self.density:.4g} of these, {self.wanted:.4g} wanted"]
        lines += [f"without a weight: {x.name}" for x in self.layers if x.nonzero == 0]
        if self.biases:
            lines.append(f"biases drawn anew: {', '.join(self.biases)}")
        return "\n".join([*lines, f"left dense: {len(self.dense)} parameters"])


@torch.no_grad()
def sparse_init(
    groups: nn.Module | Iterable[Mapping[str, Any]],
    density: float | Mapping[str, float] = 0.01,
    *,
    distribution: str = "erk",
    layout: str | None = None,
    variance: str | Variance = "he",
    rescale: float | None = None,
    bias: float | None = 1.0,
    exact: bool = False,
    generator: torch.Generator | None = None,
) -> SparseInitialisation:
    """Make the regularised layers sparse, in place, before the first step of an optimizer.

    ``groups`` is what `regularize` returns, ``optimizer.param_groups``, or a model: then all its linear, convolutional and
    attention weights are masked one by one. Parameters with `Zero` and those with less than two axes stay dense.
    ``density`` may also map patterns of names to r_l: then ``distribution`` is not used, and layers without a match are dense.
    ``layout`` masks by other groups than those of the regularizers. ``bias`` None leaves biases as they are. ``exact`` draws
    round(r_l · #groups) groups instead of each on its own. The random numbers are those of ``generator``, of torch's CPU
    generator without one: the same for every device and precision.
    Zeros that a layer had stay zeros where its weights are kept. Raises, before anything is changed, a `ValueError` for
    arguments out of range, a layout that does not fit, and parameters without values (meta device).
    """
    members = members_of(_groups(groups), layout)
    masked = [member for member in members if member.layout is not None]
    if not masked:
        raise ValueError("groups must have a regularised parameter with two axes or more, got none")
    wanted = _densities(masked, density, distribution)
    draw = _variance(variance)
    stds = [_std(member, draw) for member in masked]
    if rescale is not None:
        check_number("rescale", rescale, above=0)
    biases = _biases(members, masked) if bias is not None else []
    if bias is not None:
        check_number("bias", bias, at_least=0)

    layers = []
    for member, r, std in zip(masked, wanted, stds, strict=True):
        assert member.layout is not None
        theta, shape = member.parameter, tuple(member.parameter.shape)
        mask = (exact_count if exact else bernoulli)(member.layout, shape, r, generator)
        kept = float(mask.double().mean()) if exact else r
        factor = rescale if rescale is not None else theory.rescale(kept) if kept else 1.0
        if std is None:
            theta.mul_(factor)
        else:
            # In double precision and on one device, so that a seed means the same everywhere.
            normal = torch.randn(shape, generator=generator, dtype=torch.float64, device=device_of(generator))
            theta.copy_(normal * (std * factor))
        theta.masked_fill_(~mask.to(theta.device), 0)
        nonzero = int(torch.count_nonzero(theta))
        layers.append(MaskedLayer(member.name, shape, member.layout, r, nonzero, factor))
    for one, weight in biases:
        fan_in = nn.init._calculate_fan_in_and_fan_out(weight.parameter)[0]
        # In (0, 1]: none of them is zero.
        uniform = 1 - torch.rand(
            one.parameter.shape, generator=generator, dtype=torch.float64, device=device_of(generator)
        )
        one.parameter.copy_(uniform * (float(bias or 0) / math.sqrt(fan_in)))
    drawn = tuple(one.name for one, _ in biases)
    dense = tuple(m.name for m in members if m.layout is None and m.name not in drawn)
    return SparseInitialisation(tuple(layers), drawn, dense)


def _groups(groups: nn.Module | Iterable[Mapping[str, Any]]) -> Iterable[Mapping[str, Any]]:
    if not isinstance(groups, nn.Module):
        return groups
    every_weight = L1(0.0)
    return regularize(groups, linear=every_weight, conv=every_weight, attention=every_weight, verbose=False)


def _densities(masked: list[Member], density: float | Mapping[str, float], distribution: str) -> list[float]:
    if distribution not in theory.SCHEMES:
        raise ValueError(f"distribution must be one of {', '.join(theory.SCHEMES)}, got {distribution!r}")
    if not isinstance(density, Mapping):
        shapes = [tuple(member.parameter.shape) for member in masked]
        return [float(r) for r in theory.densities(shapes, float(density), distribution)]
    for pattern, r in density.items():
        if not 0 < r <= 1:
            raise ValueError(f"density[{pattern!r}] must be in (0, 1], got {r!r}")
        if not any(fnmatchcase(member.name, pattern) for member in masked):
            raise ValueError(f"density[{pattern!r}] must match a masked layer: {', '.join(m.name for m in masked)}")
    # The last pattern that matches decides, as in `regularize`.
    return [
        [1.0, *(float(r) for pattern, r in density.items() if fnmatchcase(member.name, pattern))][-1]
        for member in masked
    ]


def _variance(variance: str | Variance) -> Variance | None:
    if callable(variance):
        return variance
    if variance not in _VARIANCES:
        raise ValueError(
            f"variance must be one of {', '.join(_VARIANCES)} or a function α(n_in, n_out), got {variance!r}"
        )
    return _VARIANCES[variance]


def _std(member: Member, draw: Variance | None) -> float | None:
    """√α; None where the layer keeps its weights."""
    if draw is None or member.layers not in _REDRAWN:
        return None
    alpha = draw(*nn.init._calculate_fan_in_and_fan_out(member.parameter))
    if not 0 < alpha < math.inf:
        raise ValueError(f"variance must be a finite number > 0 for {member.name!r}, got {alpha!r}")
    return math.sqrt(alpha)


def _biases(members: list[Member], masked: list[Member]) -> list[tuple[Member, Member]]:
    """The biases of masked linear and convolutional layers, each with its weight: ``a.bias`` belongs to ``a.weight``."""
    if not all(member.named for member in members):
        raise ValueError("bias must be None for groups without names of parameters, by which biases find their layers")
    by_name = {member.name: member for member in members}
    pairs = [
        (by_name.get(weight.name.removesuffix("weight") + "bias"), weight)
        for weight in masked
        if weight.layers in _REDRAWN and weight.name.rpartition(".")[2] == "weight"
    ]
    return [(bias, weight) for bias, weight in pairs if bias is not None and bias.parameter.numel()]
