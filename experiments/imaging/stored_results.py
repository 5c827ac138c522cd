"""Results on disk, one JSON each, so that a killed run goes on where it stopped.

A file holds ``configuration`` and ``environment`` beside its ``result``, and both are its identity: a result is kept only by a
run with the same configuration, on a machine of the same kind, with the same versions and the same source of this package. So
no table mixes numbers of two codes, or seconds of two machines.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, final

import numpy as np

from ...theory.arrays import Array
from ..processor import processor_name

_LIBRARIES = ("mlbreg", "numpy", "scipy")
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def environment() -> dict[str, Any]:
    """Versions, a digest of the source that computes, and the machine."""
    return {
        "python": platform.python_version(),
        **{library: version(library) for library in _LIBRARIES},
        "source": _source_digest(),
        "system": f"{platform.system()} {platform.machine()}",
        "processor": processor_name(),
        "processors": os.cpu_count(),
        "threads": {name: os.environ[name] for name in _THREADS if name in os.environ},
    }


@final
@dataclass(frozen=True)
class Store:
    """The results in ``folder``, for one configuration; ``configuration`` must be JSON, ``environment`` is the one above."""

    folder: Path
    configuration: dict[str, Any]
    environment: dict[str, Any]

    def load(self, name: str) -> dict[str, Any] | None:
        """The stored result, or None where there is none for this configuration and environment."""
        try:
            document = json.loads(self._path(name).read_text(encoding="utf-8"))
        except (FileNotFoundError, json.JSONDecodeError, UnicodeDecodeError):
            return None
        if not isinstance(document, dict) or any(document.get(key) != value for key, value in self._identity.items()):
            return None
        result = document.get("result")
        return result if isinstance(result, dict) else None

    def save(self, name: str, result: dict[str, Any]) -> None:
        """Replace the file in one step: a reader sees the old result or the new one."""
        content = json.dumps({**self._identity, "result": result}, ensure_ascii=False, indent=1, allow_nan=False)
        self._write(self._path(name), content.encode())

    def load_array(self, name: str, digest: str) -> Array | None:
        """The array of that name when it is the one with this digest."""
        path = self.folder / f"{name}.npy"
        if not path.is_file():
            return None
        content = path.read_bytes()
        if hashlib.sha256(content).hexdigest() != digest:
            return None
        loaded: Array = np.load(path, allow_pickle=False)
        return loaded

    def save_array(self, name: str, values: Array) -> str:
        """Store an array beside the JSON, as 32-bit floats; its digest goes into the result that refers to it."""
        path = self.folder / f"{name}.npy"
        partial = _partial(path)
        with partial.open("wb") as file:
            np.save(file, np.asarray(values, dtype=np.float32), allow_pickle=False)
        digest = hashlib.sha256(partial.read_bytes()).hexdigest()
        partial.replace(path)
        return digest

    def forget(self, name: str) -> None:
        """Remove a result."""
        for suffix in ("json", "npy"):
            (self.folder / f"{name}.{suffix}").unlink(missing_ok=True)

    @property
    def _identity(self) -> dict[str, Any]:
        # As JSON reads it back: tuples are lists.
        identity: dict[str, Any] = json.loads(
            json.dumps({"configuration": self.configuration, "environment": self.environment})
        )
        return identity

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}.json"

    @staticmethod
    def _write(path: Path, content: bytes) -> None:
        partial = _partial(path)
        partial.write_bytes(content)
        partial.replace(path)


def _partial(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.with_name(f".{path.name}.partial")


def _source_digest() -> str:
    """A digest of the modules that results depend on: theory, the NumPy solvers, and this folder."""
    here = Path(__file__).parent
    root = here.parents[1]
    digest = hashlib.sha256()
    for folder, pattern in ((root / "theory", "**/*.py"), (root / "solvers", "*.py"), (here, "*.py")):
        for file in sorted(folder.glob(pattern)):
            if not file.stem.endswith(("figure", "table", "command")):  # they show results and change none
                digest.update(f"{folder.name}/{file.relative_to(folder).as_posix()}\0".encode())
                digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()[:12]
