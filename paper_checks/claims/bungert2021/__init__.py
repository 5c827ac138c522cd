"""The claims of bungert2021 (arXiv 2105.04319v1). Importing this package registers them.

section 2    `linearisation` ((2.7), (2.9)), `inertia` ((2.12)–(2.14)), `gradient_memory` ((2.5)), `flows`
section 3.1  `loss_decay` (3.2), `summability` (3.3), `momentum_decay` (3.4), `vanishing_momentum` (3.5), `example` (3.6)
section 3.2  `convergence_in_norm`, `convergence_of_iterates` (3.7), `convergence_in_distance`, `convergence_repaired`,
             `sparse_assumption` (3.8), `rates`, `rates_repaired` (3.9)
section 4.1  `initialisation` ((4.3))
appendices   `divergences` (B.1, B.2, remark 3.1), `proof_steps_decay`, `proof_steps_sums` (proofs of 3.2, 3.3),
             `proof_steps_convergence`, `proof_steps_decrease` (3.7), `proof_steps_distance`, `proof_steps_limits` (3.8)

`distance_steps`, `distance_runs` and `momentum_paths` hold what several of them share.
"""

from . import (
    convergence_in_distance,
    convergence_in_norm,
    convergence_of_iterates,
    convergence_repaired,
    divergences,
    example,
    flows,
    gradient_memory,
    inertia,
    initialisation,
    linearisation,
    loss_decay,
    momentum_decay,
    proof_steps_convergence,
    proof_steps_decay,
    proof_steps_decrease,
    proof_steps_distance,
    proof_steps_limits,
    proof_steps_sums,
    rates,
    rates_repaired,
    sparse_assumption,
    summability,
    vanishing_momentum,
)

__all__ = [
    "convergence_in_distance",
    "convergence_in_norm",
    "convergence_of_iterates",
    "convergence_repaired",
    "divergences",
    "example",
    "flows",
    "gradient_memory",
    "inertia",
    "initialisation",
    "linearisation",
    "loss_decay",
    "momentum_decay",
    "proof_steps_convergence",
    "proof_steps_decay",
    "proof_steps_decrease",
    "proof_steps_distance",
    "proof_steps_limits",
    "proof_steps_sums",
    "rates",
    "rates_repaired",
    "sparse_assumption",
    "summability",
    "vanishing_momentum",
]
