"""Instances in words, as JSON, and as Python that rebuilds them exactly."""

from __future__ import annotations

import dataclasses
import re
from fractions import Fraction
from typing import Any

import numpy as np

from ..theory.elastic_net import PrimalDual
from ..theory.groups import Groups, Restriction
from ..theory.losses import Quadratic
from ..theory.problems import Problem
from ..theory.regularizers import L1, Box, Zero
from ..theory.relative_problem import RelativeProblem
from .families.level_problems import MatrixTransfer, RidgeSum
from .families.relative_losses import ReferencePlusLinear

_GREEK = {
    "theta": "θ",
    "theta_tilde": "θ̃",
    "tau": "τ",
    "delta": "δ",
    "lam": "λ",
    "beta": "β",
    "gamma": "γ",
    "xi": "ξ",
    "star": "θ*",
    "hat": "θ̂′",
    "other": "w",
    "coarse_tau": "τ̂",
    "nu": "ν",
    "eta": "η",
    "kappa": "κ",
}


def number(value: Any) -> str:
    """5/2, −3, 0.12."""
    if isinstance(value, Fraction):
        return str(value).replace("-", "−")
    return f"{float(value):.6g}".replace("-", "−")


def words(instance: dict[str, Any]) -> str:
    """The whole instance in one line: d = 1, L(θ) = ½θ², J = 0, δ = 1, θ = 1, τ = 5/2."""
    parts = []
    for name, value in instance.items():
        label = _GREEK.get(name, name)
        if isinstance(value, Problem):
            parts += [
                f"d = {value.dimension}",
                f"L = {_loss(value)}",
                f"J = {_regularizer(value)}",
                f"δ = {number(value.delta)}",
            ]
        elif isinstance(value, RelativeProblem):
            parts += _relative(value)
        elif isinstance(value, Restriction):
            parts.append(f"R selects the coordinates {{{', '.join(map(str, value.indices))}}}")
        elif isinstance(value, PrimalDual):
            hat = "\u0302" if name == "coarse_pair" else ""
            parts += [f"θ{hat} = {_array(value.theta[0])}", f"v{hat} = {_array(value.v[0])}"]
        elif isinstance(value, np.ndarray):
            parts.append(f"{label} = {_array(value[0])}")
        else:
            parts.append(f"{label} = {value}")
    return ", ".join(parts)


def _relative(problem: RelativeProblem, level: str = "") -> list[str]:
    """f, φ, L and, where they are known, μ, R, P and the coarse problem."""
    parts = [
        f"d{level} = {problem.dimension}",
        f"f{level} = {_relative_loss(problem.loss)}",
        f"φ{level} = {code(problem.reference).removesuffix('()')}",
        f"L{level} = {number(problem.smoothness)}",
    ]
    if problem.relative_convexity:
        parts.append(f"μ{level} = {number(problem.relative_convexity)}")
    if problem.below is not None:
        below, transfer = problem.below
        parts += [_told(transfer), *_relative(below, f"{level}_c")]
    return parts


def _told(value: Any) -> str:
    """In its own words where its class has some, else as code."""
    if isinstance(value, RidgeSum | MatrixTransfer):
        return repr(value).replace("-", "−")
    return re.sub(r"F\(([^,()]+), ([^,()]+)\)", r"\1/\2", code(value)).replace("exact", "")


def _relative_loss(loss: Any) -> str:
    if not isinstance(loss, ReferencePlusLinear):
        return _told(loss)
    weight = "φ" if loss.weight == 1 else f"{number(loss.weight)}φ" if loss.weight else ""
    slope = np.ravel(loss.slope)
    factor = {"1": "", "−1": "−"}.get(number(slope[0]), f"{number(slope[0])}·") if len(slope) == 1 else ""
    linear = f"{factor}x" if len(slope) == 1 else f"⟨{_array(slope)}, x⟩"
    rest = "" if loss.rest is None else _relative_loss(loss.rest)
    return " + ".join(part for part in (weight, linear, rest) if part).replace("+ −", "− ")


def _array(values: Any) -> str:
    array = np.asarray(values)
    if array.ndim == 0:
        return number(array.item())
    if array.size == 1:
        return number(array.reshape(-1)[0])
    return "(" + ", ".join(_array(entry) for entry in array) + ")"


def _loss(problem: Problem) -> str:
    loss = problem.loss
    if isinstance(loss, Quadratic):
        terms = []
        for i, (curvature, center) in enumerate(zip(np.ravel(loss.curvatures), np.ravel(loss.center), strict=True)):
            if curvature == 0:
                continue
            symbol = "θ" if problem.dimension == 1 else f"θ{'₀₁₂₃₄₅₆₇₈₉'[i]}" if i < 10 else f"θ_{i}"
            moved = symbol if center == 0 else f"({symbol} {'−' if center > 0 else '+'} {number(abs(center))})"
            terms.append(f"{'½' if curvature == 1 else number(curvature / 2)}{'·' if curvature != 1 else ''}{moved}²")
        return " + ".join(terms) or "0"
    return _told(loss)


def _regularizer(problem: Problem) -> str:
    regularizer = problem.regularizer
    if isinstance(regularizer, Zero):
        return "0"
    if isinstance(regularizer, L1):
        return f"{'' if regularizer.lam == 1 else number(regularizer.lam)}‖θ‖₁"
    if (
        isinstance(regularizer, Box)
        and not isinstance(regularizer.lower, tuple)
        and not isinstance(regularizer.upper, tuple)
    ):
        upper = "∞)" if regularizer.upper == float("inf") else f"{number(regularizer.upper)}]"
        return f"χ of [{number(regularizer.lower)}, {upper}"
    return code(regularizer)


def data(value: Any) -> Any:
    """JSON: numbers as strings that are exact, arrays as lists, objects as their Python code."""
    if isinstance(value, PrimalDual):
        return {"theta": data(value.theta), "v": data(value.v)}
    if isinstance(value, np.ndarray):
        return [data(entry) for entry in value] if value.ndim else data(value.item())
    if isinstance(value, Fraction):
        return str(value)
    if isinstance(value, int | float | np.floating):
        return repr(float(value))
    return code(value)


def code(value: Any) -> str:
    """A Python expression that rebuilds the value, given ``from fractions import Fraction as F`` and mlbreg's names."""
    if isinstance(value, Fraction):
        return f"F({value.numerator}, {value.denominator})" if value.denominator != 1 else str(value.numerator)
    if isinstance(value, np.ndarray):
        kind = "exact" if value.dtype == object else "np.array"
        return f"{kind}({_nested(value.tolist())})"
    if isinstance(value, Groups):
        return f"Groups.of({[list(group) for group in value.members]}, {value.dimension})"
    if isinstance(value, PrimalDual):
        return f"PrimalDual({code(value.theta)}, {code(value.v)})"
    if isinstance(value, tuple | list):
        return "[" + ", ".join(map(code, value)) + "]"
    if isinstance(value, float):
        return "math.inf" if value == float("inf") else "-math.inf" if value == -float("inf") else repr(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        told = [
            (f.name, getattr(value, f.name)) for f in dataclasses.fields(value) if f.init and not _is_default(f, value)
        ]
        return f"{type(value).__name__}({', '.join(f'{name}={code(entry)}' for name, entry in told)})"
    return repr(value)


def _is_default(field: dataclasses.Field[Any], value: Any) -> bool:
    """A field that has its default need not be said."""
    default = field.default
    return isinstance(default, bool | int | float | str | type(None)) and getattr(value, field.name) is default


def _nested(values: Any) -> str:
    if isinstance(values, list):
        return "[" + ", ".join(map(_nested, values)) + "]"
    return code(values)
