"""One formula, three kinds of arrays.

Every function of `mlbreg.theory` acts along the last axis of its arrays; leading axes are a batch. The arrays are
float NumPy arrays, NumPy arrays of `fractions.Fraction` (``dtype=object``: exact arithmetic) or torch tensors.
This module holds the few operations in which these three differ.
"""

from __future__ import annotations

import math
import numbers
import operator
from collections.abc import Iterable
from fractions import Fraction
from typing import Any, TypeAlias

import numpy as np
from array_api_compat import array_namespace, is_array_api_obj, is_numpy_array

#: A NumPy array, a NumPy object array of `Fraction`, or a torch tensor.
Array: TypeAlias = Any
#: A real number: float, int or Fraction.
Real: TypeAlias = Any

_NUMPY = np.empty(0)
_NUMPY_NAMESPACE = array_namespace(_NUMPY)
_NUMPY_OR_NUMBER = (np.ndarray, np.generic, float, int, Fraction)
_ZERO: Any = Fraction(0)


class IrrationalError(ArithmeticError):
    """An exact evaluation met a root that is not rational; choose another instance or floating point."""


def namespace(*arrays: Array) -> Any:
    """The array-API namespace that the arrays share; plain numbers go with any of them."""
    for x in arrays:
        if not isinstance(x, _NUMPY_OR_NUMBER):
            return array_namespace(*([x for x in arrays if is_array_api_obj(x)] or [_NUMPY]))
    return _NUMPY_NAMESPACE  # by far the most frequent case, and asking array-api-compat is slow


def is_exact(x: Array) -> bool:
    """True for a NumPy object array, which holds Fractions, and for a Fraction itself."""
    return isinstance(x, Fraction) or (bool(is_numpy_array(x)) and x.dtype == object)


def exact(values: Any) -> Array:
    """An object array of Fractions with the values given; a float is taken as the rational number that it is."""
    source = np.asarray(values, dtype=object)
    result = np.empty(source.shape, dtype=object)
    for position in np.ndindex(source.shape):
        entry: Any = source[position]
        result[position] = entry if isinstance(entry, float) and not math.isfinite(entry) else Fraction(entry)
    return result


def to_float(values: Any) -> Array:
    """A float64 NumPy array with the values given."""
    return np.asarray(values, dtype=np.float64)


def scalar(value: Real, like: Array) -> Real:
    """``value`` as a Python number of the arithmetic of ``like``: Fraction for exact arrays, float otherwise."""
    if is_exact(like):
        return value if isinstance(value, float) and not math.isfinite(value) else Fraction(value)
    return float(value)


def constant(values: Any, like: Array) -> Array:
    """``values`` (an array of numbers) as an array of the kind, dtype and device of ``like``."""
    if is_exact(like):
        return exact(values)
    if is_numpy_array(like):
        return np.asarray(to_float(values), dtype=like.dtype)
    return namespace(like).asarray(to_float(values), dtype=like.dtype, device=like.device)


def column(tau: Any) -> Any:
    """A step size of batch shape, ready to multiply arrays with one more axis; a plain number stays as it is."""
    return tau[..., None] if is_array_api_obj(tau) and tau.ndim > 0 else tau


def _exact_root(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return value
    value = Fraction(value)
    numerator, denominator = math.isqrt(value.numerator), math.isqrt(value.denominator)
    if numerator * numerator != value.numerator or denominator * denominator != value.denominator:
        raise IrrationalError(f"the square root of {value} is irrational, so exact arithmetic cannot go on")
    return Fraction(numerator, denominator)


def sqrt(x: Array) -> Array:
    """Square root; on exact arrays it is exact or raises `IrrationalError`."""
    if not is_exact(x):
        return namespace(x).sqrt(x)
    result = np.empty(x.shape, dtype=object)
    for position in np.ndindex(x.shape):
        result[position] = _exact_root(x[position])
    return result


def total(x: Array, axis: int = -1) -> Array:
    """Sum over ``axis`` that stays an array of the same kind (an exact sum over all axes stays an object array)."""
    if is_exact(x):
        return np.asarray(np.add.reduce(x, axis=axis, initial=_ZERO), dtype=object)
    return namespace(x).sum(x, axis=axis)


def inner(x: Array, y: Array) -> Array:
    """⟨x, y⟩ along the last axis, shape ``(..., d) → (...)``."""
    return total(x * y)


def square_norm(x: Array) -> Array:
    """‖x‖² along the last axis."""
    return total(x * x)


def norm(x: Array) -> Array:
    """‖x‖ along the last axis, free of overflow and underflow; exact or `IrrationalError` on Fractions."""
    if is_exact(x):
        return sqrt(square_norm(x))
    xp = namespace(x)
    if x.shape[-1] == 0:
        return total(x)
    largest = xp.max(xp.abs(x), axis=-1, keepdims=True)
    unit = xp.where((largest > 0) & xp.isfinite(largest), largest, xp.ones_like(largest))
    return xp.sqrt(total((x / unit) ** 2)) * unit[..., 0]


def largest(x: Array) -> Array:
    """max |xᵢ| along the last axis; 0 for an empty axis, NaN where an entry is NaN."""
    size = abs(x)
    if x.shape[-1] == 0:
        return total(size)
    if is_exact(x):
        # Among objects NumPy's max keeps or loses a NaN by its place.
        spoiled = np.asarray(size != size, dtype=bool)
        found = np.asarray(np.max(np.where(spoiled, 0, size), axis=-1), dtype=object)
        return np.where(spoiled.any(axis=-1), math.nan, found)
    return namespace(x).max(size, axis=-1)


def positive_part(x: Array) -> Array:
    """max(x, 0), elementwise."""
    return namespace(x).where(x > 0, x, 0 * x)


def check_number(name: str, value: Real, *, above: float | None = None, at_least: float | None = None) -> Real:
    """Return ``value`` when it is a finite real number within the bounds, else raise an error that says what is wrong."""
    allowed = "a finite number"
    if above is not None:
        allowed += f" > {above}"
    if at_least is not None:
        allowed += f" ≥ {at_least}"
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise TypeError(f"{name} must be {allowed}, got {value!r}")
    number: Any = value
    finite = isinstance(value, Fraction) or math.isfinite(value)
    if not finite or (above is not None and not number > above) or (at_least is not None and not number >= at_least):
        raise ValueError(f"{name} must be {allowed}, got {value!r}")
    return value


def check_finite(name: str, x: Array) -> Array:
    """Return ``x`` when all its entries are finite, else raise a `ValueError` that names the first bad entry."""
    if is_exact(x):
        bad = [position for position in np.ndindex(x.shape) if isinstance(x[position], float)]
        bad = [position for position in bad if not math.isfinite(x[position])]
    else:
        finite = namespace(x).isfinite(x)
        if bool(namespace(x).all(finite)):
            return x
        where = namespace(x).nonzero(~finite) if x.ndim else ()
        bad = list(zip(*(int_list(axis) for axis in where), strict=True)) or [()]
    if bad:
        raise ValueError(f"{name} must be finite, got {x[bad[0]]} at index {tuple(bad[0])}")
    return x


def check_vector(name: str, x: Array, dimension: int | None) -> Array:
    """Return ``x`` when its last axis has length ``dimension``, else raise a `ValueError` that gives both shapes."""
    shape = tuple(x.shape)
    if not shape or (dimension is not None and shape[-1] != dimension):
        wanted = "(..., d)" if dimension is None else f"(..., {dimension})"
        raise ValueError(f"{name} must have shape {wanted}, got {shape}")
    return x


def int_list(indices: Iterable[Any]) -> list[int]:
    """Plain Python integers, for index maps and messages; a `TypeError` for a number that is not an integer."""
    return [operator.index(index) for index in indices]
