"""Losses with known constants: ℓ, μ, the Polyak–Łojasiewicz constant η, the infimum L* and a minimiser."""

from .base import Loss
from .finite_sum import FiniteSum
from .huber import Huber
from .least_squares import LeastSquares
from .linear_model import LinearModel
from .log_cosh import LogCosh
from .logistic import Logistic
from .matrix_factorization import MatrixFactorization
from .separable import Quadratic, Quartic
from .sine_quadratic import SINE_QUADRATIC_PL, SineQuadratic
from .two_wells import TwoWells

__all__ = [
    "SINE_QUADRATIC_PL",
    "FiniteSum",
    "Huber",
    "LeastSquares",
    "LinearModel",
    "LogCosh",
    "Logistic",
    "Loss",
    "MatrixFactorization",
    "Quadratic",
    "Quartic",
    "SineQuadratic",
    "TwoWells",
]
