"""Where claims are judged: in processes of this machine, or on the workers of a Dask cluster (docs/scale-out.md)."""

from .base import Executor, ExecutorError, Settings
from .choice import choose

__all__ = ["Executor", "ExecutorError", "Settings", "choose"]
