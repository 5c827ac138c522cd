"""Windows: which pixels a convolution reads, and which it is read from.

symbol  | here                  | meaning
--------|-----------------------|--------------------------------------------------------------------------
s, d, p | `Geometry`            | stride, dilation, padding, vertical and horizontal
y       | a pixel of X          | y + p ≡ d·k (mod s) where tap k reaches it: s classes of pixels along an axis, and in
        |                       | each the taps take neighbouring pixels of dY, as in a convolution of stride 1
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import final


@final
@dataclass(frozen=True)
class Geometry:
    """Kernel size, stride, dilation and padding, each (vertical, horizontal)."""

    kernel: tuple[int, int]
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int] = (0, 0)
    dilation: tuple[int, int] = (1, 1)

    def output(self, height: int, width: int) -> tuple[int, int]:
        """The size of Y; a `ValueError` where the window does not fit."""
        size = tuple(
            (n + 2 * p - d * (k - 1) - 1) // s + 1
            for n, k, s, p, d in zip(
                (height, width), self.kernel, self.stride, self.padding, self.dilation, strict=True
            )
        )
        if min(size) < 1:
            raise ValueError(f"the image must be as large as the window of {self}, got {height} × {width}")
        return size[0], size[1]

    def borders(self, height: int, width: int) -> tuple[int, int]:
        """What X and dY need around them: (β of X, β of dY)."""
        of_x, of_dy = 0, 0
        for axis, (n, out) in enumerate(zip((height, width), self.output(height, width), strict=True)):
            k, s, p, d = self.kernel[axis], self.stride[axis], self.padding[axis], self.dilation[axis]
            of_x = max(of_x, p, (out - 1) * s + (k - 1) * d - p - (n - 1))
            for rest in range(s):
                for one in class_taps(n, k, s, p, d, rest):
                    of_dy = max(of_dy, -one.shift, one.shift + one.count - out)
        return of_x, of_dy

    @property
    def is_three_by_three(self) -> bool:
        """Whether the window has its pixel in the middle and its eight neighbours."""
        return (self.kernel, self.stride, self.padding, self.dilation) == ((3, 3), (1, 1), (1, 1), (1, 1))


@final
@dataclass(frozen=True)
class Tap:
    """A tap k of a class of pixels y₀, y₀ + s, …: pixel number i takes dY at i + shift."""

    index: int
    shift: int
    first: int
    count: int


def class_taps(n: int, k: int, s: int, p: int, d: int, rest: int) -> list[Tap]:
    """The taps of the pixels y with y + p ≡ rest (mod s)."""
    first = (rest - p) % s
    count = len(range(first, n, s))
    return [Tap(i, (first + p - d * i) // s, first, count) for i in range(k) if (d * i - rest) % s == 0 and count]
