"""The file of a run's results: JSON, replaced in one step after each case, so that an interrupt leaves what was measured.

entry        | content
-------------|----------------------------------------------------------------------------------------------------------
``format``   | `FORMAT`
``complete`` | whether all was measured that was asked for
``options``  | as they were given
``software`` | versions, and the instruction set that torch uses
``machine``  | see `machine`
``layers``, ``networks``, ``memory``, ``gradient_error`` | lists of the records of these modules
``epoch``    | the record of `epoch`, or null
"""

from __future__ import annotations

import json
import os
import platform
import secrets
from importlib import metadata
from pathlib import Path
from typing import Any, final

import torch

from .sparseprop import is_installed

FORMAT = "mlbreg sparse benchmark 1"


@final
class Results:
    """``path`` None: nothing is written."""

    def __init__(self, path: Path | None, options: dict[str, Any]) -> None:
        self.path = path
        self.content: dict[str, Any] = {
            "format": FORMAT,
            "complete": False,
            "options": options,
            "software": software(),
            "machine": {},
            "layers": [],
            "networks": [],
            "memory": [],
            "gradient_error": [],
            "epoch": None,
        }

    def write(self) -> None:
        """Replace the file."""
        if self.path is None:
            return
        text = json.dumps(self.content, ensure_ascii=False, indent=1, allow_nan=False) + "\n"
        place = self.path.with_name(f".{self.path.name}.{secrets.token_hex(8)}.part")
        try:
            with place.open("w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            place.replace(self.path)
        finally:
            place.unlink(missing_ok=True)


def software() -> dict[str, Any]:
    """Versions of what computes."""
    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numba": metadata.version("numba"),
        "libc": " ".join(platform.libc_ver()),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "sparseprop": _version("sparseprop") if is_installed() else None,
    }


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "unknown"
