"""What a stored certificate says: one TOML file each, beside this module. docs/certificates.md explains the fields."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from functools import cache
from importlib.resources import files
from typing import Any


class CertificateError(ValueError):
    """A certificate is malformed, or none has the name that was asked for."""


@dataclass(frozen=True)
class Limit:
    """``parameter`` ranges over (0, ``at_most``]; ``words`` is the condition in the papers' symbols."""

    parameter: str
    at_most: str
    words: str


@dataclass(frozen=True)
class Step:
    """v(after) = v(before) − size·direction, θ(after) from the mirror map; ``coarse``: in the selected groups alone."""

    before: str
    after: str
    size: str
    direction: str = ""
    coarse: bool = False


@dataclass(frozen=True)
class Use:
    """An inequality of the function classes at some points, and its multiplier."""

    inequality: str
    at: tuple[str, ...]
    multiplier: str


@dataclass(frozen=True)
class Square:
    """coefficient·‖of‖²."""

    coefficient: str
    of: str


@dataclass(frozen=True)
class Certificate:
    """left + gain ≤ right, because right − left − gain is the sum of the ``uses`` and the ``squares``.

    claim       id of the claim that it certifies; "" where no claim of the papers says it
    loss        class of the loss; `function_classes.CLASSES` lists what may be used of it
    parameters  all positive
    comparison  points without a subgradient, such as a minimiser "star"
    minimiser   the comparison point with ∇L = 0; "" where there is none
    noise       arbitrary vectors
    gain        what is to be raised by 1 % to see whether the bound is sharp; "0" where only a limit can be raised
    sharp       raising the gain, or else the limits, by 1 % makes it false on the class, with the parameters of the trial
    """

    name: str
    claim: str
    statement: str
    loss: str
    left: str
    gain: str
    right: str
    parameters: tuple[str, ...]
    steps: tuple[Step, ...]
    uses: tuple[Use, ...]
    sharp: bool
    note: str = ""
    squares: tuple[Square, ...] = ()
    limits: tuple[Limit, ...] = ()
    comparison: tuple[str, ...] = ()
    minimiser: str = ""
    noise: tuple[str, ...] = ()
    # What search solves: this form is at most 1, and the parameters are at their limits, or else have these values, or 1.
    normalisation: str = "sq(theta(1) - theta(0))"
    trial: Mapping[str, str] = field(default_factory=dict)


_TABLES: dict[str, type] = {"steps": Step, "uses": Use, "squares": Square, "limits": Limit}


def names() -> tuple[str, ...]:
    """The stored certificates, in alphabetical order."""
    folder = files(__package__)
    return tuple(sorted(f.name.removesuffix(".toml") for f in folder.iterdir() if f.name.endswith(".toml")))


@cache
@cache
def about(claim: str) -> tuple[str, ...]:
    """The names of the stored certificates about a claim."""
    return tuple(name for name in names() if load(name).claim == claim)


def load(name: str) -> Certificate:
    """The stored certificate of this name.

    Raises:
        CertificateError: there is none, or its file is malformed.
    """
    if name not in names():
        raise CertificateError(f"no certificate is named {name!r}; there are {', '.join(names())}")
    return read(files(__package__).joinpath(f"{name}.toml").read_text(encoding="utf-8"), name)


def read(text: str, name: str) -> Certificate:
    """The certificate in a TOML document; ``name`` stands in messages and must be the document's own.

    Raises:
        CertificateError: not TOML, or a field is missing, unknown or of the wrong type.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise CertificateError(f"certificate {name!r} is not TOML: {error}") from error
    certificate: Certificate = _build(Certificate, document, f"certificate {name!r}")
    if certificate.name != name:
        raise CertificateError(f"certificate {name!r} calls itself {certificate.name!r}")
    return certificate


def _build(kind: type, table: Mapping[str, Any], where: str) -> Any:
    known = {f.name: f for f in fields(kind)}
    unknown = sorted(set(table) - set(known))
    if unknown:
        raise CertificateError(f"{where} has the unknown field {unknown[0]!r}; known are {', '.join(known)}")
    missing = [
        name for name, f in known.items() if f.default is MISSING and f.default_factory is MISSING and name not in table
    ]
    if missing:
        raise CertificateError(f"{where} lacks the field {missing[0]!r}")
    return kind(**{key: _value(str(known[key].type), key, value, where) for key, value in table.items()})


def _value(annotation: str, key: str, value: Any, where: str) -> Any:
    if key in _TABLES:
        if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
            raise CertificateError(f"{where}: {key} must be an array of tables [[{key}]], got {value!r}")
        return tuple(_build(_TABLES[key], row, f"{where}, {key} {i}") for i, row in enumerate(value, start=1))
    if annotation.startswith("tuple"):
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise CertificateError(f"{where}: {key} must be a list of strings, got {value!r}")
        return tuple(value)
    if annotation.startswith("Mapping"):
        if not isinstance(value, dict) or not all(isinstance(item, str) for item in value.values()):
            raise CertificateError(f"{where}: {key} must be a table of strings, got {value!r}")
        return value
    expected = {"str": str, "bool": bool}[annotation]
    if not isinstance(value, expected):
        raise CertificateError(f"{where}: {key} must be a {expected.__name__}, got {value!r}")
    return value
