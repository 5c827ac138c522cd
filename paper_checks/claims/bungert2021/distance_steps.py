"""Steps that the proofs of bungert2021, section 3.2, and of its repairs share."""

from __future__ import annotations

from typing import Any

from ...proof import Step, symbols


def mirror_step() -> Step:
    """D^{v⁺}(θ, θ⁺) ≤ δτ²‖g‖²/2."""
    tau, delta = symbols("tau", "delta", positive=True)
    backward, forward, g_d, g_g, d_d = symbols("D^{v_+}(t,t_+)", "D^v(t_+,t)", "<g,d>", "|g|^2", "|d|^2")
    bound = delta * tau**2 * g_g / 2
    return Step(
        "with d = θ⁺ − θ, D^{v⁺}(θ, θ⁺) + D^v(θ⁺, θ) = ⟨v⁺ − v, d⟩ = −τ⟨g, d⟩, so δτ²‖g‖²/2 − D^{v⁺}(θ, θ⁺) = "
        "(D^v(θ⁺, θ) − ‖d‖²/(2δ)) + ‖d + δτg‖²/(2δ), and J_δ is 1/δ-strongly convex",
        (bound - backward).subs(backward, -tau * g_d - forward)
        - ((forward - d_d / (2 * delta)) + (d_d + 2 * delta * tau * g_d + delta**2 * tau**2 * g_g) / (2 * delta)),
    )


def variance_step() -> Step:
    """E‖g‖² = ‖∇L(θ)‖² + σ²."""
    g_g, n_n, n_x, x_x = symbols("E|g|^2", "|grad|^2", "E<grad,xi>", "E|xi|^2")
    return Step("E‖g‖² = ‖∇L(θ)‖² + σ², because E ξ = 0", (n_n + 2 * n_x + x_x - g_g).subs({g_g: n_n + x_x, n_x: 0}))


def coercive_step() -> Step:
    """τ⟨∇L(θ), θ − θ*⟩ − δτ²‖∇L(θ)‖²/2 ≥ τ(1 − ℓδτ/2)⟨∇L(θ), θ − θ*⟩ for a convex L."""
    tau, delta, ell = symbols("tau", "delta", "ell", positive=True)
    n_x, n_n = symbols("<grad,t-t^*>", "|grad|^2")
    return Step(
        "τ⟨∇L(θ), θ − θ*⟩ − δτ²‖∇L(θ)‖²/2 = τ(1 − ℓδτ/2)⟨∇L(θ), θ − θ*⟩ + (ℓδτ²/2)(⟨∇L(θ), θ − θ*⟩ − ‖∇L(θ)‖²/ℓ), and ∇L is "
        "co-coercive (L convex, ∇L ℓ-Lipschitz, ∇L(θ*) = 0)",
        (tau * n_x - delta * tau**2 * n_n / 2)
        - (tau * (1 - ell * delta * tau / 2) * n_x + ell * delta * tau**2 / 2 * (n_x - n_n / ell)),
    )


def bregman_convexity_step() -> Step:
    """τ⟨∇L(θ), θ − θ*⟩ − δτ²‖∇L(θ)‖²/2 ≥ τνd for τ ≤ 1/(ℓδ)."""
    tau, delta, ell, nu = symbols("tau", "delta", "ell", "nu", positive=True)
    L0, L_star, n_x, n_n, d = symbols("L(t)", "L(t^*)", "<grad,t-t^*>", "|grad|^2", "D^v(t^*,t)")
    assumption = L_star - L0 + n_x - nu * d
    descent = L0 - L_star - n_n / (2 * ell)
    return Step(
        "τ⟨∇L(θ), θ − θ*⟩ − δτ²‖∇L(θ)‖²/2 − τνd = τ·(margin of (3.5) at θ*) + τ(L(θ) − L(θ*) − ‖∇L(θ)‖²/(2ℓ)) "
        "+ (τ/2ℓ)(1 − ℓδτ)‖∇L(θ)‖², and L(θ*) ≤ L(θ − ∇L(θ)/ℓ) ≤ L(θ) − ‖∇L(θ)‖²/(2ℓ)",
        (tau * n_x - delta * tau**2 * n_n / 2 - tau * nu * d)
        - (tau * assumption + tau * descent + tau / (2 * ell) * (1 - ell * delta * tau) * n_n),
    )


def contraction_steps() -> tuple[Step, ...]:
    """E d⁺ ≤ (1 − τν)d + δτ²σ²/2 for τ ≤ 1/(ℓδ)."""
    return (mirror_step(), variance_step(), bregman_convexity_step())


def half_square_step() -> Step:
    """The recursion of E d for L = ½θ², J = 0, δ = 1 and g = θ ± 1."""
    theta, tau = symbols("theta", "tau", positive=True)
    after = [(theta - tau * (theta + sign)) ** 2 / 2 for sign in (1, -1)]
    return Step(
        "d = 1, L = ½θ² (ℓ = μ = ν = 1), J = 0, δ = 1, g = θ ± 1 with probability ½ each: d = θ²/2 and "
        "E d⁺ = (1 − τ)²d + τ²/2",
        sum(after) / 2 - ((1 - tau) ** 2 * theta**2 / 2 + tau**2 / 2),
    )


def three_point_step() -> Step:
    """⟨∇L(θ), θ* − θ⁺⟩ ≤ −(μ/2)(‖θ − θ*‖² + ‖θ⁺ − θ*‖²) + (ℓ/2)‖θ⁺ − θ‖²."""
    mu, ell = symbols("mu", "ell", positive=True)
    L0, L1, L_star, n_star, n_d, far, near, d_d = symbols(
        "L(t)", "L(t_+)", "L(t^*)", "<grad,t^*-t>", "<grad,t_+-t>", "|t-t^*|^2", "|t_+-t^*|^2", "|t_+-t|^2"
    )
    convexity = L_star - L0 - n_star - mu / 2 * far
    descent = L0 + n_d + ell / 2 * d_d - L1
    growth = L1 - L_star - mu / 2 * near
    bound = -mu / 2 * (far + near) + ell / 2 * d_d
    return Step(
        "⟨∇L(θ), θ* − θ⁺⟩ ≤ −(μ/2)(‖θ − θ*‖² + ‖θ⁺ − θ*‖²) + (ℓ/2)‖θ⁺ − θ‖²: the difference is strong convexity between θ and "
        "θ*, the descent lemma between θ and θ⁺, and L(θ⁺) ≥ L(θ*) + (μ/2)‖θ⁺ − θ*‖²",
        bound - (n_star - n_d) - (convexity + descent + growth),
    )


def decrease_steps() -> tuple[Step, ...]:
    """d − d⁺ − D^{p⁺}_J(θ, θ⁺) − (μτ/4)‖θ* − θ⁺‖² ≥ 0 for exact gradients and τ ≤ μ/(ℓ²δ)."""
    tau, delta, ell, mu = symbols("tau", "delta", "ell", "mu", positive=True)
    n_x, n_d, x_x, x_d, d_d, n_n, forward, backward = symbols(
        "<grad,x>", "<grad,d>", "|x|^2", "<x,d>", "|d|^2", "|grad|^2", "D^p_J(t_+,t)", "D^{p_+}_J(t,t_+)"
    )
    margin = tau * n_x - 2 * backward - d_d / (2 * delta) - mu * tau / 4 * (x_x + 2 * x_d + d_d)
    weight = 3 / (2 * delta) - mu * tau / 4
    w_d = tau * n_d - mu * tau / 4 * x_d
    w_w = tau**2 * (n_n - mu / 2 * n_x + mu**2 / 16 * x_x)
    square = weight * d_d + 2 * w_d + w_w / weight
    rest = tau * n_x - mu * tau / 4 * x_x - w_w / weight
    r, t = ell * delta * tau, mu * delta * tau
    bracket = n_x - mu / 4 * x_x - sympy_rational(4, 5) * delta * tau * (n_n - mu / 2 * n_x + mu**2 / 16 * x_x)
    tenth = sympy_rational(1, 20)
    lower = n_x * (1 - sympy_rational(4, 5) * r + sympy_rational(2, 5) * t) - mu * x_x * (
        sympy_rational(1, 4) + tenth * t
    )
    return (
        Step(
            "x = θ − θ*, d = θ⁺ − θ: by (B.2) and D^{p⁺}_J(θ, θ⁺) = −τ⟨∇L, d⟩ − ‖d‖²/δ − D^p_J(θ⁺, θ) the margin is 2D^p_J(θ⁺, θ) "
            "+ M‖d + w/M‖² + (τ⟨∇L, x⟩ − (μτ/4)‖x‖² − ‖w‖²/M), w = τ∇L − (μτ/4)x, M = 3/(2δ) − μτ/4",
            margin.subs(backward, -tau * n_d - d_d / delta - forward) - (2 * forward + square + rest),
        ),
        Step(
            "1/M ≤ 4δ/5 because μδτ ≤ 1: 4δ/5 − 1/M = 4δ(1 − μδτ)/(5(6 − μδτ))",
            4 * delta / 5 - 1 / weight - 4 * delta * (1 - mu * delta * tau) / (5 * (6 - mu * delta * tau)),
        ),
        Step(
            "‖∇L‖² ≤ ℓ⟨∇L, x⟩: the bracket is at least ⟨∇L, x⟩(1 − ⅘ℓδτ + ⅖μδτ) − μ‖x‖²(¼ + μδτ/20), and ⟨∇L, x⟩ ≥ μ‖x‖²",
            bracket - lower - sympy_rational(4, 5) * delta * tau * (ell * n_x - n_n),
        ),
    )


def sympy_rational(numerator: int, denominator: int) -> Any:
    """A rational number of sympy."""
    import sympy  # here, because importing it takes longer than the rest of the package

    return sympy.Rational(numerator, denominator)
