"""Some instances of a batch on their own: arrays whose leading axes are the batch, taken apart and put together again.

``chosen`` are positions in the flattened batch. The arrays taken have one batch axis, except when all instances are
chosen: then nothing is copied and the batch keeps its shape.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..theory.arrays import Array


def take(x: Array, batch: tuple[int, ...], chosen: np.ndarray) -> Array:
    """The chosen instances of x, shape ``(*batch, ...) → (chosen, ...)``."""
    if chosen.size == math.prod(batch):
        return x
    return x.reshape(math.prod(batch), *x.shape[len(batch) :])[chosen]


def put(x: Array, batch: tuple[int, ...], chosen: np.ndarray, values: Array) -> Array:
    """x with the chosen instances replaced."""
    if chosen.size == math.prod(batch):
        return values
    result = x.reshape(math.prod(batch), *x.shape[len(batch) :]).copy()
    result[chosen] = values
    return result.reshape(x.shape)


def take_memory(memory: Any, batch: tuple[int, ...], chosen: np.ndarray) -> Any:
    """`take` for the memory of a criterion: None, or a NamedTuple of arrays."""
    return None if memory is None else type(memory)(*(take(part, batch, chosen) for part in memory))


def put_memory(memory: Any, batch: tuple[int, ...], chosen: np.ndarray, values: Any) -> Any:
    """`put` for the memory of a criterion."""
    if memory is None:
        return None
    return type(memory)(*(put(part, batch, chosen, value) for part, value in zip(memory, values, strict=True)))
