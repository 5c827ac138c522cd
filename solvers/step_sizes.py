"""Step sizes: plain functions k → τᵏ for k = 0, 1, 2, …

function    | τᵏ                                              | source
------------|-------------------------------------------------|---------------------------------------
`constant`  | τ                                               | lunk2026 theorem 4.1, bungert2021 theorem 3.2
`harmonic`  | τ/(k + 1)                                       | bungert2021 corollary 3.9 (whose k starts at 1)
`power`     | τ(k + 1)^−α, 0 < α ≤ 1                          | bungert2021 corollary 3.9
`cosine`    | τ_min + ½(τ − τ_min)(1 + cos(πk/K)) for k ≤ K   | lunk2026 section 5 (cosine annealing)
`decay`     | τ·factor^⌊k/period⌋                             | step decay
`listed`    | the k-th entry of a list                        |

τ is a number, or an array of batch shape (...): one step size for each instance. Fractions stay Fractions in `constant`,
`harmonic`, `decay` and `listed`; `power` and `cosine` give floats, which exact solvers take as the rationals that they are.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from ..theory.arrays import check_number
from . import arguments

#: τ as a function of the iteration.
Schedule: TypeAlias = Callable[[int], Any]
#: A schedule, or a number or array that is the same in all iterations.
StepSizes: TypeAlias = Any


def schedule(step_sizes: StepSizes) -> Schedule:
    """The schedule itself, or the constant one for a number or an array."""
    return step_sizes if callable(step_sizes) else constant(step_sizes)


def constant(tau: Any) -> Schedule:
    """τᵏ = τ."""
    _check(tau)
    return lambda k: tau  # noqa: ARG005 - a schedule


def harmonic(tau: Any) -> Schedule:
    """τᵏ = τ/(k + 1)."""
    _check(tau)
    return lambda k: tau / (k + 1)


def power(tau: Any, alpha: float) -> Schedule:
    """τᵏ = τ(k + 1)^−α with 0 < α ≤ 1."""
    _check(tau)
    check_number("alpha", alpha, above=0)
    if alpha > 1:
        raise ValueError(f"alpha must be in (0, 1], so that the step sizes have an infinite sum, got {alpha!r}")
    return lambda k: tau * float(k + 1) ** -float(alpha)


def cosine(tau: Any, iterations: int, lowest: float = 0.0) -> Schedule:
    """From τ at k = 0 along a cosine towards ``lowest`` at k = ``iterations``; τᵏ > 0 for every k < ``iterations``.

    After that τᵏ = ``lowest`` where that is positive, and a `ValueError` otherwise.
    """
    _check(tau)
    arguments.count("iterations", iterations, at_least=1)
    check_number("lowest", lowest, at_least=0)

    def tau_k(k: int) -> Any:
        if k >= iterations:
            if lowest == 0:
                raise ValueError(f"k must be < {iterations}, the length of the cosine schedule, got {k}")
            return lowest + 0 * tau
        return lowest + (tau - lowest) * (0.5 * (1 + math.cos(math.pi * k / iterations)))

    return tau_k


def decay(tau: Any, factor: Any, period: int) -> Schedule:
    """τᵏ = τ·factor^⌊k/period⌋ with 0 < factor < 1."""
    _check(tau)
    arguments.share("factor", factor)
    arguments.count("period", period, at_least=1)
    return lambda k: tau * factor ** (k // period)


def listed(taus: Sequence[Any]) -> Schedule:
    """τᵏ = taus[k]."""
    for tau in taus:
        _check(tau)

    def tau_k(k: int) -> Any:
        if not 0 <= k < len(taus):
            raise ValueError(f"k must be in 0 … {len(taus) - 1}, the list of step sizes, got {k}")
        return taus[k]

    return tau_k


def _check(tau: Any) -> None:
    arguments.step_size(tau, tau)
