"""lunk2026, appendix C: the FLOPs of training, counted one product after the other."""

from __future__ import annotations

from fractions import Fraction
from math import prod
from typing import Any

import numpy as np

from ....theory import costs, sparse_initialisation
from ....theory.arrays import Array, constant, total
from ....theory.costs import Layer
from ....theory.margins import at_most, equal
from ...claim_record import Hypothesis, Measurement, Mutant, claim, given
from ...families.batches import Counts
from ...families.layers import Masks, Networks
from ...proof import Proof, Step, symbols
from .counted_products import forward_products, input_gradient_products, weight_gradient_products
from .transfer import SOURCE


def _parts(layers: tuple[Layer, ...], mask: Array) -> list[Array]:
    """The mask of each layer, (..., outputs·inputs, kernel·kernel)."""
    ends = np.cumsum([layer.weights for layer in layers])[:-1]
    pieces = np.split(mask, ends, axis=-1)
    return [
        piece.reshape(*piece.shape[:-1], layer.outputs * layer.inputs, layer.kernel**2)
        for layer, piece in zip(layers, pieces, strict=True)
    ]


def _step(
    layers: tuple[Layer, ...], now: Array, wanted: Array, *, count_padding: bool = True, first_input: bool = True
) -> Array:
    """Products of one training step: the weights ``now`` are non-zero, and ``wanted`` get a gradient."""
    result: Any = 0
    for index, (layer, own, own_wanted) in enumerate(
        zip(layers, _parts(layers, now), _parts(layers, wanted), strict=True)
    ):
        passes = [(own, forward_products), (own_wanted, weight_gradient_products)]
        if index > 0 or first_input:
            passes.append((own, input_gradient_products))
        for mask, counter in passes:
            per_weight = constant(counter(layer, count_padding).reshape(-1), mask)
            result = result + total(total(mask * per_weight))
    return result


def _densities(layers: tuple[Layer, ...], mask: Array) -> list[Array]:
    return [total(total(part)) / layer.weights for layer, part in zip(layers, _parts(layers, mask), strict=True)]


def _counted(layers: tuple[Layer, ...], masks: Array, steps: int, **conventions: bool) -> tuple[Array, Array, Array]:
    """Products per step of dense training, of LinBreg and, averaged over a cycle, of ML LinBreg."""
    selected, coarse, fine = masks[:, 0], masks[:, 1], masks[:, 2]
    full = 0 * selected + 1
    dense = _step(layers, full, full, **conventions)
    linbreg = _step(layers, selected, full, **conventions)
    cycle = steps * _step(layers, coarse, selected, **conventions) + _step(layers, fine, full, **conventions)
    return dense, linbreg, cycle / (steps + 1)


def _formulas(layers: tuple[Layer, ...], masks: Array, steps: int) -> tuple[Array, Array, Array]:
    f_dense = costs.dense(layers) + 0 * masks[:, 0, 0]
    f_sparse = costs.sparse(layers, _densities(layers, masks[:, 0]))
    return (
        costs.dense_step(f_dense),
        costs.linbreg_step(f_sparse, f_dense),
        costs.multilevel_step(f_sparse, f_dense, steps),
    )


_METHODS = ("SGD: 3 f_D", "LinBreg: 2 f_S + f_D", "ML LinBreg: (m·3 f_S + 2 f_S + f_D)/(m + 1)")


def _margin(compare: Any = equal, **conventions: bool) -> Any:
    def margin(layers: tuple[Layer, ...], masks: Array, steps: int) -> dict[str, Array]:
        counted, formulas = _counted(layers, masks, steps, **conventions), _formulas(layers, masks, steps)
        return {name: compare(a, b) for name, a, b in zip(_METHODS, counted, formulas, strict=True)}

    return margin


def _wrong(formula: Any) -> Any:
    """A mutant's margin: ``formula`` (f_S, f_D, m) in the place of the cost of a cycle of ML LinBreg."""

    def margin(layers: tuple[Layer, ...], masks: Array, steps: int) -> Array:
        f_sparse = costs.sparse(layers, _densities(layers, masks[:, 0]))
        return equal(_counted(layers, masks, steps)[2], formula(f_sparse, costs.dense(layers) + 0 * f_sparse, steps))

    return margin


def _proof() -> Proof:
    f_sparse, f_dense, m = symbols("f_S", "f_D", "m", positive=True)
    return Proof(
        (
            Step(
                "dense: all three passes go over all triples", (f_dense + f_dense + f_dense) - costs.dense_step(f_dense)
            ),
            Step(
                "LinBreg: forward and input gradient over those of the non-zero weights, weight gradient over all",
                (f_sparse + f_sparse + f_dense) - costs.linbreg_step(f_sparse, f_dense),
            ),
            Step(
                "a cycle: m steps with all passes over the non-zero weights, and one LinBreg step",
                (m * (f_sparse + f_sparse + f_sparse) + (2 * f_sparse + f_dense)) / (m + 1)
                - costs.multilevel_step(f_sparse, f_dense, m),
            ),
        ),
        "out[o] += w·in[i], d_in[i] += w·d_out[o] and d_w += d_out[o]·in[i] each multiply once for every triple (o, w, i) that the "
        "layer connects, whatever stride and padding are. Each weight is in as many triples as there are output positions, "
        "padding counted, so f_S = Σ r_l f_D,l.",
    )


def wide_resnet_28_10() -> list[tuple[Layer, sparse_initialisation.Shape]]:
    """The convolutions and the linear layer of WideResNet28-10 on 32 × 32 images with 10 classes, with their weights' shapes."""
    layers, inputs, side = [Layer(3, 16, 3, 32, 32, 1, 1)], 16, 32
    for outputs, stride in ((160, 1), (320, 2), (640, 2)):
        layers.append(Layer(inputs, outputs, 1, side, side, stride, 0))
        for block in range(4):
            layers.append(Layer(inputs, outputs, 3, side, side, stride if block == 0 else 1, 1))
            side, inputs = layers[-1].output_size[0], outputs
            layers.append(Layer(outputs, outputs, 3, side, side, 1, 1))
    layers.append(Layer(640, 10))
    return [(layer, (layer.outputs, layer.inputs, layer.kernel, layer.kernel)) for layer in layers]


def _percent(value: Any, digits: int = 1) -> str:
    return f"{100 * float(value):.{digits}f} %"


def measurements() -> tuple[Measurement, ...]:
    """What the paper's two percentages say about densities, and how large what the formulas leave out is."""
    network = wide_resnet_28_10()
    layers, shapes = [layer for layer, _ in network], [shape for _, shape in network]
    f_dense, half = costs.dense(layers), Fraction(1, 200)
    linbreg = [costs.density_of_linbreg(Fraction(38, 100) + shift) for shift in (-half, 0, half)]
    multilevel = [costs.density_of_multilevel(Fraction(6, 100) + shift, 99) for shift in (-half, 0, half)]
    other = costs.multilevel_step(linbreg[1], 1, 99) / 3
    weighted = {
        scheme: costs.sparse(layers, sparse_initialisation.densities(shapes, 0.05, scheme)) / f_dense
        for scheme in ("uniform", "er", "erk")
    }
    padding = sum(layer.dense_without_padding for layer in layers) / f_dense
    return (
        Measurement(
            "f_S/f_D of LinBreg, WideResNet28-10, from its share of the FLOPs of SGD",
            "38 %",
            f"{_percent(linbreg[1])} ({_percent(linbreg[0], 2)} to {_percent(linbreg[2], 2)} for 37.5 to 38.5 %)",
            "(2 f_S + f_D)/(3 f_D) solved for f_S/f_D, averaged over training; no density can bring it below 33.3 %",
        ),
        Measurement(
            "f_S/f_D of ML LinBreg, m = 99, WideResNet28-10, from its share of the FLOPs of SGD",
            "6 %",
            f"{_percent(multilevel[1])} ({_percent(multilevel[0], 2)} to {_percent(multilevel[2], 2)} for 5.5 to 6.5 %)",
            "(299 f_S + f_D)/(300 f_D) solved for f_S/f_D; the ranges do not meet, so the two numbers belong to two densities",
        ),
        Measurement(
            "the FLOPs of ML LinBreg at the density of LinBreg",
            "6 %",
            _percent(other),
            "(299·0.07 + 1)/300: most of the saving is the coarse steps, the rest is that ML LinBreg's network is sparser",
        ),
        Measurement(
            "f_S/f_D of WideResNet28-10 with 5 % of its weights: uniform, ER, ERK",
            "",
            ", ".join(_percent(weighted[scheme]) for scheme in ("uniform", "er", "erk")),
            "weights at large images cost more, so f_S/f_D is the share of non-zero weights for a uniform mask only",
        ),
        Measurement(
            "left out: the first layer needs no gradient of its inputs",
            "",
            f"{_percent(layers[0].dense / (3 * f_dense), 4)} of 3 f_D",
            f"f_D = {f_dense / 1e9:.2f}·10⁹ products, {sum(map(prod, shapes)) / 1e6:.1f}·10⁶ weights",
        ),
        Measurement(
            "left out: products with the zeros of the padding",
            "",
            f"{_percent(1 - padding)} of f_D",
            "then f_S also depends on which weights of a kernel survive: the ones in its corners are used less often",
        ),
    )


_COUNTED = {"layers": Networks(), "masks": Masks(), "steps": Counts(0, 5)}


@claim(
    "lunk2026/flops",
    title="FLOPs per training step",
    statement=r"3 f_D, \qquad 2 f_S + f_D, \qquad \frac{m \cdot 3 f_S + 2 f_S + f_D}{m + 1}, \qquad f_S = \sum_l r_l f_{D,l}",
    source=f"{SOURCE}, appendix C",
    reconstructed=True,
    hypotheses=(
        Hypothesis(
            "the first layer's input gradient is counted",
            "every layer passes a gradient on; without it: not the first one",
            margin=_margin(first_input=False),
        ),
        Hypothesis(
            "products with the padding are counted",
            "f_S = Σ r_l f_D,l; without it: products with zeros of the padding are left out, on both sides",
            margin=lambda layers, masks, steps: equal(
                _counted(layers, masks, steps, count_padding=False)[1],
                costs.linbreg_step(
                    sum(r * la.dense_without_padding for la, r in zip(layers, _densities(layers, masks[:, 0]), strict=True)),
                    sum(layer.dense_without_padding for layer in layers),
                ),
            ),
        ),
        Hypothesis(
            "the pattern does not change within a cycle",
            "without it: some of the selected weights are zero during the coarse steps",
            without={"masks": Masks(changing=True)},
        ),
    ),
    mutants=(
        Mutant("divided by m + 2", margin=_wrong(lambda s, d, m: (3 * m * s + 2 * s + d) / (m + 2))),
        Mutant("three sparse passes in the fine step", margin=_wrong(lambda s, d, m: 3 * (m + 1) * s / (m + 1) + 0 * d)),
        Mutant("two passes in a coarse step", margin=_wrong(lambda s, d, m: (2 * m * s + 2 * s + d) / (m + 1))),
        Mutant("a dense step in each cycle", margin=_wrong(lambda s, d, m: (3 * m * s + 3 * d) / (m + 1))),
        Mutant("LinBreg with a sparse weight gradient", patch=(costs, "linbreg_step", lambda s, d: 3 * s + 0 * d)),
        Mutant("dense training with two passes", patch=(costs, "dense_step", lambda d: 2 * d)),
        Mutant("m + 1 coarse steps", patch=(costs, "multilevel_step", lambda s, d, m: ((m + 1) * 3 * s + 2 * s + d) / (m + 2))),
        Mutant("positions of the input", patch=(Layer, "positions", property(lambda layer: layer.height * layer.width))),
        Mutant(
            "density not weighted with the layers' FLOPs",
            patch=(costs, "sparse", lambda layers, densities: sum(densities) / len(layers) * costs.dense(layers)),
        ),
    ),
    proof=_proof,
    measurements=measurements,
)  # fmt: skip
@given(**_COUNTED)
def flops(layers: tuple[Layer, ...], masks: Array, steps: int) -> dict[str, Array]:
    """Counted on small networks with loops over outputs, inputs and kernel positions, for strides, paddings and any masks. The
    formulas are exact under the paper's conventions: the first layer's input gradient and products with padding are counted, and
    f_S stays constant within a cycle. 38 % and 6 % follow from average densities f_S/f_D of 7.0 % and 5.7 %, each weighted with
    FLOPs; the sparsities of the same models are not in the text that we have."""
    margins: dict[str, Array] = _margin()(layers, masks, steps)
    return margins


def _bound_proof() -> Proof:
    now, chosen, full = symbols("f_now", "f_S", "f_D", positive=True)
    return Proof(
        (
            Step(
                "a coarse step: 2 f(now) + f(selected) = 3 f(selected) − 2 (f(selected) − f(now)), and now ⊆ selected",
                (2 * now + chosen) - (3 * chosen - 2 * (chosen - now)),
            ),
            Step(
                "the fine step: 2 f(now) + f_D = (2 f(selected) + f_D) − 2 (f(selected) − f(now))",
                (2 * now + full) - (costs.linbreg_step(chosen, full) - 2 * (chosen - now)),
            ),
        ),
        "What is not computed (input gradient of the first layer, products with the padding) only lowers the count.",
    )


@claim(
    "lunk2026/flops-bound",
    title="Real training costs no more than the FLOP formulas say",
    statement=r"\text{SGD} \le 3 f_D, \quad \text{LinBreg} \le 2 f_S + f_D, \quad "
    r"\text{ML LinBreg} \le \frac{m \cdot 3 f_S + 2 f_S + f_D}{m + 1}, \quad f_S \text{ at the restriction}",
    source=f"ours, after {SOURCE}, appendix C",
    hypotheses=(
        Hypothesis(
            "f_S is that of the restriction",
            "the most of the cycle; without it: f_S of the coarse steps",
            margin=lambda layers, masks, steps: at_most(
                _counted(layers, masks, steps, first_input=False)[2], _formulas(layers, masks[:, 1:], steps)[2]
            ),
        ),
    ),
    mutants=(
        Mutant("one pass less", patch=(costs, "dense_step", lambda d: 3 * d / 2)),
        Mutant("LinBreg with a sparse weight gradient", patch=(costs, "linbreg_step", lambda s, d: 3 * s + 0 * d)),
        Mutant("ML LinBreg without its fine step", patch=(costs, "multilevel_step", lambda s, d, m: 3 * m * s / (m + 1))),
        Mutant(
            "strided positions twice",
            patch=(Layer, "positions", property(lambda la: la.height * la.width // (2 * la.stride**2))),
        ),
    ),
    proof=_bound_proof,
)  # fmt: skip
@given(layers=Networks(), masks=Masks(changing=True), steps=Counts(0, 5))
def flops_bound(layers: tuple[Layer, ...], masks: Array, steps: int) -> dict[str, Array]:
    """What a training run computes when it skips what it may: no input gradient in the first layer, no padding, and the weights
    that became zero during the coarse steps. These stay selected, so their gradient is still computed."""
    margins: dict[str, Array] = _margin(at_most, count_padding=False, first_input=False)(layers, masks, steps)
    return margins
