"""What is known of J and L: the inequalities that a certificate may use, as forms that are ≥ 0.

This list is what a reader has to trust. Each function takes points of the iteration and returns right minus left side.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from .gram import Form, inner, square
from .iteration import Iteration
from .record import CertificateError, Use

Inequality = Callable[..., Form]


def regularizer_convex(at: Iteration, a: str, b: str) -> Form:
    """J(θ_b) ≥ J(θ_a) + ⟨p_a, θ_b − θ_a⟩, with p_a ∈ ∂J(θ_a) (prop. 3.2 says so after a coarse step, too)."""
    return at.J(b) - at.J(a) - inner(at.p(a), at.theta(b) - at.theta(a))


def loss_smooth(at: Iteration, a: str, b: str) -> Form:
    """L(θ_b) ≤ L(θ_a) + ⟨∇L(θ_a), θ_b − θ_a⟩ + (ℓ/2)‖θ_b − θ_a‖²."""
    change = at.theta(b) - at.theta(a)
    return at.L(a) + inner(at.g(a), change) + square(change).scaled(at.parameter("ell") / 2) - at.L(b)


def loss_relatively_smooth(at: Iteration, a: str, b: str) -> Form:
    """L(θ_b) ≤ L(θ_a) + ⟨∇L(θ_a), θ_b − θ_a⟩ + 𝖫 D^{v_a}_{J_δ}(θ_b, θ_a) (lunk2026, assumption 1)."""
    model = at.L(a) + inner(at.g(a), at.theta(b) - at.theta(a))
    return model + at.bregman(b, a).scaled(at.parameter("L_rel")) - at.L(b)


def loss_convex(at: Iteration, a: str, b: str) -> Form:
    """L(θ_b) ≥ L(θ_a) + ⟨∇L(θ_a), θ_b − θ_a⟩."""
    return at.L(b) - at.L(a) - inner(at.g(a), at.theta(b) - at.theta(a))


def loss_strongly_convex(at: Iteration, a: str, b: str) -> Form:
    """L(θ_b) ≥ L(θ_a) + ⟨∇L(θ_a), θ_b − θ_a⟩ + (μ/2)‖θ_b − θ_a‖² (bungert2021, assumption 2)."""
    return loss_convex(at, a, b) - square(at.theta(b) - at.theta(a)).scaled(at.parameter("mu") / 2)


def loss_smooth_convex(at: Iteration, a: str, b: str) -> Form:
    """L(θ_b) ≥ L(θ_a) + ⟨∇L(θ_a), θ_b − θ_a⟩ + ‖∇L(θ_b) − ∇L(θ_a)‖²/2ℓ (Nesterov 2004, theorem 2.1.5)."""
    return loss_convex(at, a, b) - square(at.g(b) - at.g(a)).scaled(1 / (2 * at.parameter("ell")))


def loss_relatively_strongly_convex(at: Iteration, a: str, b: str) -> Form:
    """L(θ_b) ≥ L(θ_a) + ⟨∇L(θ_a), θ_b − θ_a⟩ + ν D^{v_a}_{J_δ}(θ_b, θ_a) (bungert2021, assumption 3)."""
    return loss_convex(at, a, b) - at.bregman(b, a).scaled(at.parameter("nu"))


def infimum(at: Iteration, a: str, b: str) -> Form:
    """L(θ_b) ≥ L(θ_a) for the minimiser a."""
    if a != at.certificate.minimiser:
        raise CertificateError(f"'L ≥ L*' holds at the minimiser, and {a!r} is not it")
    return at.L(b) - at.L(a)


def long_steps_gain(at: Iteration, start: str, after: str, unit: str) -> Form:
    """D^{v(τ)}_{J_δ}(θ, θ(τ)) ≥ ρ D^{v(1)}_{J_δ}(θ, θ(1)) (lunk2026, (11)); ``unit`` is the point θ(1)."""
    _check_steps(at, start, after, unit)
    return at.bregman(start, after) - at.bregman(start, unit).scaled(at.parameter("rho"))


def unit_steps_gain(at: Iteration, start: str, unit: str, best: str) -> Form:
    """D^{v(1)}_{J_δ}(θ, θ(1)) ≥ η (L(θ) − L*) (lunk2026, (12)); ``best`` is a point with the loss L*."""
    _check_steps(at, start, None, unit)
    return at.bregman(start, unit) - (at.L(start) - at.L(best)).scaled(at.parameter("eta"))


def _check_steps(at: Iteration, start: str, after: str | None, unit: str) -> None:
    for point, size in ((after, at.parameter("tau")), (unit, at.one)):
        if point is not None and not at.is_step(start, point, size):
            raise CertificateError(f"assumption 2 speaks of one step from {start!r}, and {point!r} is not that step")


INEQUALITIES: Mapping[str, Inequality] = {
    "J is convex": regularizer_convex,
    "L is smooth": loss_smooth,
    "L is relatively smooth": loss_relatively_smooth,
    "L is convex": loss_convex,
    "L is strongly convex": loss_strongly_convex,
    "L is smooth and convex": loss_smooth_convex,
    "L is relatively strongly convex": loss_relatively_strongly_convex,
    "L ≥ L*": infimum,
    "assumption 2, (11)": long_steps_gain,
    "assumption 2, (12)": unit_steps_gain,
}

# J is convex in each class.
CLASSES: Mapping[str, frozenset[str]] = {
    "smooth": frozenset({"L is smooth"}),
    "smooth, convex": frozenset({"L is smooth", "L is convex", "L is smooth and convex", "L ≥ L*"}),
    "smooth, strongly convex": frozenset(
        {"L is smooth", "L is convex", "L is strongly convex", "L is smooth and convex", "L ≥ L*"}
    ),
    "relatively smooth": frozenset({"L is relatively smooth", "L ≥ L*"}),
    "relatively smooth, assumption 2": frozenset(
        {"L is relatively smooth", "assumption 2, (11)", "assumption 2, (12)", "L ≥ L*"}
    ),
    "relatively smooth, convex": frozenset({"L is relatively smooth", "L is convex", "L ≥ L*"}),
    "relatively smooth, relatively strongly convex": frozenset(
        {"L is relatively smooth", "L is convex", "L is relatively strongly convex", "L ≥ L*"}
    ),
}


def inequality(at: Iteration, use: Use) -> Form:
    """The form of an inequality that a certificate uses; it is ≥ 0 on the class of the certificate's loss.

    Raises:
        CertificateError: the inequality does not belong to the class, or cannot be stated at these points.
    """
    loss = at.certificate.loss
    if loss not in CLASSES:
        raise CertificateError(f"the class of the loss must be one of {', '.join(map(repr, CLASSES))}, got {loss!r}")
    allowed = {"J is convex", *CLASSES[loss]}
    if use.inequality not in allowed:
        raise CertificateError(
            f"the inequality must be one of {', '.join(map(repr, sorted(allowed)))} for a loss that is {loss!r}, "
            f"got {use.inequality!r}"
        )
    points = 3 if use.inequality.startswith("assumption 2") else 2
    if len(use.at) != points:
        raise CertificateError(f"{use.inequality!r} is about {points} points, got {', '.join(use.at)}")
    return INEQUALITIES[use.inequality](at, *use.at)
