"""Random gradients: LinBreg with vanishing and constant step sizes, ML LinBreg with noise on the coarse level.

symbol | meaning
-------|----------------------------------------------------------
σ²     | E‖g − ∇L(θ)‖², the same at every θ
dₖ     | E D^{vᵏ}_{J_δ}(θ*, θᵏ); (1/2δ)E‖θᵏ − θ*‖² for J = 0

constant τ          bungert2021 theorem 3.8, (3.13) repaired: d⁺ ≤ (1 − τν)d + δτ²σ²/2, so lim sup dₖ ≤ δτσ²/(2ν);
                    ν = δμ for J = 0.
corollary 4.2       bₖ₊₁ = r(bₖ + Cτ̂ₖ), C = mδσ²/2; constant τ̂: b∞ = Crτ̂/(1 − r), and bₖ ~ Crτ̂ₖ/(1 − r) when τ̂ₖ vanishes.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ...theory.divergences import bregman
from ...theory.elastic_net import PrimalDual
from ...theory.losses import FiniteSum
from ...theory.problems import Problem
from . import problems, runs, second_moments
from .exact_gradients import lemma_a2
from .record import Case, Curve, Prediction, Study

_COARSE_STEPS = 9
_VOID = "assumption 2 is void for J = λ‖·‖₁, so the theorem says nothing here"


def _recursion(start: float, steps: int, advance: Callable[[int, float], float]) -> np.ndarray:
    values = [start]
    for k in range(steps):
        values.append(advance(k, values[-1]))
    return np.asarray(values)


def step_sizes() -> Study:
    """LinBreg with noise: corollary 3.9's rates, and the plateau of a constant step size."""
    sigma, mu, delta = 0.3, 0.2, 1.0
    small, large = np.diag(np.linspace(mu, 1, 4)), np.diag(np.linspace(1, 1.5, 4))
    moment = np.eye(4)
    problem, star = problems.strongly_convex(9, 0.1, mu)
    net = problem.elastic_net

    def constant() -> list[Curve]:
        return [_plateau(tau) for tau in (0.4, 0.08, 0.016)]

    def _plateau(tau: float) -> Curve:
        moments = second_moments.noisy_steps(small, moment, delta, lambda k: tau, 3200, sigma)  # noqa: ARG005
        values = second_moments.expected_distance(moments, delta)
        factor = 1 - tau * delta * mu
        bound = _recursion(float(values[0, 0]), 3200, lambda k, d: factor * d + delta * tau**2 * sigma**2 / 2)  # noqa: ARG005
        return Curve(values, bound, f"τ = {tau:g}", tau)

    def exact(hessian: np.ndarray, alpha: float, noise: float) -> Callable[[], list[Curve]]:
        def run() -> list[Curve]:
            moments = second_moments.noisy_steps(hessian, moment, delta, lambda k: (k + 1.0) ** -alpha, 1600, noise)
            return [Curve(second_moments.expected_distance(moments, delta))]

        return run

    def sampled() -> list[Curve]:
        def distance(pair: PrimalDual) -> np.ndarray:
            values: np.ndarray = bregman(net, star, pair.theta, pair.v)
            return values

        tau = lambda k: (k + 1.0) ** -0.5  # noqa: E731
        return [Curve(runs.run_linbreg(problem, runs.zero(problem, 256), tau, 1600, distance, 0.5), noisy=True)]

    harmonic = Prediction(r"\tau^k = \frac{1}{k}: \quad d_k = O\left(\frac{1}{k}\right)", "bungert2021 corollary 3.9", "power",
                          1.0, "bungert2021/cor-3.9")  # fmt: skip
    root = Prediction(r"\tau^k = k^{-1/2}: \quad d_k = O(\exp(-c\,k^{1/2})), \quad c > 0", "bungert2021 corollary 3.9",
                      "stretched", None, "bungert2021/cor-3.9")  # fmt: skip
    level = Prediction(
        r"d_k \le (1 - \tau\nu)^k d_0 + \frac{\delta\tau\sigma^2}{2\nu}, \quad \nu = \delta\mu",
        "bungert2021 theorem 3.8, (3.13) with a bounded variance and the level as a number",
        "plateau", 1.0, "bungert2021/thm-3.8-3.13-repaired")  # fmt: skip
    return Study(
        "step-sizes",
        "Random gradients on the fine level: plateaus, and corollary 3.9",
        "Quadratic losses with 4 unknowns, eigenvalues of the Hessian from 0.2 to 1 (or 1 to 1.5), J = 0, δ = 1, g = ∇L + ξ with "
        "E‖ξ‖² = σ², E(θ⁰ − θ*)(θ⁰ − θ*)ᵀ = I: dₖ is computed exactly, by its recursion. The last one has 9 unknowns, "
        "J = 0.1‖θ‖₁, and 256 random runs with σ = 0.5.",
        {"μ": mu, "ℓ": 1.0, "δ": delta, "σ": sigma},
        [
            Case("constant", "LinBreg", "τ constant, J = 0", "dₖ", constant, level,
                 "a constant step size does not converge: the level falls in proportion to τ"),
            Case("harmonic", "LinBreg", "τ = 1/k, J = 0, δμ = 1", "dₖ", exact(large, 1.0, sigma), harmonic,
                 "true for 2δμ > 1"),
            Case("harmonic-small", "LinBreg", "τ = 1/k, J = 0, δμ = 0.2, σ = 0", "dₖ", exact(small, 1.0, 0.0), harmonic,
                 "even without noise dₖ decays like k^(−2δμ): the constant c of (3.15) is not 1"),
            Case("root-exact", "LinBreg", "τ = k^(−1/2), J = 0, σ = 0", "dₖ", exact(small, 0.5, 0.0), root,
                 "without noise the corollary's rate is there", stretch=0.5),
            Case("root", "LinBreg", "τ = k^(−1/2), J = 0", "dₖ", exact(small, 0.5, sigma), root,
                 "with noise dₖ follows τᵏσ²/(4μ): a power of k, which no exp(−c k^(1/2)) bounds", stretch=0.5),
            Case("root-l1", "LinBreg", "τ = k^(−1/2), ℓ1", "dₖ", sampled, root,
                 "the same with ℓ1", stretch=0.5),
        ],
    )  # fmt: skip


def coarse_noise() -> Study:
    """ML LinBreg with noise on the coarse level: the plateau of corollary 4.2 and its end when τ̂ vanishes."""
    delta, mu, sigma, size, m = 2.0, 0.1, 0.3, 3, _COARSE_STEPS
    matrix = problems.with_spectrum(np.linspace(mu, 1, 6), 6, seed=5)
    hessian, moment = matrix.T @ matrix, np.eye(6)
    tau = 1 / delta
    r, largest = 1 - delta * mu * tau, tau / 2
    problem, _ = problems.strongly_convex(12, 0.1, mu, delta)
    sizes = (tau / 8, tau / 32, tau / 128)

    def exact(tau_hat: Callable[[int], float], cycles: int) -> tuple[np.ndarray, np.ndarray]:
        moments = second_moments.noisy_cycles(hessian, moment, delta, tau, tau_hat, m, size, cycles, sigma)
        values = second_moments.expected_gap(hessian, moments)
        noise = m * delta * sigma**2 / 2
        return values, _recursion(float(values[0, 0]), cycles, lambda k, b: r * (b + noise * tau_hat(k)))

    def levels() -> list[Curve]:
        return [Curve(*exact(lambda k, s=s: s, 120), _share(s / tau), s) for s in sizes]  # type: ignore[misc]  # noqa: ARG005

    def sampled(tau_hat: float | Callable[[int], float], cycles: int) -> np.ndarray:
        return runs.run_multilevel(
            problem, runs.zero(problem, 64), tau, tau_hat, m, runs.on_the_support, cycles, runs.gap(problem),
            runs.noisy(problem, sigma, 12))  # fmt: skip

    def vanishing(k: int) -> float:
        return largest / (k + 1)

    plateau = r"\limsup_k \mathbb{E}[\mathcal{L}(\theta^k) - \mathcal{L}^*] \le \frac{C r \hat\tau}{1 - r}, \quad "
    plateau += r"C = \frac{m\delta\sigma^2}{2}, \quad r = 1 - \eta\tau"
    vanish = r"\mathbb{E}[\mathcal{L}(\theta^K) - \mathcal{L}^*] \le r^K(\mathcal{L}(\theta^0) - \mathcal{L}^*) + C \sum_{k<K} "
    vanish += r"r^{K-k}\,\hat\tau^k = O\left(\frac{1}{K}\right), \quad \hat\tau^k = \frac{\hat\tau}{k+1}"
    source = "lunk2026 corollary 4.2"

    def of_corollary(statement: str, law: str, *, covered: bool) -> Prediction:
        return Prediction(statement, source, law, 1.0, "lunk2026/cor-4.2", covered)

    gap = "E[L(θᵏ) − L*]"
    return Study(
        "coarse-noise",
        "ML LinBreg with noise on the coarse level: plateaus, and their end",
        "J = 0: a quadratic with 6 unknowns, eigenvalues of the Hessian from 0.1 to 1, 3 coordinates at random in each cycle; the "
        "expectation is exact, over noise and restrictions. ℓ1: 12 unknowns, J = 0.1‖θ‖₁, the support, 64 random runs. δ = 2, "
        "m = 9, τ = 1/𝖫, exact gradients on the fine level, noise with E‖ξ̂‖² = σ² (ℓ1: E‖ξ‖² = σ²) on the coarse one.",
        {"μ": mu, "ℓ": 1.0, "δ": delta, "σ": sigma, "τ": tau, "r": r, "C": m * delta * sigma**2 / 2},
        [
            Case("plateau", "ML LinBreg", "J = 0, τ̂ constant", gap, levels, of_corollary(plateau, "plateau", covered=True),
                 "the level falls like τ̂² for small τ̂, for J = 0 noise moves L by at most (ℓ/2)(δτ̂σ)² in a step",
                 "cycle k"),
            Case("vanishing", "ML LinBreg", "J = 0, τ̂ᵏ = τ/(2(k + 1))", gap,
                 lambda: [Curve(*exact(vanishing, 400))], of_corollary(vanish, "power", covered=True),
                 "1/k², not 1/k, for the same reason", "cycle k"),
            Case("plateau-l1", "ML LinBreg", "ℓ1, τ̂ constant", gap,
                 lambda: [Curve(sampled(s, 120), None, _share(s / tau), s, noisy=True) for s in sizes],
                 of_corollary(plateau, "plateau", covered=False), _VOID, "cycle k"),
            Case("vanishing-l1", "ML LinBreg", "ℓ1, τ̂ᵏ = τ/(2(k + 1))", gap,
                 lambda: [Curve(sampled(vanishing, 250), noisy=True)],
                 of_corollary(vanish, "power", covered=False), _VOID, "cycle k"),
        ],
    )  # fmt: skip


def _share(value: float) -> str:
    return f"τ̂ = τ/{round(1 / value)}"


def variance_reduced() -> Study:
    """Mini-batches on the coarse level with a constant τ̂, with and without variance reduction."""
    problem, star = problems.finite_sum(6, 4, 0.0, consistent=False)
    loss, m = problem.loss, _COARSE_STEPS
    assert isinstance(loss, FiniteSum)
    matrix, target = loss.losses.matrix, loss.losses.target  # type: ignore[union-attr]
    hessian = matrix.T @ matrix / len(matrix)
    tau, mu = float(problem.step_size_limit), float(loss.strong_convexity or 0)
    tau_hat = 1 / (m * float(loss.component_lipschitz) * float(problem.delta))
    r = 1 - mu * tau

    def exact(*, reduced: bool) -> list[Curve]:
        cycles = 120 if reduced else 400  # long enough to come to rest
        moments = second_moments.batched_cycles(
            matrix, target, -star, 1.0, tau, tau_hat, m, 2, 2, cycles, reduced)  # fmt: skip
        values = second_moments.expected_gap(hessian, moments)
        return [Curve(values, values[0, 0] * r ** np.arange(cycles + 1) if reduced else None)]

    sparse, _ = problems.finite_sum(12, 8, 0.1, consistent=True)
    linear = lemma_a2(mu, tau, "lunk2026/lemma-B.2")
    theorem = Prediction(
        r"\mathbb{E}\,\mathcal{L}(\theta^{k+1/2}) \le \mathbb{E}\,\mathcal{L}(\theta^k) \text{ for } "
        r"\hat\tau \le \frac{1}{m\ell\delta}, \text{ then } " + linear.statement,
        "lunk2026 lemma B.2 for the coarse steps and lemma A.2 for the fine one",
        "linear", r, "lunk2026/lemma-B.2")  # fmt: skip
    gap = "E[L(θᵏ) − L*]"
    return Study(
        "variance-reduced",
        "Mini-batches on the coarse level, with and without variance reduction",
        "L = (1/2N)‖Aθ − b‖² with N = 6 rows, 4 unknowns and L* > 0, J = 0, δ = 1; mini-batches of 2, 2 coordinates at random in "
        "each cycle, m = 9, constant τ̂ = 1/(mℓ̄δ) with ℓ̄ the largest ℓᵢ, τ = 1/𝖫. Expectations over mini-batches and restrictions "
        "are exact. ℓ1: N = 12, 8 unknowns, b = Aθ*, J = 0.1‖θ‖₁, the support, 32 random runs.",
        {"μ": mu, "ℓ": float(loss.lipschitz), "ℓ̄": float(loss.component_lipschitz), "τ": tau, "τ̂": tau_hat, "r": r},
        [
            Case("plain", "ML LinBreg", "J = 0, mini-batches of 2", gap, lambda: exact(reduced=False),
                 Prediction(r"\sup_{\hat\theta} \mathbb{E}\|\hat g - \nabla\hat{\mathcal{L}}\|^2 \le \sigma^2", "lunk2026 "
                            "assumption 3", "plateau", None, "lunk2026/cor-4.2", covered=False),
                 "the variance of a mini-batch of a quadratic is not bounded, so assumption 3 is void; a plateau all the same",
                 "cycle k"),
            Case("reduced", "variance-reduced ML LinBreg", "J = 0, mini-batches of 2", gap, lambda: exact(reduced=True),
                 theorem, "no plateau", "cycle k"),
            Case("reduced-l1", "variance-reduced ML LinBreg", "ℓ1, mini-batches of 2", gap,
                 lambda: [_reduced_runs(sparse, m, 120)],
                 Prediction(theorem.statement, theorem.source, "linear", None, theorem.claim, covered=False),
                 _VOID + "; lemma B.2 holds, and says that coarse steps do not increase E L", "cycle k"),
        ],
    )  # fmt: skip


def _reduced_runs(problem: Problem, m: int, cycles: int) -> Curve:
    loss = problem.loss
    assert isinstance(loss, FiniteSum)
    tau_hat = 1 / (m * float(loss.component_lipschitz) * float(problem.delta))

    def estimate(rng: np.random.Generator, theta: np.ndarray, anchor: np.ndarray) -> np.ndarray:
        batch = np.argsort(rng.random((len(theta), loss.count)), axis=-1)[:, :2]
        change = loss.batch_gradient(theta, batch) - loss.batch_gradient(anchor, batch)
        found: np.ndarray = change + loss.gradient(anchor)
        return found

    values = runs.run_multilevel(
        problem, runs.zero(problem, 32), float(problem.step_size_limit), tau_hat, m, runs.on_the_support, cycles,
        runs.gap(problem), estimate)  # fmt: skip
    return Curve(values, noisy=True)
