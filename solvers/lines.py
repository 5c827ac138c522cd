"""An objective along a line α ↦ f(y + αd), with the products that its points share computed once.

objective              | a value f(y + αd)  | in a search                | the gradient where it ends
-----------------------|--------------------|----------------------------|---------------------------
any                    | f                  | a value for each trial     | a gradient
L(Ax), `OperatorLoss`  | L at Ay + αAd      | Ay and Ad: two products    | Aᵀ: one product

A coarse model ψ = f_c + ⟨t, ·⟩ along a line is f_c with a linear term, so it has what f_c has. α has batch shape.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import final

import numpy as np

from ..theory.arrays import Array, column, inner
from ..theory.losses.operator_loss import OperatorLoss
from .coarse_model import CoarseModel
from .levels import Objective


class Line(ABC):
    """f on y + αd. ``shares_products`` is True where all values together cost two products with A."""

    shares_products: bool

    @abstractmethod
    def value(self, alpha: Array, point: Array) -> Array:
        """f(y + αd), shape (...); ``point`` is y + αd."""

    @abstractmethod
    def gradient(self, alpha: Array, point: Array) -> Array:
        """∇f(y + αd), shape (..., d)."""


@final
@dataclass(frozen=True, eq=False)
class PlainLine(Line):
    """Every point on its own."""

    loss: Objective
    shares_products = False

    def value(self, alpha: Array, point: Array) -> Array:
        return np.asarray(self.loss.value(point))

    def gradient(self, alpha: Array, point: Array) -> Array:
        return self.loss.gradient(point)


@final
@dataclass(frozen=True, eq=False)
class ImageLine(Line):
    """L(Ay + αAd) + ⟨t, y + αd⟩: ``image`` Ay and ``change`` Ad, shape (..., m); ``tilt`` t or None."""

    loss: OperatorLoss
    image: Array
    change: Array
    tilt: Array | None
    shares_products = True

    def _at(self, alpha: Array) -> Array:
        return self.image + column(alpha) * self.change

    def value(self, alpha: Array, point: Array) -> Array:
        value = np.asarray(self.loss.value_at(self._at(alpha)))
        return value if self.tilt is None else value + inner(self.tilt, point)

    def gradient(self, alpha: Array, point: Array) -> Array:
        gradient = self.loss.operator.adjoint(self.loss.slope_at(self._at(alpha)))
        return gradient if self.tilt is None else gradient + self.tilt


def line(objective: Objective, y: Array, direction: Array) -> Line:
    """The objective along y + αd."""
    model = objective if isinstance(objective, CoarseModel) else CoarseModel(objective)
    if not isinstance(model.loss, OperatorLoss):
        return PlainLine(objective)
    operator = model.loss.operator
    return ImageLine(model.loss, operator.apply(y), operator.apply(direction), model.tilt)
