"""Which processor a run was on."""

from __future__ import annotations

import platform
from pathlib import Path


def processor_name() -> str:
    """What the system calls it; may be empty."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor()
