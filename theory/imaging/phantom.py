"""The head phantom of Shepp and Logan (1974), with the contrast of Toft (1996)."""

from __future__ import annotations

import math

import numpy as np

from ..arrays import Array

# Value, half axes, centre, rotation in degrees; on [−1, 1]², y upwards. The values of ellipses that overlap add up.
_ELLIPSES = (
    (1.0, 0.69, 0.92, 0.0, 0.0, 0.0),
    (-0.8, 0.6624, 0.874, 0.0, -0.0184, 0.0),
    (-0.2, 0.11, 0.31, 0.22, 0.0, -18.0),
    (-0.2, 0.16, 0.41, -0.22, 0.0, 18.0),
    (0.1, 0.21, 0.25, 0.0, 0.35, 0.0),
    (0.1, 0.046, 0.046, 0.0, 0.1, 0.0),
    (0.1, 0.046, 0.046, 0.0, -0.1, 0.0),
    (0.1, 0.046, 0.023, -0.08, -0.605, 0.0),
    (0.1, 0.023, 0.023, 0.0, -0.606, 0.0),
    (0.1, 0.023, 0.046, 0.06, -0.605, 0.0),
)


def phantom(n: int, samples: int = 2) -> Array:
    """The phantom on n×n pixels, shape ``(n, n)``, values in [0, 1]; the first row is the top of the head.

    ``samples``: a pixel is the mean of samples × samples points in it, so that a coarser phantom is nearly the average
    of a finer one.
    """
    for name, count in (("n", n), ("samples", samples)):
        if count < 1:
            raise ValueError(f"{name} must be ≥ 1, got {count}")
    points = (2 * np.arange(n * samples) + 1) / (n * samples) - 1
    x, y = points[None, :], -points[:, None]
    fine = np.zeros((n * samples, n * samples))
    for value, a, b, x0, y0, degrees in _ELLIPSES:
        cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
        u, v = (x - x0) * cosine + (y - y0) * sine, (y - y0) * cosine - (x - x0) * sine
        fine += value * ((u / a) ** 2 + (v / b) ** 2 <= 1)
    # 1 − 0.8 − 0.2 is not 0 in floating point.
    return np.clip(fine.reshape(n, samples, n, samples).mean(axis=(1, 3)), 0, 1)
