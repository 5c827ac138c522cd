"""Peak memory of a step, each contender in a process of its own.

entry       | MiB resident
------------|--------------------------------------------------------------------------------------------------------
``before``  | after the imports, before the model and the batch exist
``peak``    | at most, in steps after the first one: model, batch, gradients, activations and all buffers
``step``    | ``peak`` − ``before``

Linux alone says and resets the largest value (``/proc/self``); elsewhere the entries are None.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def resident(entry: str = "VmRSS") -> float | None:
    """MiB of this process: now, or at most with ``VmHWM``."""
    if not _STATUS.is_file():
        return None
    for line in _STATUS.read_text(encoding="ascii", errors="replace").splitlines():
        if line.startswith(f"{entry}:"):
            return int(line.split()[1]) / 1024
    return None


def peak_of_steps(step: Callable[[], object], steps: int, before: float | None) -> dict[str, float | None]:
    """The table above, after one step that is not counted."""
    step()
    try:
        _CLEAR.write_text("5", encoding="ascii")  # VmHWM ← VmRSS, see proc(5)
    except OSError:
        return {"before": before, "peak": None, "step": None}
    for _ in range(steps):
        step()
    peak = resident("VmHWM")
    return {"before": before, "peak": peak, "step": None if peak is None or before is None else peak - before}
