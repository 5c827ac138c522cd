"""The memory that a problem needs, estimated before it is built."""

from __future__ import annotations

import os
from pathlib import Path

# A projector: an entry is a float and a 32-bit index, and a quarter of the directions is stored (`theory.operators.Radon`).
_ENTRIES_PER_PIXEL, _BYTES_PER_ENTRY = 1.3, 12
# While the matrix is assembled its blocks exist beside it; in use its transpose does: two copies at a time, and each coarser
# grid has a quarter of the entries.
_COPIES, _GRIDS = 2, 4 / 3
# Burg's constant takes a matrix of ones in its place: the floats again, the indices shared.
_PATTERN = 2 / 3
# Images and sinograms of 64-bit floats that are alive at once: iterates, gradients, L-BFGS-B's memory of 2 × 10 images.
_IMAGES = 60


def estimate(problem: str, side: int) -> int:
    """Bytes for a problem of the catalogue on ``side`` × ``side`` pixels, coarser grids included.

    For gaussian-tomography it gives 0.45 GiB at 512² and 3.1 at 1024², where the process was seen to take 0.55 and 2.9.
    """
    bytes_needed = _IMAGES * 8 * side**2
    if problem.endswith("tomography"):
        stored = max(side // 4, 1) // 4 + 1
        copies = _COPIES + (_PATTERN if problem.startswith("poisson") else 0)
        bytes_needed += int(stored * side**2 * _ENTRIES_PER_PIXEL * _BYTES_PER_ENTRY * copies * _GRIDS)
    return bytes_needed


def available() -> int | None:
    """Bytes of memory that can be had now; None where the system does not tell."""
    try:
        for line in Path("/proc/meminfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return None
