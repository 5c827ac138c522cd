"""A counterexample as a Python program that evaluates its margin again."""

from __future__ import annotations

import importlib
import re
from functools import cache

_MODULES = (
    "mlbreg.theory.arrays",
    "mlbreg.theory.groups",
    "mlbreg.theory.regularizers",
    "mlbreg.theory.losses",
    "mlbreg.theory.coarse",
    "mlbreg.theory.elastic_net",
    "mlbreg.theory.problems",
    "mlbreg.theory.references",
    "mlbreg.theory.relative_problem",
    "mlbreg.paper_checks.families.level_problems",
    "mlbreg.paper_checks.families.relative_losses",
    "mlbreg.paper_checks.families.relative_references",
)


@cache
def _home() -> dict[str, str]:
    """The module that each public name of the theory is imported from."""
    home: dict[str, str] = {}
    for name in _MODULES:
        module = importlib.import_module(name)
        public = getattr(module, "__all__", None) or [entry for entry in vars(module) if not entry.startswith("_")]
        for entry in public:
            owner = getattr(getattr(module, entry), "__module__", "")
            if owner == name or owner.startswith(name + "."):
                home.setdefault(entry, name)
    return home


def snippet(claim_id: str, arguments: str) -> str:
    """Imports, the instance, and the margin of the claim on it; ``arguments`` are Python keyword arguments."""
    used = set(re.findall(r"(?<![\w.'\"])([A-Za-z_]\w*)(?=[(.])", arguments))
    lines = []
    if "F" in used:
        lines.append("from fractions import Fraction as F")
    if "math" in used:
        lines.append("import math")
    if "np" in used:
        lines.append("import numpy as np")
    by_module: dict[str, list[str]] = {}
    for name in sorted(used & set(_home())):
        by_module.setdefault(_home()[name], []).append(name)
    lines.append("from mlbreg.paper_checks.registry import load")
    lines += [f"from {module} import {', '.join(names)}" for module, names in sorted(by_module.items())]
    call = f"print(claims[{claim_id!r}].margin({arguments}))"
    return "\n".join([*lines, "", "claims, _ = load()", call])
