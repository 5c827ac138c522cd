"""The eigenvalues of AᵀA that the constants of a loss are made of.

symbol     | field               | meaning
-----------|---------------------|--------------------------------------------------------------------------
λ_max      | `largest`           | exact arithmetic: λ_max where it is rational, else a rational upper bound
λ_min      | `smallest`          | 0 when A has not full column rank
λ⁺_min     | `smallest_nonzero`  | exact arithmetic: as λ_max, else a rational lower bound; None for A = 0
rank A     | `rank`              | floating point: singular values above σ_max·max(rows, columns)·ε count

In exact arithmetic nothing rests on a rounded number: an eigenvalue computed in floating point is only a guess, and the
bound made from it is verified over the integers. With G = AᵀA: c ≥ λ_max iff cI − G ⪰ 0, and 0 < c ≤ λ⁺_min iff
G² − cG ⪰ 0. A rational eigenvalue of an integer matrix is an integer, so that rounding finds it wherever there is one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from itertools import chain, count
from math import ceil, floor, frexp
from typing import NamedTuple

import numpy as np

from ..arrays import Array, Real, is_exact, to_float
from .rational import common_denominator, identity, semidefinite_rank

_BITS = 30  # a bound that is not the eigenvalue itself differs from it by a relative 2⁻²⁸ at most, if the guess is good


class Spectrum(NamedTuple):
    """λ_max, λ_min and λ⁺_min of AᵀA, and the rank of A."""

    largest: Real
    smallest: Real
    smallest_nonzero: Real | None
    rank: int


def gram_spectrum(matrix: Array) -> Spectrum:
    """The spectrum of AᵀA for A of shape (rows, columns)."""
    return _exact_spectrum(matrix) if is_exact(matrix) else _float_spectrum(matrix)


def _float_spectrum(matrix: Array) -> Spectrum:
    singular = [float(sigma) for sigma in np.linalg.svd(matrix, compute_uv=False)]
    threshold = singular[0] * max(matrix.shape) * np.finfo(np.float64).eps
    nonzero = [sigma for sigma in singular if sigma > threshold]
    if not nonzero:
        return Spectrum(0.0, 0.0, None, 0)
    least = nonzero[-1] * nonzero[-1]
    return Spectrum(singular[0] * singular[0], least if len(nonzero) == matrix.shape[1] else 0.0, least, len(nonzero))


def _exact_spectrum(matrix: Array) -> Spectrum:
    wide = matrix.shape[0] < matrix.shape[1]
    G = matrix @ matrix.T if wide else matrix.T @ matrix
    rank = semidefinite_rank(G)
    if not rank:
        return Spectrum(Fraction(0), Fraction(0), None, 0)
    unit = identity(len(G))
    guesses = np.linalg.eigvalsh(to_float(G))
    square = G @ G

    def is_upper(c: Fraction) -> bool:
        return semidefinite_rank(c * unit - G) is not None

    def is_lower(c: Fraction) -> bool:
        return c > 0 and semidefinite_rank(square - c * G) is not None

    largest = _eigenvalue(G, float(guesses[-1]), is_upper) or _first(_upwards(float(guesses[-1])), is_upper)
    least_guess = max(float(guesses[-rank]), float(guesses[-1]) * 2.0**-60)
    least = _eigenvalue(G, least_guess, is_lower) or _first(_downwards(least_guess), is_lower)
    return Spectrum(largest, least if rank == matrix.shape[1] else Fraction(0), least, rank)


def _eigenvalue(G: Array, guess: float, is_bound: Callable[[Fraction], bool]) -> Fraction | None:
    """The eigenvalue of G next to the guess if it is rational and a bound, else None."""
    denominator = common_denominator(G)
    candidates = {sum(np.diag(G), start=Fraction(0)), *np.diag(G)}
    if guess * denominator < 2.0**50:
        candidates.add(Fraction(round(guess * denominator), denominator))
    near = [c for c in candidates if abs(float(c) - guess) <= 1e-9 * guess]
    # c bounds the spectrum from one side; it belongs to the spectrum iff G − cI is singular.
    return next((c for c in near if _is_singular(G - c * identity(len(G))) and is_bound(c)), None)


def _is_singular(matrix: Array) -> bool:
    # MᵀM is semidefinite for every M, and has the rank of M.
    return semidefinite_rank(matrix.T @ matrix) != len(matrix)


def _first(candidates: Iterator[Fraction], is_bound: Callable[[Fraction], bool]) -> Fraction:
    return next(c for c in candidates if is_bound(c))


def _upwards(guess: float) -> Iterator[Fraction]:
    """Rationals of few digits above the guess, without end, the nearest first."""
    unit = Fraction(2) ** (frexp(guess)[1] - _BITS)
    return ((ceil(Fraction(guess) / unit) + 2**k) * unit for k in count())


def _downwards(guess: float) -> Iterator[Fraction]:
    """Positive rationals of few digits below the guess, without end, the nearest first."""
    unit = Fraction(2) ** (frexp(guess)[1] - _BITS)
    near = ((floor(Fraction(guess) / unit) - 2**k) * unit for k in range(_BITS - 2))
    return chain(near, (unit * Fraction(2) ** (_BITS - 2 - k) for k in count()))
