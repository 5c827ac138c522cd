"""FLOPs of training with convolutional and linear layers, dense and sparse (lunk2026 appendix C, after RigL).

symbol | here                      | meaning
-------|---------------------------|---------------------------------------------------------------------------------
f_D    | `Layer.dense`, `dense`    | multiply-adds of a dense forward pass for one example; one may be counted as two FLOPs
f_S    | `sparse`                  | those of a forward pass that uses the non-zero weights alone
m      | ``coarse_steps``          | coarse steps between two fine steps

A training step has three passes over each layer: forward, gradient of the inputs, gradient of the weights. Each of them
multiplies and adds once for every triple (output position, weight, input position), so they cost the same. The first two
need the non-zero weights only; the third needs all weights if their full gradient is wanted. Hence

method     | FLOPs per training step
-----------|------------------------------------------
SGD        | 3 f_D
LinBreg    | 2 f_S + f_D
ML LinBreg | (m·3 f_S + 2 f_S + f_D)/(m + 1), averaged over a cycle

The paper leaves out biases, normalisation, pooling, and that the first layer needs no gradient of its inputs.
Everything works with integers, floats and Fractions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, final

from .arrays import Real


@final
@dataclass(frozen=True)
class Layer:
    """A convolution with square kernels and zero padding; a linear layer is one on a 1 × 1 image."""

    inputs: int
    outputs: int
    kernel: int = 1
    height: int = 1
    width: int = 1
    stride: int = 1
    padding: int = 0

    def __post_init__(self) -> None:
        for name in ("inputs", "outputs", "kernel", "height", "width", "stride"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be ≥ 1, got {getattr(self, name)}")
        if self.padding < 0:
            raise ValueError(f"padding must be ≥ 0, got {self.padding}")
        if min(self.output_size) < 1:
            raise ValueError(
                f"kernel must fit into the padded image, got {self.kernel} for {self.height} × {self.width}"
            )

    @property
    def output_size(self) -> tuple[int, int]:
        """Height and width of the output image."""
        return tuple((side + 2 * self.padding - self.kernel) // self.stride + 1 for side in (self.height, self.width))  # type: ignore[return-value]

    @property
    def positions(self) -> int:
        """How many output positions use each weight, zeros of the padding counted."""
        height, width = self.output_size
        return height * width

    @property
    def weights(self) -> int:
        """The number of weights."""
        return self.inputs * self.outputs * self.kernel**2

    @property
    def dense(self) -> int:
        """f_D of this layer: every weight at every output position."""
        return self.weights * self.positions

    @property
    def dense_without_padding(self) -> int:
        """f_D of this layer when products with the zeros of the padding are not computed."""
        return self.inputs * self.outputs * self._inside(self.height) * self._inside(self.width)

    def _inside(self, side: int) -> int:
        """Pairs (output index, kernel index) along one axis that meet the image and not the padding."""
        reach = (side + 2 * self.padding - self.kernel) // self.stride + 1
        return sum(0 <= o * self.stride + k - self.padding < side for o in range(reach) for k in range(self.kernel))


def dense(layers: Sequence[Layer]) -> int:
    """f_D of a network."""
    return sum(layer.dense for layer in layers)


def sparse(layers: Sequence[Layer], densities: Sequence[Any]) -> Any:
    """f_S = Σ_l r_l f_D,l for layers with the share r_l of non-zero weights; arrays of densities are a batch."""
    if len(densities) != len(layers):
        raise ValueError(f"densities must have one entry for each of the {len(layers)} layers, got {len(densities)}")
    return sum(density * layer.dense for layer, density in zip(layers, densities, strict=True))


def dense_step(f_dense: Any) -> Any:
    """3 f_D."""
    return 3 * f_dense


def linbreg_step(f_sparse: Any, f_dense: Any) -> Any:
    """2 f_S + f_D."""
    return 2 * f_sparse + f_dense


def multilevel_step(f_sparse: Any, f_dense: Any, coarse_steps: int) -> Any:
    """(m·3 f_S + 2 f_S + f_D)/(m + 1)."""
    return (coarse_steps * 3 * f_sparse + 2 * f_sparse + f_dense) / (coarse_steps + 1)


def density_of_linbreg(share: Real) -> Real:
    """f_S/f_D for which LinBreg costs ``share`` of dense training: (3·share − 1)/2."""
    return (3 * share - 1) / 2


def density_of_multilevel(share: Real, coarse_steps: int) -> Real:
    """f_S/f_D for which ML LinBreg costs ``share`` of dense training: (3(m + 1)·share − 1)/(3m + 2)."""
    return (3 * (coarse_steps + 1) * share - 1) / (3 * coarse_steps + 2)
