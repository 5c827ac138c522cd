"""Vectors and forms over a Gram matrix, with exact rational functions of the parameters as coefficients.

    Vector   a combination of basis vectors (θ₀, v₀, g₀, θ₁, …), which nobody needs to know
    Form     a combination of values of functions (L₀, J₁, …) and of inner products ⟨a, b⟩ of basis vectors

Both are linear in what they combine, so two of them are equal for all vectors and values exactly when their coefficients
are. The coefficients are elements of ℚ(parameters) in canonical form: equality is decided, without tolerance.

A basis vector "A:θ₁" lives in the block A of coordinates; vectors of different blocks are orthogonal.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

# An element of the field ℚ(parameters); sympy has no types.
Number = Any
# A value of a function by its name, or an inner product by the sorted names of its two vectors.
Symbol = str | tuple[str, str]
Key = TypeVar("Key", str, Symbol)


@dataclass(frozen=True)
class _Combination(Generic[Key]):
    """Σ coefficient·key; keys with coefficient 0 are left out."""

    terms: Mapping[Key, Number]

    def _plus(self, other: _Combination[Key], factor: int) -> dict[Key, Number]:
        terms = dict(self.terms)
        for key, coefficient in other.terms.items():
            total = terms.get(key, 0) + factor * coefficient
            if total == 0:
                terms.pop(key, None)
            else:
                terms[key] = total
        return terms

    def _times(self, number: Number) -> dict[Key, Number]:
        return {} if number == 0 else {key: number * coefficient for key, coefficient in self.terms.items()}


@dataclass(frozen=True)
class Vector(_Combination[str]):
    """A combination of basis vectors."""

    def __add__(self, other: Vector) -> Vector:
        return Vector(self._plus(other, 1))

    def __sub__(self, other: Vector) -> Vector:
        return Vector(self._plus(other, -1))

    def scaled(self, number: Number) -> Vector:
        """number·self."""
        return Vector(self._times(number))

    def in_block(self, block: str) -> Vector:
        """The part in one block of coordinates."""
        return Vector({name: c for name, c in self.terms.items() if block_of(name) == block})


@dataclass(frozen=True)
class Form(_Combination[Symbol]):
    """A combination of function values and inner products."""

    def __add__(self, other: Form) -> Form:
        return Form(self._plus(other, 1))

    def __sub__(self, other: Form) -> Form:
        return Form(self._plus(other, -1))

    def scaled(self, number: Number) -> Form:
        """number·self."""
        return Form(self._times(number))


def block_of(name: str) -> str:
    """The block of a basis vector: A of "A:θ₁", none ("") of "θ₁"."""
    return name.partition(":")[0] if ":" in name else ""


def inner(first: Vector, second: Vector) -> Form:
    """⟨first, second⟩."""
    terms: dict[Symbol, Number] = {}
    for a, left in first.terms.items():
        for b, right in second.terms.items():
            if block_of(a) == block_of(b):
                key = (a, b) if a <= b else (b, a)
                terms[key] = terms.get(key, 0) + left * right
    return Form({key: coefficient for key, coefficient in terms.items() if coefficient != 0})


def square(vector: Vector) -> Form:
    """‖vector‖²."""
    return inner(vector, vector)
