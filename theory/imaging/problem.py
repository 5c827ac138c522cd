"""An imaging problem min f(x) over dom φ, and the coarse problem of the same kind on half the grid.

symbol | here          | meaning
-------|---------------|----------------------------------------------------------------------------------
f      | `loss`        | a data term of A x, with A an operator on images
φ      | `reference`   | a Legendre function; x lives in int dom φ
L      | `smoothness`  | L·φ − f is convex on int dom φ; its proof is in the docstring of the loss
R, P   | `coarse`      | cell-centred full weighting and bilinear prolongation, P = 4Rᵀ

The coarse problem is the same physical problem, discretised on half the grid (``operator.coarse()``), with restricted data, rather
than the Galerkin RAP: it keeps what makes an iteration cheap (a separable blur, a sparse projector: a quarter of the fine work) and
what its smoothness constant needs (no negative entry, no zero row), and differs from RAP by the error of discretisation
alone, whose first order at the current point the linear correction of MGOPT removes. Its weight makes f_c comparable with
f∘P/4, whose gradient is R∇f(P·), so that the corrected model has about the right curvature; see `CoarseOperator`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from ..arrays import Array, check_finite, check_vector
from ..losses.operator_loss import OperatorLoss
from ..operators import GridOperator, GridTransfer
from ..references import Reference


@dataclass(frozen=True, eq=False)
class ImagingProblem:
    """min f over dom φ from a strictly feasible start.

    ``start``: x⁰ ∈ int dom φ, shape (d,), d = n². ``truth``: the image behind the data, shape (d,). ``coarsest``: there is no
    grid with fewer than this many pixels per axis.
    """

    loss: OperatorLoss
    reference: Reference
    start: Array
    truth: Array
    coarsest: int = 8

    def __post_init__(self) -> None:
        if not isinstance(self.loss.operator, GridOperator):
            raise TypeError(f"loss.operator must be a GridOperator, got {self.loss.operator!r}")
        if self.coarsest < 1:
            raise ValueError(f"coarsest must be ≥ 1, got {self.coarsest}")
        for name in ("start", "truth"):
            image = np.array(getattr(self, name), dtype=np.float64)
            if image.shape != (self.dimension,):
                raise ValueError(f"{name} must have shape ({self.dimension},), got {image.shape}")
            check_finite(name, image).flags.writeable = False
            object.__setattr__(self, name, image)
        if not bool(self.reference.in_domain(self.start)):
            low, high = self.start.min(), self.start.max()
            raise ValueError(f"start must be in the interior of dom {self.reference!r}, got values in [{low}, {high}]")

    @property
    def operator(self) -> GridOperator:
        """A."""
        operator = self.loss.operator
        assert isinstance(operator, GridOperator)
        return operator

    @property
    def side(self) -> int:
        """n, the pixels per axis."""
        return self.operator.side

    @property
    def dimension(self) -> int:
        """d = n²."""
        return self.loss.dimension

    @cached_property
    def smoothness(self) -> float:
        """L; for tomography with least squares it costs 21 products with AᵀA, once."""
        return self.loss.relative_smoothness(self.reference)

    def image(self, x: Array) -> Array:
        """x as an image, shape ``(..., d) → (..., n, n)``."""
        check_vector("x", x, self.dimension)
        return x.reshape(*x.shape[:-1], self.side, self.side)

    def coarse(self) -> tuple[ImagingProblem, GridTransfer] | None:
        """The problem on half the grid with the transfer between them, or None on the coarsest grid; made once."""
        return self._coarse

    @property
    def levels(self) -> int:
        """The number of grids, this one included."""
        below = self.coarse()
        return 1 if below is None else 1 + below[0].levels

    @cached_property
    def _coarse(self) -> tuple[ImagingProblem, GridTransfer] | None:
        if self.side % 2 or self.side // 2 < self.coarsest:
            return None
        transfer = GridTransfer.cell_centred(self.side)
        operator, restrict_data, weight = self.operator.coarse()
        loss = self.loss.moved(operator, restrict_data.restrict(self.loss.data), weight)
        start, truth = transfer.restrict(self.start), transfer.restrict(self.truth)
        return replace(self, loss=loss, start=start, truth=truth), transfer
