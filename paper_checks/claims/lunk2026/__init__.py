"""The claims of lunk2026 (arXiv 2602.03535). Importing this package registers them.

section 3    `transfer` (3.1, 3.2), `mirror_descent`, `coarse` ((13), coherence), `support`
section 4    `smoothness`, `assumptions` (assumptions 1, 2), `convergence` (4.1), `plateau` (4.2), `sparse_convergence`,
             `sublinear` (what is left of 4.1 with sparsity), `whole_procedure`
appendix A   `descent` (A.1, the step of A.2), `linear_rate`, `rates_of_norms` (A.2), `coarse_steps` (A.3),
             `quiet_coarse_steps` (A.4); `coarse_phase` is what they share
appendix B   `variance_reduction` (B.1), `reduced_coarse_steps` (B.2)
appendix C   `flops`, counted by `counted_products`
appendix D   `initialisation`, measured in `deep_networks`
"""

from . import (
    assumptions,
    coarse,
    coarse_steps,
    convergence,
    descent,
    flops,
    initialisation,
    linear_rate,
    mirror_descent,
    plateau,
    quiet_coarse_steps,
    rates_of_norms,
    reduced_coarse_steps,
    smoothness,
    sparse_convergence,
    sublinear,
    support,
    transfer,
    variance_reduction,
    whole_procedure,
)

__all__ = [
    "assumptions",
    "coarse",
    "coarse_steps",
    "convergence",
    "descent",
    "flops",
    "initialisation",
    "linear_rate",
    "mirror_descent",
    "plateau",
    "quiet_coarse_steps",
    "rates_of_norms",
    "reduced_coarse_steps",
    "smoothness",
    "sparse_convergence",
    "sublinear",
    "support",
    "transfer",
    "variance_reduction",
    "whole_procedure",
]
