"""Inverse problems of imaging: phantom, noise, a catalogue with known constants of smoothness and coarse models."""

from .catalogue import (
    IMAGING_PROBLEMS,
    gaussian_deblurring,
    gaussian_tomography,
    poisson_deblurring,
    poisson_tomography,
)
from .compressed_sensing import CompressedSensing, compressed_sensing
from .noise import PoissonData, gaussian_noise, poisson_noise
from .phantom import phantom
from .problem import ImagingProblem

__all__ = [
    "IMAGING_PROBLEMS",
    "CompressedSensing",
    "ImagingProblem",
    "PoissonData",
    "compressed_sensing",
    "gaussian_deblurring",
    "gaussian_noise",
    "gaussian_tomography",
    "phantom",
    "poisson_deblurring",
    "poisson_noise",
    "poisson_tomography",
]
