"""The formats of MNIST (idx) and CIFAR-10 (Python batches), from verified bytes to arrays."""

from __future__ import annotations

import io
import pickle
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from .files import DataError

Bytes = NDArray[np.uint8]

_UNSIGNED_BYTES = 0x08
_SIDE = 32


def read_idx(content: bytes, name: str) -> Bytes:
    """An idx file of unsigned bytes: two zeros, the type, the number of axes, their lengths (big-endian), the entries."""
    if len(content) < 4 or content[:2] != b"\0\0" or content[2] != _UNSIGNED_BYTES:
        raise DataError(f"{name} must be an idx file of unsigned bytes, got a file that begins with {content[:4]!r}")
    start = 4 + 4 * content[3]
    shape = tuple(int.from_bytes(content[i : i + 4], "big") for i in range(4, start, 4))
    wanted = start + int(np.prod(shape, dtype=np.int64))
    if len(content) != wanted:
        raise DataError(f"{name} must have {wanted:,} bytes for its shape {shape}, got {len(content):,}: it is cut")
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)


def read_cifar(content: bytes, name: str) -> tuple[Bytes, Bytes]:
    """Images (n, 3, 32, 32) and labels (n,) of one Python batch."""
    try:
        batch = _ArraysOnly(io.BytesIO(content), encoding="latin1").load()
        images = np.asarray(batch["data"], dtype=np.uint8).reshape(-1, 3, _SIDE, _SIDE)
        labels = np.asarray(batch["labels"], dtype=np.uint8)
    except (pickle.UnpicklingError, EOFError, KeyError, IndexError, TypeError, ValueError) as error:
        raise DataError(f"{name} must be a Python batch of CIFAR-10, but it cannot be read: {error}") from error
    if len(images) != len(labels):
        raise DataError(f"{name} must have as many labels as images, got {len(labels)} and {len(images)}")
    return images, labels


@final
class _ArraysOnly(pickle.Unpickler):
    """A pickle may name any function to call; a batch needs the three that make an array."""

    _known: dict[tuple[str, str], Any] = {  # noqa: RUF012 - never written to
        ("numpy.core.multiarray", "_reconstruct"): np.empty(0).__reduce__()[0],
        ("numpy", "ndarray"): np.ndarray,
        ("numpy", "dtype"): np.dtype,
    }

    def find_class(self, module_name: str, global_name: str, /) -> Any:
        try:
            return self._known[module_name, global_name]
        except KeyError:
            raise pickle.UnpicklingError(f"{module_name}.{global_name} is not a part of an array") from None
