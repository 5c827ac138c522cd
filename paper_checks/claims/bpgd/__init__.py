"""The claims about Bregman proximal gradient, x⁺ = ∇φ*(∇φ(x) − τ∇f(x)). Importing this package registers them.

`descent`          the three-point identity and the descent of one step
`rates`            O(1/k) for convex f; linear under the PL-type inequality
`strong_convexity` linear for f strongly convex relative to φ
`pl_inequality`    whether that convexity gives the PL-type inequality
`poisson`          the Kullback–Leibler data term relative to Burg
`domain`           whether the step exists, and where the iterates are
`mirror_steps`     what they share: the steps, and the bugs that are planted in them
"""

from . import descent, domain, pl_inequality, poisson, rates, strong_convexity

__all__ = ["descent", "domain", "pl_inequality", "poisson", "rates", "strong_convexity"]
