"""bungert2021 (v1), section 2.1: the inertial flow (2.4) as a flow with gradient memory (2.5)."""

from __future__ import annotations

from typing import Any

from ....theory import flows
from ....theory.arrays import Array, scalar
from ....theory.margins import equal_vectors
from ...claim_record import Hypothesis, Mutant, claim, given
from ...families.inertia import Inertias, Polynomials
from ...proof import Proof, Step
from .loss_decay import SOURCE


def _velocity(a: Array, gamma: Array, factor: Any) -> flows.Remembered:
    """ṗ = −factor·∫₀ᵗ e^{(s−t)/γ} g(s) ds for g(t) = Σ aⱼtʲ."""
    return flows.memory(a, gamma).scaled(-factor)


def _memory(a: Array, gamma: Array, factor: Any, *, start: Any = 0, stretch: int = 1) -> dict[str, Array]:
    """γṁ + m = −g and m(0) = ``start`` for m = ṗ, coefficient by coefficient of tʲ and of e^{−t/γ}."""
    length = scalar(stretch, a) * gamma
    m = _velocity(a, length, factor)
    slope = m.derivative(length).scaled(gamma)
    g = flows.Remembered(a, 0 * m.fading).coefficients()
    parts = [slope.coefficients(), m.coefficients()]
    first = (m.polynomial[..., 0] + m.fading)[..., None]
    return {
        "γp̈ + ṗ = −∇L": equal_vectors(parts[0] + parts[1], -g, *parts),
        "m₀ = 0": equal_vectors(first, 0 * first + start, m.coefficients()),
    }


def _eq_2_5_mutants() -> tuple[Mutant, ...]:
    return (
        Mutant("kernel with the wrong sign", margin=lambda gamma, a: _memory(a, gamma, -1 / gamma)),
        Mutant("1/γ² in front", margin=lambda gamma, a: _memory(a, gamma, 1 / gamma**2)),
        Mutant("memory of length 2γ", margin=lambda gamma, a: _memory(a, gamma, 1 / (2 * gamma), stretch=2)),
        Mutant("memory since −∞ and not since 0", patch=(flows, "memory", _memory_from_infinity)),
    )


def _memory_from_infinity(coefficients: Array, gamma: Array) -> flows.Remembered:
    whole = _plain_memory(coefficients, gamma)
    return flows.Remembered(whole.polynomial, 0 * whole.fading)


_plain_memory = flows.memory


@claim(
    "bungert2021/eq-2.5",
    title="The inertial flow is a flow with gradient memory",
    statement=r"\gamma\ddot p_t + \dot p_t = -\nabla\mathcal L(\theta_t),\; \dot p_0 = 0 \;\Leftrightarrow\; "
    r"\dot p_t = -\int_0^t \exp\big(\tfrac{s-t}{\gamma}\big) \nabla\mathcal L(\theta_s)\, ds",
    source=f"{SOURCE}, (2.4), (2.5)",
    hypotheses=(
        Hypothesis("m₀ = 0", "ṗ₀ = 0; without it: ṗ₀ = 1", margin=lambda gamma, a: _memory(a, gamma, 1 / gamma, start=1)),
    ),
    mutants=_eq_2_5_mutants(),
)  # fmt: skip
@given(gamma=Inertias(), a=Polynomials())
def eq_2_5(gamma: Array, a: Array) -> dict[str, Array]:
    """Both flows are linear in the gradient along the path, g(t) = ∇L(θ_t). It is a polynomial Σ aⱼtʲ here (a linear loss has
    a constant one), so that the integral is q(t) + c·e^{−t/γ} with rational coefficients, and the residual of (2.4) is compared
    coefficient by coefficient: for all t at once, without rounding. The memory lacks a factor 1/γ: it solves
    γp̈ + ṗ = −γ∇L, which is (2.4) for γ = 1 only. See eq-2.5-repaired."""
    return _memory(a, gamma, 1 + 0 * gamma)


def _memory_proof() -> Proof:
    import sympy

    t, gamma = sympy.symbols("t gamma", positive=True)
    g, G = sympy.Function("g")(t), sympy.Function("G")(t)
    integral = sympy.exp(-t / gamma) * G  # G(t) = ∫₀ᵗ e^{s/γ} g(s) ds
    slope = sympy.diff(integral, t).subs(sympy.Derivative(G, t), sympy.exp(t / gamma) * g)
    c = sympy.Symbol("c", real=True)
    return Proof(
        (
            Step("I(t) = ∫₀ᵗ e^{(s−t)/γ} g(s) ds has İ = g − I/γ", slope - (g - integral / gamma)),
            Step("so m = −I/γ solves γṁ + m = −g", gamma * (-slope / gamma) - integral / gamma + g),
            Step("and m = −I, as printed, solves γṁ + m = −γg", gamma * (-slope) - integral + gamma * g),
            Step("two solutions of γṁ + m = −g differ by c·e^{−t/γ}",
                 gamma * sympy.diff(c * sympy.exp(-t / gamma), t) + c * sympy.exp(-t / gamma)),
            Step("which is 0 at t = 0 only for c = 0", (c * sympy.exp(-t / gamma)).subs(t, 0) - c),
        ),
        "For every continuous g(t) = ∇L(θ_t): ṗ = −I/γ is the one solution of (2.4) with ṗ₀ = 0.",
    )  # fmt: skip


@claim(
    "bungert2021/eq-2.5-repaired",
    title="The inertial flow is a flow with gradient memory, normalised",
    statement=r"\gamma\ddot p_t + \dot p_t = -\nabla\mathcal L(\theta_t),\; \dot p_0 = 0 \;\Leftrightarrow\; "
    r"\dot p_t = -\tfrac1\gamma\int_0^t \exp\big(\tfrac{s-t}{\gamma}\big) \nabla\mathcal L(\theta_s)\, ds, \qquad \gamma > 0",
    source=f"ours, after {SOURCE}, (2.5)",
    hypotheses=(
        Hypothesis("m₀ = 0", "ṗ₀ = 0; without it: ṗ₀ = 1", margin=lambda gamma, a: _memory(a, gamma, 1 / gamma, start=1)),
        Hypothesis("the factor 1/γ", "the memory is normalised; without it: (2.5) as printed",
                   margin=lambda gamma, a: _memory(a, gamma, 1 + 0 * gamma)),
        Hypothesis("γ > 0", "the kernel has a length", why="for γ = 0 (2.4) is (2.2), and (2.5) has no kernel"),
    ),
    mutants=_eq_2_5_mutants(),
    proof=_memory_proof,
)  # fmt: skip
@given(gamma=Inertias(), a=Polynomials())
def eq_2_5_repaired(gamma: Array, a: Array) -> dict[str, Array]:
    """The kernel (1/γ)e^{(s−t)/γ} has mass 1 for t → ∞: for γ → 0 the memory flow tends to the flow (2.2), which the printed
    one does not. It agrees with the discrete form (2.14), whose weights (1 − β)βʲ add up to 1."""
    return _memory(a, gamma, 1 / gamma)
