"""lunk2026, appendix D: variance preservation by sparse initialisation in deep ReLU networks.

z_l = W_l x_{l−1}, x_l = max(z_l, 0), and backward δ_l = W_{l+1}ᵀδ_{l+1} ⊙ [z_l > 0] from a gradient δ_L = g at the outputs.
All outcomes of all weights of a small network are listed. The scale of W̃_l enters through its square alone: max(cz, 0) =
c·max(z, 0) for c > 0, so moments of the unscaled network are multiplied by the scales' squares, which stay rational.
"""

from __future__ import annotations

import itertools
from fractions import Fraction
from operator import mul
from typing import Any, NamedTuple

import numpy as np

from ....theory import sparse_initialisation
from ....theory.arrays import Array, constant, scalar, square_norm, total
from ....theory.margins import at_most, equal
from ...claim_record import Hypothesis, Mutant, claim, given
from ...families.weights import Signals, SparseNetwork, SparseNetworks, TwoPoint, weights_and_chances
from ...proof import Proof, Step, symbols
from .deep_networks import measurements
from .transfer import SOURCE


def _apply(weight: Array, x: Array) -> Array:
    return total(weight * x[..., None, :])


def _mean_square(x: Array, chances: Array) -> Array:
    """E of the mean over the units of x², for x (..., S, n)."""
    return total(chances * square_norm(x)) / x.shape[-1]


def _scales(network: SparseNetwork, values: Array, fans: tuple[int, ...], densities: list[Any]) -> list[Array]:
    """The squared factor on the weights ±(a, b) of each layer that makes Var W_l = 2/fan_l, given these densities."""
    unit = constant([1], values)[0]
    return [
        sparse_initialisation.unmasked_variance(
            sparse_initialisation.he_variance(fan) * unit if isinstance(unit, Fraction) else 2.0 / fan,
            scalar(r, values),
        )
        / (values[..., layer, 0] * values[..., layer, 1])
        for layer, (fan, r) in enumerate(zip(fans, densities, strict=True))
    ]


class Pass(NamedTuple):
    """One pass through the unscaled network, for all S outcomes of its weights."""

    weights: list[Array]
    """W_1 … W_L, (..., S, n_l, n_{l−1})"""
    chances: Array
    """(..., S)"""
    zs: list[Array]
    """z_1 … z_L, (..., S, n_l)"""
    deltas: list[Array]
    """δ_1 … δ_L, (..., S, n_l)"""


def run(network: SparseNetwork, values: Array, x: Array, g: Array, bias: int = 0) -> Pass:
    """Forward from x and backward from g."""
    weights, chances = weights_and_chances(network, values)
    zs, signal = [], x[..., None, :]
    for weight in weights:
        zs.append(_apply(weight, signal) + bias)
        signal = zs[-1] * (zs[-1] > 0)
    deltas = [g[..., None, :] + 0 * zs[-1]]
    for weight, z in zip(weights[:0:-1], zs[-2::-1], strict=True):
        deltas.insert(0, _apply(np.swapaxes(weight, -1, -2), deltas[0]) * (z > 0))
    return Pass(weights, chances, zs, deltas)


def _worst(margins: list[Array]) -> Array:
    return np.stack(margins).min(axis=0)


def _forward_energies(done: Pass, scales: list[Array]) -> list[Array]:
    """E of the mean of z_l² for l = 1 … L."""
    factors = itertools.accumulate(scales, mul)
    return [factor * _mean_square(z, done.chances) for factor, z in zip(factors, done.zs, strict=True)]


def _backward_energies(done: Pass, scales: list[Array]) -> list[Array]:
    """E of the mean of δ_l² for l = L … 1."""
    factors = itertools.accumulate([1 + 0 * scales[0], *scales[:0:-1]], mul)
    return [
        factor * _mean_square(delta, done.chances) for factor, delta in zip(factors, done.deltas[::-1], strict=True)
    ]


def _preserved(energies: list[Array]) -> Array:
    return _worst([equal(after, before) for before, after in itertools.pairwise(energies)])


def _variances(network: SparseNetwork, values: Array, done: Pass) -> Array:
    """Var W = r Var W̃ for each weight, with moments over all outcomes."""
    margins = []
    for layer, (weight, r) in enumerate(zip(done.weights, network.densities, strict=True)):
        flat = np.swapaxes(weight.reshape(*weight.shape[:-2], -1), -1, -2)
        weighted = done.chances[..., None, :] * flat
        mean, second = total(weighted), total(weighted * flat)
        variance = scalar(r, values) * values[..., layer, 0] * values[..., layer, 1]
        margins.append(equal(second - mean * mean, variance[..., None] + 0 * mean).min(axis=-1))
    return _worst(margins)


def _forward(
    network: SparseNetwork,
    values: Array,
    x: Array,
    g: Array,
    *,
    bias: int = 0,
    densities: list[Any] | None = None,
    fans: tuple[int, ...] | None = None,
) -> Array:
    """E z_{l+1}² = E z_l² with Var W_l = 2/n_{l−1}, or with other fans, densities or biases."""
    scales = _scales(network, values, fans or network.widths[:-1], densities or network.densities)
    return _preserved(_forward_energies(run(network, values, x, g, bias), scales))


def _printed(network: SparseNetwork, values: Array, x: Array, g: Array) -> dict[str, Array]:
    done = run(network, values, x, g)
    into = _scales(network, values, network.widths[:-1], network.densities)
    out = _scales(network, values, network.widths[1:], network.densities)
    return {
        "Var W = r Var W̃": _variances(network, values, done),
        "forward: E z² is preserved": _preserved(_forward_energies(done, into)),
        "backward: E δ² is preserved": _preserved(_backward_energies(done, out)),
    }


def _repaired(
    network: SparseNetwork, values: Array, x: Array, g: Array, fans: tuple[int, ...] | None = None
) -> dict[str, Array]:
    """As `_printed`, with E δ_l² ≤ P(z_l ≠ 0) E δ_L² in the place of preservation."""
    done = run(network, values, x, g)
    into = _scales(network, values, network.widths[:-1], network.densities)
    out = _scales(network, values, fans or network.widths[1:], network.densities)
    energies = _backward_energies(done, out)
    alive = [total(total(done.chances[..., None] * (z != 0), axis=-2)) / z.shape[-1] for z in done.zs[-2::-1]]
    pairs = [(energy, share * energies[0]) for energy, share in zip(energies[1:], alive, strict=True)]
    # A sum can be zero by cancellation only where a unit has two inputs that are on.
    exact_pairs = pairs if max(network.widths[1:-1]) == 1 else pairs[:1]
    return {
        "Var W = r Var W̃": _variances(network, values, done),
        "forward: E z² is preserved": _preserved(_forward_energies(done, into)),
        "backward: E δ_l² ≤ P(z_l ≠ 0) E δ_L²": _worst([at_most(*pair) for pair in pairs]),
        "backward: equality without cancellation": _worst([equal(*pair) for pair in exact_pairs]),
    }


_ALL = {"network": SparseNetworks(), "values": TwoPoint(), "x": Signals(), "g": Signals(last=True)}
_SYMMETRIC = Hypothesis(
    "W̃ is symmetric", "−W̃ has the distribution of W̃; without it: E W̃ = 0 only",
    without={"values": TwoPoint(symmetric=False)},
)  # fmt: skip
_OWN_DENSITY = Hypothesis(
    "the rescale 1/√r_l of each layer's own density",
    "lunk2026 says so for ER and ERK; without it: 1/√r with the density r of the whole network",
    margin=lambda network, values, x, g: _forward(network, values, x, g, densities=[network.density] * network.depth),
)
_RESCALED = Hypothesis(
    "the rescale",
    "Var W̃ = α/r; without it: Var W̃ = α",
    margin=lambda network, values, x, g: _forward(network, values, x, g, densities=[scalar(1, values)] * network.depth),
)
_NO_BIAS = Hypothesis(
    "no biases", "z = Wx; without it: z = Wx + b with a positive b, which bungert2021 advises",
    margin=lambda network, values, x, g: _forward(network, values, x, g, bias=1),
)  # fmt: skip
_FAN_IN = Hypothesis(
    "α = 2/n_in forward",
    "without it: α = 2/n_out, the variance that the backward pass asks for",
    margin=lambda network, values, x, g: _forward(network, values, x, g, fans=network.widths[1:]),
)
_MUTANTS = (
    Mutant("Var W̃ = α·r", patch=(sparse_initialisation, "unmasked_variance", lambda alpha, r: alpha * r)),
    Mutant("Var W̃ = α/r²", patch=(sparse_initialisation, "unmasked_variance", lambda alpha, r: alpha / (r * r))),
    Mutant("Var W̃ = α", patch=(sparse_initialisation, "unmasked_variance", lambda alpha, r: alpha + 0 * r)),
    Mutant(
        "densities in the wrong order",
        margin=lambda network, values, x, g: _forward(network, values, x, g, densities=network.densities[::-1]),
    ),
    Mutant(
        "α = 2/(n_in + n_out)",
        margin=lambda network, values, x, g: _forward(
            network, values, x, g, fans=tuple(np.add(network.widths[1:], network.widths[:-1]).tolist())
        ),
    ),
)


@claim(
    "lunk2026/init-variance",
    title="Sparse initialisation preserves variances, forward and backward",
    statement=r"\operatorname{Var} W = r \operatorname{Var} \tilde W, \qquad \operatorname{Var} \tilde W_l = \tfrac{1}{r_l} "
    r"\tfrac{2}{n}: \quad \mathbb E z_{l+1}^2 = \mathbb E z_l^2 \;(n = n_{in}), \quad "
    r"\mathbb E \delta_l^2 = \mathbb E \delta_{l+1}^2 \;(n = n_{out})",
    source=f"{SOURCE}, appendix D, (16); bungert2021 section 4.1",
    reconstructed=True,
    hypotheses=(_SYMMETRIC, _OWN_DENSITY, _RESCALED, _NO_BIAS, _FAN_IN),
    mutants=_MUTANTS,
    measurements=measurements,
)
@given(**_ALL)
def init_variance(network: SparseNetwork, values: Array, x: Array, g: Array) -> dict[str, Array]:
    """The papers state Var W = r Var W̃ and call the rescale variance-preserving; since Glorot and He that means the signals of
    both passes. For uniform, ER and ERK densities. Forward it is exact; in one pass only, because n_in serves the forward and
    n_out the backward pass. Backward it fails with masks: a unit all of whose inputs are masked has z = 0 and passes no gradient,
    so in the last hidden layer only the share P(z ≠ 0) of E δ_L² is left: at most 24 % for a fan-in of 27 (three channels,
    3 × 3) and r = 1 %. Without masks, for weights without atoms, z ≠ 0 and the claim holds."""
    return _printed(network, values, x, g)


def _proof() -> Proof:
    import sympy

    r, var, n, energy, dead, bound = symbols("r", "Var", "n", "E z^2", "P(z=0)", "d", positive=True)
    g2, w2, w2_dead = symbols("mean g^2", "E W^2", "E W^2 [z=0]", positive=True)
    half = sympy.Rational(1, 2)
    return Proof(
        (
            Step("E W² = r Var W̃ by (4.3), and Var W̃ = 2/(nr) makes it 2/n", (r * var).subs(var, 2 / (n * r)) - 2 / n),
            Step(
                "forward: E z_i² = Σⱼ E W² E xⱼ² = n·(2/n)·E x², because E WⱼWₖ = 0, and E x² = ½ E z² of the layer before: "
                "z and −z have the same distribution",
                n * (2 / n) * (half * energy) - energy,
            ),
            Step(
                "backward, with u_l the gradient at x_l: E u_{L−1,j}² = Σᵢ E W² gᵢ² = n_out·(2/n_out)·mean g² = 2 mean g²",
                (2 / n) * (n * g2) - 2 * g2,
            ),
            Step(
                "E W²[z = 0] is taken from E W²: E W²[z > 0] = ½(E W² − E W²[z = 0]) ≤ ½ E W², by flipping the signs of a row",
                (w2 - w2_dead) / 2 - (w2 / 2 - w2_dead / 2),
            ),
            Step(
                "so a bound d on E[u_{l+1,i}² | x_{l+1}] gives E[u_{l,j}² | x_l] ≤ Σᵢ ½ E W² d = n_out·½·(2/n_out)·d = d",
                n * half * (2 / n) * bound - bound,
            ),
            Step(
                "E δ_l² = E u_l²[z_l > 0] ≤ 2 mean g² P(z_l > 0), and P(z > 0) = ½(1 − P(z = 0)); u_{L−1} is independent of z",
                2 * g2 * (1 - dead) / 2 - (1 - dead) * g2,
            ),
        ),
        "Where unit j is on, z_i = 0 with W_ij ≠ 0 needs a cancellation, so for weights without atoms E W_ij²[z_i = 0] = 0 and the "
        "bound is an equation at every depth. Products of different units have mean zero, because the columns of the next W have "
        "independent signs. In networks with three hidden layers or more, that needs weights without atoms, too: a cancellation "
        "would tie the signs together.",
    )


@claim(
    "lunk2026/init-variance-repaired",
    title="Forward variances are preserved, backward variances up to dead units",
    statement=r"\mathbb E z_{l+1}^2 = \mathbb E z_l^2 \;(n = n_{in}), \qquad "
    r"\mathbb E \delta_l^2 \le \mathbb P(z_l \neq 0)\, \mathbb E \delta_L^2 \;(n = n_{out}), "
    r"\quad = \text{ if no } z \text{ vanishes by cancellation}",
    source=f"ours, after {SOURCE}, appendix D",
    hypotheses=(_SYMMETRIC, _OWN_DENSITY, _RESCALED, _NO_BIAS, _FAN_IN),
    mutants=(
        *_MUTANTS,
        Mutant(
            "all units alive",
            margin=lambda network, values, x, g: _printed(network, values, x, g)["backward: E δ² is preserved"],
        ),
        Mutant(
            "α = 2/n_in backward",
            margin=lambda network, values, x, g: _repaired(network, values, x, g, network.widths[:-1]),
        ),
    ),
    proof=_proof,
)
@given(**_ALL)
def init_variance_repaired(network: SparseNetwork, values: Array, x: Array, g: Array) -> dict[str, Array]:
    """What sparse masks leave of it. Positive biases, which bungert2021 advises, keep units alive, but then E max(z, 0)² is more
    than ½ E z² and the forward pass grows. From layer to layer E δ² may also rise again: where a later unit is alive, the earlier
    ones that feed it are, too; so the bound compares with the output. The networks that are listed here have at most two hidden
    layers; for deeper ones the proof needs weights without atoms."""
    return _repaired(network, values, x, g)
