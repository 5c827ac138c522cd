"""How sparse a network is: shares of non-zero weights, kernels and units, for each layer and in total.

symbol   | here                | definition                                                     | source
---------|---------------------|----------------------------------------------------------------|---------------------
N_conv   | `Sparsity.n_conv`   | Σ_l #{(i, j) : K^l_ij ≠ 0} / Σ_l c_{l−1} c_l                   | bungert2021 section 4.4
S_conv   | `Sparsity.s_conv`   | 1 − N_conv: convolutional sparsity                             |
N_linear | `Sparsity.n_linear` | Σ_l ‖W^l‖₀ / Σ_l n_{l−1} n_l                                   | bungert2021 section 4.4
N_total  | `Sparsity.n_total`  | non-zero entries / entries of all parameters, biases and norms included | bungert2021 Tables 1, 3

The text of section 4.4 has N_total := N_conv + N_linear. A dense network with both kinds of layer would have 200 %, where
Table 1 says 100, and Table 3 has N_total = 5.5 beside N_conv = 24.8: what the tables report is the share of all
parameters. N_linear counts nn.Linear and the projections of nn.MultiheadAttention. A convolution with groups has
c_l c_{l−1}/groups kernels, and these are what is counted.
A unit (neuron, filter) is active when one of the weights into it is not 0, its bias left out; an input is when one of the
weights out of it is not 0. Tied parameters count once, as what they are at their first place; frozen ones count.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor, nn

from .layer_types import LayerParameter, layer_parameters
from .masks import active_groups, group_count
from .text_table import text_table

_MATRICES = ("linear", "attention")
_WITH_UNITS = ("linear", "conv", "attention")


@final
@dataclass(frozen=True)
class Count:
    """How many of how many."""

    active: int
    total: int

    @property
    def share(self) -> float | None:
        """active/total; None of nothing."""
        return self.active / self.total if self.total else None

    def __str__(self) -> str:
        return f"{self.active:,}/{self.total:,}"


@final
@dataclass(frozen=True)
class ParameterSparsity:
    """The counts of one parameter; those that make no sense for its kind are None."""

    name: str
    kind: str
    shape: tuple[int, ...]
    entries: Count
    kernels: Count | None
    units: Count | None
    inputs: Count | None


@final
@dataclass(frozen=True)
class Sparsity:
    """The counts of a network. ``str`` gives a table."""

    parameters: tuple[ParameterSparsity, ...]

    @property
    def entries(self) -> Count:
        """Non-zero entries of all parameters."""
        return _total(one.entries for one in self.parameters)

    @property
    def weights(self) -> Count:
        """Non-zero entries of all but biases and normalisations."""
        return _total(one.entries for one in self.parameters if one.kind not in ("bias", "norm"))

    @property
    def kernels(self) -> Count:
        """Non-zero kernels of the convolutions."""
        return _total(one.kernels for one in self.parameters)

    @property
    def units(self) -> Count:
        """Active units of all layers."""
        return _total(one.units for one in self.parameters)

    @property
    def n_total(self) -> float | None:
        """N_total; None without parameters."""
        return self.entries.share

    @property
    def n_linear(self) -> float | None:
        """N_linear; None without linear layers."""
        return self.of_kinds(*_MATRICES).share

    @property
    def n_conv(self) -> float | None:
        """N_conv; None without convolutions."""
        return self.kernels.share

    @property
    def s_conv(self) -> float | None:
        """S_conv = 1 − N_conv; None without convolutions."""
        return None if self.n_conv is None else 1 - self.n_conv

    @property
    def sparsity(self) -> float | None:
        """1 − N_total; None without parameters."""
        return None if self.n_total is None else 1 - self.n_total

    def of_kinds(self, *kinds: str) -> Count:
        """Non-zero entries of the parameters of some kinds of `layer_types`."""
        return _total(one.entries for one in self.parameters if one.kind in kinds)

    def __str__(self) -> str:
        rows = [
            [one.name, one.kind, "×".join(map(str, one.shape)), one.entries.share, one.entries.active]
            + ["" if count is None else str(count) for count in (one.kernels, one.units, one.inputs)]
            for one in self.parameters
        ]
        header = ["parameter", "kind", "shape", "density", "non-zero", "kernels", "units", "inputs"]
        shares = {"N_total": self.n_total, "N_linear": self.n_linear, "N_conv": self.n_conv, "S_conv": self.s_conv}
        found = [f"{name} {100 * share:.4g} %" for name, share in shares.items() if share is not None]
        return "\n".join(
            [text_table(header, rows), ", ".join(found), f"entries {self.entries}, active units {self.units}"]
        )


@torch.no_grad()
def sparsity(model: nn.Module) -> Sparsity:
    """Count the non-zero entries, kernels, units and inputs of a model. NaN counts as non-zero.

    Raises as `layer_parameters` does.
    """
    return Sparsity(tuple(_count(parameter) for parameter in layer_parameters(model)))


def groups_of(theta: Tensor, layout: str) -> Count:
    """The active groups of a parameter, θ_g ≠ 0, for any layout; a `ValueError` where it has no such groups."""
    return Count(active_groups(layout, theta), group_count(layout, tuple(theta.shape)))


def _count(one: LayerParameter) -> ParameterSparsity:
    place, theta = one.places[0], one.parameter
    kernels = units = inputs = None
    convolution = place.convolution
    if place.kind in _WITH_UNITS and theta.dim() >= 2:
        groups = 1 if convolution is None else convolution.groups
        first, second = groups_of(theta, "rows"), _second_axis(theta, groups)
        units, inputs = (second, first) if place.transposed else (first, second)
    if convolution is not None:
        kernels = groups_of(theta, "kernels")
    return ParameterSparsity(one.name, place.kind, one.shape, groups_of(theta, "entries"), kernels, units, inputs)


def _second_axis(theta: Tensor, groups: int) -> Count:
    """The channels of axis 1: every group of a convolution has its own."""
    parts = theta.reshape(groups, -1, *theta.shape[1:]) if theta.numel() else theta.unsqueeze(0)
    used = (parts != 0).transpose(1, 2).flatten(2).any(2)
    return Count(int(used.sum()), used.numel())


def _total(counts: Iterable[Count | None]) -> Count:
    known = [count for count in counts if count is not None]
    return Count(sum(count.active for count in known), sum(count.total for count in known))
