"""Linear operators of imaging, and the transfers between the grids of a hierarchy."""

from .base import CoarseOperator, GridOperator, LinearOperator
from .blur import GaussianBlur
from .grid_transfer import GridTransfer
from .matrix import MatrixOperator
from .radon import Radon

__all__ = [
    "CoarseOperator",
    "GaussianBlur",
    "GridOperator",
    "GridTransfer",
    "LinearOperator",
    "MatrixOperator",
    "Radon",
]
