"""What a launch of the fused update gets: a rule, and for each parameter its tensors, the size of its groups and its numbers.

rule       | what it does to v, with ĝ = sign·g + decay·θ
-----------|----------------------------------------------------------------------------------------------
LINBREG    | v⁺ = keep·v − scale·ĝ
MOMENTUM   | m⁺ = beta1·m + gain1·ĝ,  v⁺ = keep·v − m⁺
ADABREG    | m₁⁺ = beta1·m₁ + gain1·ĝ,  m₂⁺ = beta2·m₂ + gain2·ĝ²,  v⁺ = keep·v − scale·m₁⁺/(√m₂⁺/root + eps)
PROXIMAL   | no state: v⁺ = θ − scale·ĝ, which is not kept

Then θ⁺ = prox(delta·v⁺), where the prox shrinks entries or norms of groups by ``threshold``.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from torch import Tensor

# Plain numbers: the kernels of both compilers branch on them.
LINBREG: Final = 0
MOMENTUM: Final = 1
ADABREG: Final = 2
PROXIMAL: Final = 3


class Numbers(NamedTuple):
    """The numbers of the table above, in the order in which the kernels read them; the defaults leave v alone."""

    keep: float = 1.0
    sign: float = 1.0
    decay: float = 0.0
    beta1: float = 0.0
    gain1: float = 0.0
    beta2: float = 0.0
    gain2: float = 0.0
    scale: float = 0.0
    root: float = 1.0
    eps: float = 0.0
    delta: float = 1.0
    threshold: float = 0.0


class Part(NamedTuple):
    """One parameter. All tensors are contiguous, of its shape and on its device."""

    theta: Tensor
    gradient: Tensor
    """Of the type of θ."""
    state: tuple[Tensor, ...]
    """v and the moments of the rule, in float32 or float64; none with PROXIMAL."""
    size: int
    """Of its groups, which lie one after the other: 1 for entries, 0 where J = 0."""
    numbers: Numbers

    def tensors(self) -> tuple[Tensor, ...]:
        """θ, g, v, m₁, m₂: always five, a tensor that there is not is θ, at which nobody looks in its place."""
        return (self.theta, self.gradient, *self.state, *(self.theta,) * (3 - len(self.state)))
