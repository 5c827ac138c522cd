"""What evidence depends on beside the settings: our source, the user's claims, and the libraries that draw and compute."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterable
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

_LIBRARIES = ("mlbreg", "numpy", "scipy", "sympy", "hypothesis")


def environment(modules: Iterable[str] = ()) -> dict[str, str]:
    """Versions and digests by name: two machines with the same ones give the same evidence.

    ``modules`` are the user's modules of claims, paths of files or dotted names; one that is not there is "missing".
    """
    found = {"python": ".".join(map(str, sys.version_info[:2]))}
    found |= {library: version(library) for library in _LIBRARIES}
    found["the source of mlbreg"] = source_digest()
    for module in modules:
        file = module_file(module)
        found[f"the claims {module}"] = "missing" if file is None else _digest(file.read_bytes())
    return found


def differences(here: dict[str, str], there: dict[str, str]) -> str:
    """In words, what a worker has otherwise than this machine; empty when nothing."""
    return "; ".join(
        f"{name} is {there.get(name, 'missing')} there and {value} here"
        for name, value in here.items()
        if there.get(name) != value
    )


def source_digest() -> str:
    """A digest of everything that ships with mlbreg and that evidence depends on: modules and certificates."""
    root = Path(__file__).parents[1]
    digest = hashlib.sha256()
    for folder in (root, root.parent / "theory", root.parent / "solvers"):
        files = (file for pattern in ("*.py", "*.toml", "*.json") for file in folder.rglob(pattern))
        for file in sorted(files):
            if file.name != "recorded.toml":  # a reviewed verdict is compared with the evidence, not a part of it
                digest.update(f"{folder.name}/{file.relative_to(folder).as_posix()}\0".encode())
                digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()[:12]


def module_file(module: str) -> Path | None:
    """The file of a module of claims that is named by its path or by its dotted name."""
    if module.endswith(".py"):
        return Path(module) if Path(module).is_file() else None
    try:
        spec = find_spec(module)
    except ImportError:  # of a package above it
        return None
    return Path(spec.origin) if spec is not None and spec.origin is not None else None


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:12]
