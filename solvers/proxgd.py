"""ProxGD, proximal gradient descent on L + J (bungert2021 (1.5)).

    θ⁺ = prox_{τJ}(θ − τ g)

symbol  | argument     | shape
--------|--------------|-------------------------------------------------------
θ       | ``theta``    | (..., d)
g       | ``gradient`` | (..., d)
τ > 0   | ``tau``      | a number or an array of batch shape
p⁺ = (θ − τg − θ⁺)/τ ∈ ∂J(θ⁺) | `run` | the subgradient that the prox leaves behind

It minimises L + J, while LinBreg minimises L and uses J to choose the path. A fixed point has −∇L(θ) ∈ ∂J(θ). A `Trace`
holds v = p + θ/δ, so that v ∈ ∂J_δ(θ) there as everywhere.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from ..theory.arrays import Array, scalar
from ..theory.elastic_net import ElasticNet, PrimalDual
from ..theory.problems import Problem
from ..theory.regularizers import Regularizer
from . import arguments
from .oracles import EXACT, Oracle
from .step_sizes import StepSizes
from .trace import Trace, follow


def step(regularizer: Regularizer, theta: Array, gradient: Array, tau: Any) -> Array:
    """θ⁺, shape ``(..., d) → (..., d)``. Raises where τ ≤ 0 or is not finite, and where g is not finite or of a wrong length."""
    return prox(regularizer, theta - arguments.step_size(tau, theta) * arguments.gradient(gradient, theta), tau)


def run(
    problem: Problem,
    start: PrimalDual,
    step_sizes: StepSizes,
    iterations: int,
    oracle: Oracle = EXACT,
    rng: np.random.Generator | None = None,
) -> Trace:
    """``iterations`` steps from the θ of ``start``."""
    advance = partial(_step_with_subgradient, problem.elastic_net)
    return follow(problem.loss, start, advance, step_sizes, iterations, oracle, rng)


def prox(regularizer: Regularizer, z: Array, steps: Any) -> Array:
    """prox_{tJ}(z) where t may differ between instances: a number or an array of batch shape."""
    if np.ndim(steps) == 0:
        return regularizer.prox(z, steps.item() if isinstance(steps, np.ndarray) else steps)
    rows = z.reshape(-1, z.shape[-1])
    each = np.broadcast_to(steps, z.shape[:-1]).reshape(-1)
    result = np.empty_like(rows)
    for i, t in enumerate(each.tolist()):
        result[i] = regularizer.prox(rows[i : i + 1], t)[0]
    return result.reshape(z.shape)


def _step_with_subgradient(net: ElasticNet, pair: PrimalDual, gradient: Array, tau: Any) -> PrimalDual:
    theta = step(net.regularizer, pair.theta, gradient, tau)
    p = (pair.theta - theta) / arguments.step_size(tau, theta) - gradient
    return PrimalDual(theta, p + theta / scalar(net.delta, theta))
