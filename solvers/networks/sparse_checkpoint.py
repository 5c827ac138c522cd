"""Checkpoints that hold the values and indices of sparse tensors: a safetensors file, written at once, read bit for bit.

symbol | meaning
-------|------------------------------------------------------------------------------------------------------------
n      | entries of a tensor, of s bytes each
k      | entries that are stored with an index, of i bytes: 4 below 2³¹ entries, else 8
lone   | entries with the sign bit alone: −0.0, which a weight times a mask leaves behind in half of its zeros

Zero means that all bits are 0, so that every bit comes back. Lone signs are stored like other values, or as one bit for
every entry of the tensor, whichever is shorter. A tensor is stored sparse when k(s + i), with n/8 for a mask of signs, is
below n·s: for float32 when less than half of it is there. An entry of the file is ``dense/NAME``, or ``values/NAME`` and
``indices/NAME`` (shape (k,), row-major, rising), and ``signs/NAME`` (⌈n/8⌉ bytes, the first entry is the highest bit).
The file's metadata describe the state as JSON: shape, dtype and checksum of every tensor, and all that is no tensor. Any
reader of safetensors can read it; nothing in it is code.

The checksums (CRC-32) find accidents, not forgers.
"""

from __future__ import annotations

import json
import math
import os
import secrets
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import numpy as np
import torch
from torch import Tensor

from .export_extra import require
from .plain_tree import decode, encode

FORMAT = "mlbreg sparse checkpoint"
VERSION = "1"
_BITS = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}


class CheckpointError(Exception):
    """A file that is no sparse checkpoint, is damaged, or is not complete."""


@final
@dataclass(frozen=True)
class SparseCheckpoint:
    """What a file holds: state_dicts as they were given, tensors on the CPU."""

    model: dict[str, Any]
    optimizer: dict[str, Any] | None
    metadata: dict[str, str]


@final
@dataclass(frozen=True)
class SavedSize:
    """Bytes of the tensors as they are, bytes of the file, and how many tensors are stored in which way."""

    tensors: int
    file: int
    sparse: int
    dense: int


def save_sparse(
    path: str | Path,
    model: Mapping[str, Any],
    *,
    optimizer: Mapping[str, Any] | None = None,
    metadata: Mapping[str, str] | None = None,
) -> SavedSize:
    """Write ``model.state_dict()``, and ``optimizer.state_dict()`` if wanted, to a file.

    The file appears under its name when it is complete and on disk, or not at all. Tensors that share memory are stored
    each on its own. Raises `TypeError` for anything but tensors and plain data, and for tensors without ordinary storage.
    """
    safetensors = require("safetensors.torch", "a sparse checkpoint")
    path = Path(path)
    if not path.parent.is_dir():
        raise FileNotFoundError(f"path must be in a folder that exists, got {path}")
    tensors: dict[str, Tensor] = {}
    tree = {
        "model": encode(dict(model), "model", tensors),
        "optimizer": None if optimizer is None else encode(dict(optimizer), "optimizer", tensors),
    }
    stored: dict[str, Tensor] = {}
    described = {name: _store(name, tensor, stored) for name, tensor in tensors.items()}
    description = json.dumps({"tree": tree, "tensors": described, "metadata": dict(metadata or {})})
    header = {
        "format": FORMAT,
        "version": VERSION,
        "description": description,
        "checksum": _checksum(description.encode()),
    }
    _write(path, lambda place: safetensors.save_file(stored, place, metadata=header))
    sparse = sum("indices" in entry for entry in described.values())
    size = sum(tensor.numel() * tensor.element_size() for tensor in tensors.values())
    return SavedSize(size, path.stat().st_size, sparse, len(described) - sparse)


def load_sparse(path: str | Path) -> SparseCheckpoint:
    """Read a file of `save_sparse`.

    Raises `FileNotFoundError`, and `CheckpointError` when the file is truncated, damaged, or was not written by
    `save_sparse` (or by a later version of it).
    """
    safetensors = require("safetensors", "a sparse checkpoint")
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no checkpoint at {path}")
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
            # A file is no mapping: it has keys, and no iterator.
            stored = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except safetensors.SafetensorError as error:
        raise CheckpointError(f"{path} is truncated, damaged or no safetensors file: {error}") from error
    if header.get("format") != FORMAT:
        raise CheckpointError(
            f"{path} is a safetensors file, but not a {FORMAT}: its format is {header.get('format')!r}"
        )
    if header.get("version") != VERSION:
        raise CheckpointError(f"{path} has version {header.get('version')!r} of the format, known is {VERSION!r}")
    text = header.get("description", "")
    if header.get("checksum") != _checksum(text.encode()):
        raise CheckpointError(f"{path} is damaged: the checksum of its description does not match")
    description = json.loads(text)
    wanted = {f"{kind}/{name}" for name, entry in description["tensors"].items() for kind in entry["parts"]}
    if wanted != stored.keys():
        raise CheckpointError(f"{path} is not complete: {sorted(wanted ^ stored.keys())} missing or too many")
    tensors = {name: _restore(path, name, entry, stored) for name, entry in description["tensors"].items()}
    tree = description["tree"]
    return SparseCheckpoint(
        model=decode(tree["model"], tensors),
        optimizer=None if tree["optimizer"] is None else decode(tree["optimizer"], tensors),
        metadata=description["metadata"],
    )


def _store(name: str, tensor: Tensor, stored: dict[str, Tensor]) -> dict[str, Any]:
    """Put a tensor into the file's entries, the shorter way; returns its description."""
    if tensor.layout != torch.strided or tensor.device.type == "meta" or tensor.is_quantized:
        raise TypeError(f"{name} must be an ordinary dense tensor, got layout {tensor.layout} on {tensor.device}")
    flat = tensor.detach().cpu().contiguous().flatten()
    count, size = flat.numel(), flat.element_size()
    parts = {"dense": flat.clone().reshape(tensor.shape)}
    if size in _BITS and count:
        sparse = _sparse_parts(flat, flat.view(_BITS[size]))
        if sum(part.numel() * part.element_size() for part in sparse.values()) < count * size:
            parts = sparse
    for kind, part in parts.items():
        stored[f"{kind}/{name}"] = part
    entry: dict[str, Any] = {"shape": list(tensor.shape), "dtype": str(tensor.dtype)}
    entry["parts"] = {kind: _checksum_of(part) for kind, part in parts.items()}
    if "indices" in parts:
        entry["indices"] = str(parts["indices"].dtype)
    return entry


def _sparse_parts(flat: Tensor, bits: Tensor) -> dict[str, Tensor]:
    """Values and indices of what is not 0, and the mask of lone signs where that is shorter."""
    count, size = flat.numel(), flat.element_size()
    index = torch.int32 if count < 2**31 else torch.int64
    present, lone = bits != 0, bits == _sign(bits.dtype)
    parts = {}
    if int(lone.sum()) * (size + index.itemsize) > (count + 7) // 8:
        present &= ~lone
        parts["signs"] = torch.from_numpy(np.packbits(lone.numpy()))
    kept = torch.nonzero(present).flatten()
    return parts | {"values": flat[kept], "indices": kept.to(index)}


def _sign(dtype: torch.dtype) -> int:
    """The sign bit alone, as an integer of this dtype."""
    return 128 if dtype == torch.uint8 else int(torch.iinfo(dtype).min)


def _restore(path: Path, name: str, entry: dict[str, Any], stored: Mapping[str, Tensor]) -> Tensor:
    parts = {kind: stored[f"{kind}/{name}"] for kind in entry["parts"]}
    shape = tuple(entry["shape"])
    for kind, part in parts.items():
        if _checksum_of(part) != entry["parts"][kind]:
            raise CheckpointError(f"{path} is damaged: the checksum of {kind}/{name} does not match")
        dtype = {"indices": entry.get("indices"), "signs": "torch.uint8"}.get(kind, entry["dtype"])
        if str(part.dtype) != dtype:
            raise CheckpointError(f"{path} is damaged: {kind}/{name} is {part.dtype} instead of {dtype}")
    if "dense" in parts:
        if tuple(parts["dense"].shape) != shape:
            raise CheckpointError(
                f"{path} is damaged: {name} has shape {tuple(parts['dense'].shape)} instead of {shape}"
            )
        return parts["dense"]
    values, indices = parts["values"], parts["indices"].long()
    count = math.prod(shape)
    rising = bool((indices[1:] > indices[:-1]).all()) and (
        not len(indices) or 0 <= int(indices[0]) <= int(indices[-1]) < count
    )
    signs = parts.get("signs", torch.zeros((count + 7) // 8, dtype=torch.uint8))
    if values.shape != indices.shape or not rising or signs.shape != ((count + 7) // 8,):
        raise CheckpointError(f"{path} is damaged: the indices of {name} do not fit shape {shape}")
    # Put together as bits: indexing does not know every dtype that can be stored.
    flat = torch.zeros(count, dtype=_BITS[values.element_size()])
    flat[torch.from_numpy(np.unpackbits(signs.numpy(), count=count).astype(bool))] = _sign(flat.dtype)
    flat[indices] = values.view(flat.dtype)
    return flat.view(values.dtype).reshape(shape)


def _checksum(data: Any) -> str:
    return f"{zlib.crc32(data):08x}"


def _checksum_of(tensor: Tensor) -> str:
    return _checksum(tensor.contiguous().flatten().view(torch.uint8).numpy() if tensor.numel() else b"")


def _write(path: Path, save: Any) -> None:
    """Under another name in the same folder, to disk, then renamed: a reader sees the old file or the whole new one."""
    place = path.with_name(f".{path.name}.{secrets.token_hex(8)}.part")
    try:
        save(place)
        with place.open("rb+") as file:
            os.fsync(file.fileno())
        place.replace(path)
    finally:
        place.unlink(missing_ok=True)
