"""Which theorems cover which experiments: the assumptions of each theorem against a small stand-in for each experiment."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from ...theory.losses import Loss, Quadratic
from ...theory.regularizers import NonNegative, Regularizer
from . import zoo
from .entry import Exploration
from .explore import explore

#: What theorems 3.7 and 3.8 ask for beside the assumptions; it is decided here.
_FINITE = "J(θ*) < ∞"
#: Theorems by name, with the assumptions that they ask for.
THEOREMS: dict[str, tuple[str, ...]] = {
    "lunk2026 lemmas A.1, A.3, remark A.4, descent of A.2": ("lunk2026/1",),
    "lunk2026 lemma A.2, theorem 4.1, corollary 4.2": ("lunk2026/1", "lunk2026/2"),
    "lunk2026 lemmas B.1, B.2": ("bungert2021/1",),
    "bungert2021 theorems 3.2, 3.4, corollary 3.3": ("bungert2021/1",),
    "bungert2021 theorem 3.7": (_FINITE, "bungert2021/1", "bungert2021/2"),
    "bungert2021 theorem 3.8, corollary 3.9, as printed": (_FINITE, "bungert2021/1", "bungert2021/3"),
    "bungert2021 theorem 3.8, corollary 3.9, with assumption 3 at θ*": (
        _FINITE,
        "bungert2021/1",
        "bungert2021/3 at θ*",
    ),
}


@dataclass(frozen=True)
class Experiment:
    """An experiment of a paper or of the report, and the instance that stands for it."""

    name: str
    source: str
    loss: str
    regularizer: str
    stand_in: str


_NETWORK = (
    "a linear network with one hidden unit, ½‖UVᵀ − M‖²: not convex, L(0) > L*, ∇L not Lipschitz, as for deep networks"
)
EXPERIMENTS = (
    Experiment("CIFAR-10, sparse ResNet18 and WideResNet", "lunk2026, section 5", "matrix_factorization", "l1", _NETWORK),
    Experiment(
        "Fashion-MNIST and CIFAR-10, sparse networks", "bungert2021, sections 4.2–4.5", "matrix_factorization", "mixture",
        f"{_NETWORK}; ℓ1 on one layer, none on the other",
    ),
    Experiment(
        "Fashion-MNIST, group-sparse convolutions; autoencoder with sparse rows", "bungert2021, sections 4.4, 4.6",
        "matrix_factorization", "group_l2", _NETWORK,
    ),
    Experiment("(θ + 1)² on [0, ∞)", "bungert2021, example 3.6", "(θ + 1)²", "nonnegative", "the example itself"),
    Experiment("strongly convex quadratic with ℓ1", "this report", "quadratic", "l1", "curvatures 1 and 2, θ* = (1, −1, ½, 0)"),
    Experiment("underdetermined least squares with ℓ1", "this report", "least_squares", "l1", "two equations, four unknowns"),
    Experiment("½‖θ‖² with ℓ1", "this report", "half_square", "l1", "the minimiser is 0"),
    Experiment("strongly convex quadratic, J = 0", "this report", "quadratic", "zero", "gradient descent"),
    Experiment("PL and not convex, J = 0", "this report", "sine_quadratic", "zero", "Σ f(θᵢ − cᵢ), f(x) = x² + 3 sin² x"),
)  # fmt: skip


@cache
def coverage() -> tuple[dict[str, Any], ...]:
    """For each experiment and each theorem whether its assumptions are met, as plain data, and which are not."""
    losses: dict[str, Loss] = {**zoo.losses(), "(θ + 1)²": Quadratic(np.array([2.0]), np.array([-1.0]))}
    regularizers: dict[str, Regularizer] = {**zoo.regularizers(), "nonnegative": NonNegative()}
    found = []
    for experiment in EXPERIMENTS:
        names = (experiment.loss, experiment.regularizer)
        loss, regularizer = losses[names[0]], regularizers[names[1]]
        exploration, star = explore(loss, regularizer, 1, names), loss.minimizer()
        finite = star is not None and bool(regularizer.in_domain(star[None])[0])
        found.append(
            {
                "experiment": experiment.name,
                "source": experiment.source,
                "loss": experiment.loss,
                "regularizer": experiment.regularizer,
                "stand_in": experiment.stand_in,
                "theorems": [_covered(name, needs, exploration, finite) for name, needs in THEOREMS.items()],
            }
        )
    return tuple(found)


def _covered(name: str, needs: tuple[str, ...], exploration: Exploration, finite: bool) -> dict[str, Any]:
    reasons = {need: exploration[need].reason for need in needs if need != _FINITE and not exploration.holds(need)}
    if _FINITE in needs and not finite:
        reasons = {_FINITE: "the minimiser of L is outside dom J"} | reasons
    return {
        "theorem": name,
        "covered": not reasons,
        "missing": list(reasons),
        "why": "; ".join(reasons.values()) or "all its assumptions hold",
    }
