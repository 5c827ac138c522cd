"""The solvers with exact gradients: convex, strongly convex and Polyak–Łojasiewicz losses.

convex           lemma A.2 without assumption 2: L(θᵏ) − L(θ*) ≤ D^{v⁰}(θ*, θ⁰)/(τk), τ ≤ 1/𝖫.
strongly convex  lemma A.2 repaired: the factor (1 − τν)/(1 + τν) for D^{vᵏ}(θ*, θᵏ), and for J = λ‖·‖₁
                 ν = μ/(1/δ + 4λ/m), m the smallest |θ*ᵢ| ≠ 0 (`theory.bregman_convexity`).
PL, J = 0        lemma A.2 with ρ(τ) = τ² and η = δη_PL, where ½‖∇L‖² ≥ η_PL(L − L*): r = 1 − δη_PLτ.
momentum, J = 0  θᵏ⁺¹ − θ* = (1 + β − (1 − β)δτH)(θᵏ − θ*) − β(θᵏ⁻¹ − θ*): the spectral radius of the companion matrix.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from ...theory.divergences import bregman
from ...theory.elastic_net import PrimalDual
from ...theory.problems import Problem
from . import problems, runs
from .record import Case, Curve, Prediction, Study

_COARSE_STEPS = 9
_STARTS = 16
_VOID = "the assumption is void for J = λ‖·‖₁ and θ* ≠ 0: at θ = 0 with |v| < λ a short step does not move θ, so no η > 0 exists"

CONVEX = Prediction(
    r"\mathcal{L}(\theta^k) - \mathcal{L}^* \le \frac{D^{v^0}_{J_\delta}(\theta^*, \theta^0)}{\tau k}, \quad "
    r"\tau \le \frac{1}{\mathsf{L}}",
    "lunk2026 lemma A.2 without assumption 2: mirror descent under relative smoothness",
    "power",
    1.0,
    "lunk2026/lemma-A.2-convex",
)


def lemma_a2(eta: float, tau: float, claim: str, *, covered: bool = True) -> Prediction:
    """r = 1 − ηρ(τ)/τ with ρ(τ) = τ², per step (lemma A.2) or per cycle (theorem 4.1 with σ = 0)."""
    return Prediction(
        r"\mathcal{L}(\theta^{k+1}) - \mathcal{L}^* \le r\,(\mathcal{L}(\theta^k) - \mathcal{L}^*), \quad "
        r"r = 1 - \frac{\eta\rho(\tau)}{\tau} = 1 - \eta\tau",
        "lunk2026 lemma A.2" if "A.2" in claim else "lunk2026 theorem 4.1 with σ = 0",
        "linear",
        1 - eta * tau if covered else None,
        claim,
        covered,
    )


def _geometric(curve: np.ndarray, factor: float) -> Curve:
    """The curve with its bound y₀ · factorᵏ."""
    return Curve(curve, curve[:1] * factor ** np.arange(len(curve))[:, None])


def _harmonic(values: np.ndarray, constants: np.ndarray) -> Curve:
    """The curve with its bound constant/k, which says nothing at k = 0."""
    steps = np.arange(1, len(values))[:, None]
    return Curve(values, np.concatenate([np.full((1, len(constants)), np.inf), constants / steps]))


def convex() -> Study:
    """L without a positive lower bound on its curvature."""
    flat, (problem, star) = problems.flat(), problems.underdetermined()
    tau, lam = float(problem.step_size_limit), 0.05

    def on_the_flat() -> list[Curve]:
        rng, dimension = np.random.default_rng(0), flat.dimension
        theta = rng.uniform(0.5, 1.5, (_STARTS, dimension)) / np.sqrt(np.arange(1, dimension + 1))
        values = runs.run_linbreg(flat, PrimalDual(theta, theta), 1.0, 600, runs.gap(flat))
        return [_harmonic(values, (theta**2).sum(axis=-1) / 2)]

    start = runs.starts(problem, _STARTS, 2 * lam)
    gap = runs.gap(problem)

    def linbreg() -> list[Curve]:
        net = problem.elastic_net
        values = runs.run_linbreg(problem, start, tau, 1000, gap)
        return [_harmonic(values, bregman(net, star, start.theta, start.v) / tau)]

    cycle = partial(runs.run_multilevel, problem, start, tau, tau / 2, _COARSE_STEPS, runs.on_the_support)
    loss = "L(θᵏ) − L*"
    return Study(
        "convex",
        "Convex: 1/k for LinBreg",
        "Flat: L = ½ Σ θⱼ²/j² with 200 coordinates, J = 0 and θ⁰ⱼ ∝ 1/√j, for which gradient descent decays like 1/k. "
        "Underdetermined: least squares with 30 equations for 60 unknowns, singular values 1, 1/2, …, 1/30, a solution θ* with 8 "
        "non-zero entries, J = 0.05‖θ‖₁. δ = 1, L* = 0, τ = 1/𝖫, 16 random starts each.",
        {"ℓ": float(problem.loss.lipschitz), "δ": 1.0, "τ": tau, "λ": lam},
        [
            Case("linbreg-flat", "LinBreg", "flat, J = 0", loss, on_the_flat, CONVEX,
                 "lemma A.2 applies too, with the factor 1 − 1/40 000: it takes over only after these steps"),
            Case("linbreg-l1", "LinBreg", "underdetermined, ℓ1", loss, linbreg, CONVEX),
            Case("momentum", "LinBreg with momentum", "underdetermined, ℓ1, β = 0.9", loss,
                 lambda: [Curve(runs.run_momentum(problem, start, tau, 0.9, 1000, gap))]),
            Case("multilevel", "ML LinBreg", "underdetermined, ℓ1, m = 9 on the support, τ̂ = τ/2", loss,
                 lambda: [Curve(cycle(100, gap))],
                 lemma_a2(0.0, tau, "lunk2026/thm-4.1-sparse", covered=False), _VOID, "cycle k"),
            Case("adabreg", "AdaBreg", "underdetermined, ℓ1, τ = 0.02", loss,
                 lambda: [Curve(runs.run_adabreg(problem, start, 0.02, 1000, gap))]),
            _proxgd(problem, 1 / float(problem.loss.lipschitz)),
        ],
    )  # fmt: skip


def _proxgd(problem: Problem, tau: float) -> Case:
    def objective(pair: PrimalDual) -> np.ndarray:
        total: np.ndarray = problem.loss.value(pair.theta) + problem.regularizer.value(pair.theta)
        return total

    def run() -> list[Curve]:
        steps = 4000  # the last iterate stands for the minimiser; the bound holds for any point in its place
        last: list[np.ndarray] = []

        def measure(pair: PrimalDual) -> np.ndarray:
            last[:] = [pair.theta]
            return objective(pair)

        values = runs.run_proxgd(problem, runs.zero(problem), tau, steps, measure)
        kept = values[:401] - values[-1:]
        return [_harmonic(kept, (last[0] ** 2).sum(axis=-1) / (2 * tau))]

    return Case(
        "proxgd",
        "ProxGD",
        "underdetermined, on F = L + J",
        "F(θᵏ) − F(θ̄), θ̄ = θ⁴⁰⁰⁰",
        run,
        Prediction(
            r"F(\theta^k) - F(\bar\theta) \le \frac{\|\theta^0 - \bar\theta\|^2}{2\tau k}, \quad \tau \le \frac{1}{\ell}",
            "Beck, Teboulle 2009, theorem 3.1",
            "power",
            1.0,
        ),
        "minimises L + J, while LinBreg minimises L",
    )


def strongly_convex() -> Study:
    """μ > 0: linear rates, with J = 0 and with ℓ1."""
    (plain, _), (problem, star) = problems.strongly_convex(20, 0.0), problems.strongly_convex(20, 0.1)
    strong, _ = problems.strongly_convex(20, 1.0)
    tau, mu, lam = float(plain.step_size_limit), float(plain.loss.strong_convexity or 0), 0.1
    nu = mu / (1 / float(problem.delta) + 4 * lam / problems.smallest_entry(star))
    towards = (1 - tau * nu) / (1 + tau * nu)
    radius = momentum_factor(np.linspace(mu, 1, 20), tau * float(plain.delta), 0.9)
    start = runs.starts(plain, _STARTS, 1.0)
    l1_start, net = runs.starts(problem, _STARTS, lam), problem.elastic_net
    factor, loss, steps = 1 - mu * tau, "L(θᵏ) − L*", 280

    def distance(pair: PrimalDual) -> np.ndarray:
        values: np.ndarray = bregman(net, star, pair.theta, pair.v)
        return values

    def stalled() -> list[Curve]:
        values = runs.run_linbreg(strong, runs.zero(strong), tau / 10, 1500, runs.gap(strong))
        return [_geometric(values, 1 - mu * tau / 10)]

    return Study(
        "strongly-convex",
        "Strongly convex: linear rates",
        "Least squares with 20 unknowns, eigenvalues of the Hessian from 0.05 to 1, θ* with 6 non-zero entries. J = 0 or "
        "J = 0.1‖θ‖₁, δ = 1, τ = 1/𝖫 where nothing else is said; m in the constants is the smallest |θ*ᵢ| ≠ 0. 16 random starts.",
        {"μ": mu, "ℓ": float(plain.loss.lipschitz), "δ": 1.0, "τ": tau, "η = δμ": mu, "λ": lam,
         "m": problems.smallest_entry(star), "ν": nu},
        [
            Case("linbreg", "LinBreg", "J = 0", loss,
                 lambda: [_geometric(runs.run_linbreg(plain, start, tau, steps, runs.gap(plain)), factor)],
                 lemma_a2(mu, tau, "lunk2026/lemma-A.2"),
                 "for a quadratic the factor is (1 − δτμ)², so lemma A.2 gives away half of the exponent"),
            Case("linbreg-l1", "LinBreg", "ℓ1 with λ = 1, τ = 0.1/𝖫, from θ = 0", loss, stalled,
                 lemma_a2(mu, tau / 10, "lunk2026/lemma-A.2-sparse", covered=False),
                 f"{_VOID}; the dashed line is (1 − δμτ)ᵏ, which J = 0 would have; linear once the support is found"),
            Case("linbreg-l1-distance", "LinBreg", "ℓ1", "D(θ*, θᵏ)",
                 lambda: [_geometric(runs.run_linbreg(problem, l1_start, tau, 300, distance), towards)],
                 Prediction(
                     r"D^{v^{k+1}}_{J_\delta}(\theta^*, \theta^{k+1}) \le \frac{1 - \tau\nu}{1 + \tau\nu}\,"
                     r"D^{v^k}_{J_\delta}(\theta^*, \theta^k), \quad \nu = \frac{\mu}{1/\delta + 4\lambda/m}",
                     "lunk2026 lemma A.2 repaired: strong convexity relative to J_δ at θ* only",
                     "linear", towards, "lunk2026/lemma-A.2-repaired"),
                 "the rate that ℓ1 does have, for the distance instead of the loss"),
            Case("momentum", "LinBreg with momentum", "J = 0, β = 0.9", loss,
                 lambda: [Curve(runs.run_momentum(plain, start, tau, 0.9, 240, runs.gap(plain)))],
                 Prediction(
                     r"\limsup_k (\mathcal{L}(\theta^k) - \mathcal{L}^*)^{1/k} \le \max_\lambda |z|^2, \quad "
                     r"z^2 - (1 + \beta - (1 - \beta)\delta\tau\lambda) z + \beta = 0",
                     "the iteration is linear: its spectral radius; the papers prove no rate",
                     "linear", radius),
                 "|z|² = β where the roots are complex; LinBreg has (1 − δτμ)², which is nearly the same here"),
            Case("momentum-l1", "LinBreg with momentum", "ℓ1, β = 0.9", loss,
                 lambda: [Curve(runs.run_momentum(problem, l1_start, tau, 0.9, 240, runs.gap(problem)))]),
            Case("multilevel", "ML LinBreg", "J = 0, m = 9 on 10 random coordinates, τ̂ = τ/2", loss,
                 lambda: [_geometric(runs.run_multilevel(plain, start, tau, tau / 2, _COARSE_STEPS, runs.at_random(10), 60,
                                                         runs.gap(plain)), factor)],
                 lemma_a2(mu, tau, "lunk2026/thm-4.1"),
                 "the theorem counts the fine step alone; the coarse steps add their own descent", "cycle k"),
            Case("multilevel-l1", "ML LinBreg", "ℓ1, m = 9 on the support, τ̂ = τ/8", loss,
                 lambda: [_geometric(runs.run_multilevel(problem, l1_start, tau, tau / 8, _COARSE_STEPS, runs.on_the_support,
                                                         100, runs.gap(problem)), factor)],
                 lemma_a2(mu, tau, "lunk2026/thm-4.1-sparse", covered=False), _VOID, "cycle k"),
            Case("adabreg", "AdaBreg", "ℓ1, τ = 0.1", loss,
                 lambda: [Curve(runs.run_adabreg(problem, l1_start, 0.1, 500, runs.gap(problem)))]),
        ],
    )  # fmt: skip


def momentum_factor(eigenvalues: np.ndarray, step: float, beta: float) -> float:
    """max |z|² over the roots of z² − (1 + β − (1 − β)·step·λ)z + β."""
    return max(
        float(np.abs(np.roots([1, -(1 + beta - (1 - beta) * step * value), beta])).max() ** 2) for value in eigenvalues
    )


def polyak_lojasiewicz() -> Study:
    """A non-convex loss with the Polyak–Łojasiewicz inequality, J = 0."""
    problem = problems.polyak_lojasiewicz()
    tau, eta, gap = float(problem.step_size_limit), float(problem.loss.pl_constant or 0), runs.gap(problem)
    start, factor, loss = runs.starts(problem, _STARTS, 2.0), 1 - eta * tau, "L(θᵏ) − L*"
    worst_case = "r is for the worst point of x² + 3 sin² x, near |x| = 2.2; at the minimum the curvature is 46 times η"
    return Study(
        "polyak-lojasiewicz",
        "Not convex, but Polyak–Łojasiewicz: linear rates with J = 0",
        "L(θ) = Σ f(zᵢ), z = Aθ − b with 6 rows and 10 unknowns, eigenvalues of AAᵀ from 0.1 to 1, f(x) = x² + 3 sin² x, L* = 0. "
        "J = 0, δ = 1, τ = 1/𝖫; ½‖∇L‖² ≥ η(L − L*). 16 random starts, three in ten of whose zᵢ are where f is concave.",
        {"η": eta, "ℓ": float(problem.loss.lipschitz), "δ": 1.0, "τ": tau},
        [
            Case("linbreg", "LinBreg", "τ = 1/𝖫", loss,
                 lambda: [_geometric(runs.run_linbreg(problem, start, tau, 200, gap), factor)],
                 lemma_a2(eta, tau, "lunk2026/lemma-A.2"), worst_case),
            Case("momentum", "LinBreg with momentum", "β = 0.9", loss,
                 lambda: [Curve(runs.run_momentum(problem, start, tau, 0.9, 320, gap))]),
            Case("multilevel", "ML LinBreg", "m = 9 on 5 random coordinates, τ̂ = τ/2", loss,
                 lambda: [_geometric(runs.run_multilevel(problem, start, tau, tau / 2, _COARSE_STEPS, runs.at_random(5), 80, gap),
                                     factor)],
                 lemma_a2(eta, tau, "lunk2026/thm-4.1"), worst_case, "cycle k"),
            Case("adabreg", "AdaBreg", "τ = 0.1", loss,
                 lambda: [Curve(runs.run_adabreg(problem, start, 0.1, 400, gap))]),
        ],
    )  # fmt: skip
