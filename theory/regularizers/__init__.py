"""The regularizer zoo: value, prox, conjugate, subdifferential and domain of every J that the papers use."""

from .base import Regularizer
from .group import GroupL2
from .mixture import Mixture
from .nuclear import Nuclear
from .separable import L1, Box, NonNegative, WeightedL1, Zero

__all__ = ["L1", "Box", "GroupL2", "Mixture", "NonNegative", "Nuclear", "Regularizer", "WeightedL1", "Zero"]
