"""The optional packages of the extra ``export``: asked for when they are needed, with an error that says how to get them."""

from __future__ import annotations

import importlib
from types import ModuleType


def require(module: str, purpose: str) -> ModuleType:
    """The module, or an `ImportError` that names the extra which brings it."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        raise ImportError(f"{purpose} needs {package}, which is not installed: pip install 'mlbreg[export]'") from error
