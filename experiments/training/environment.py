"""What a run's numbers depend on beside its configuration, and how to make them again."""

from __future__ import annotations

import hashlib
import os
import platform
import shlex
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from ..processor import processor_name


def environment(device: torch.device) -> dict[str, Any]:
    """Command, time, versions, a digest of the source, processor, threads and device."""
    return {
        "command": shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]),
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        **{library: version(library) for library in ("mlbreg", "torch", "numpy")},
        "source": source_digest(),
        "system": f"{platform.system()} {platform.machine()}",
        "processor": processor_name(),
        "processors": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
    }


def source_digest() -> str:
    """Of all that training runs through; what shows or collects results is not among it."""
    root = Path(__file__).parents[2]
    digest = hashlib.sha256()
    for folder in ("theory", "solvers", "experiments/data", "experiments/networks", "experiments/training"):
        for file in sorted((root / folder).rglob("*.py")):
            digest.update(f"{file.relative_to(root).as_posix()}\0".encode())
            digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()[:12]
