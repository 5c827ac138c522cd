"""Two-level problems: a fine and a coarse objective, their references, and the transfer between the levels.

The objectives are sums of ridge functions, f(x) = w Σᵢ h(⟨aᵢ, x⟩, bᵢ), all of them exact on Fractions where h is:

h         | h(z, b)                                     | L relative to the reference
----------|---------------------------------------------|------------------------------------------------------------------
`square`  | ½(z − b)²                                   | w‖A‖² (Euclidean), w‖A‖²/4 (Fermi–Dirac)
`huber`   | t²/2 for |t| ≤ 1, |t| − ½ beyond, t = z − b | the same
`wells`   | two wells in t, the hump between them steep | the same; not convex
`linear`  | bz                                          | any: 1 is taken
`poisson` | z − b log z, A ≥ 0, b > 0                   | w Σ bᵢ (Burg); its values are irrational, its gradients not

The transfers are R and P = cRᵀ: full weighting in one dimension in both conventions, selections, and any R. For an orthant
R ≥ 0 without a zero row, for the box with row sums ≤ 1 in addition, so that Ry is in Ĉ.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from typing import Any, final

import numpy as np

from ...theory.arrays import Array, Real, is_exact, namespace, scalar, total
from ...theory.losses.data import Data, is_rational, refuse_exact
from ...theory.operators.grid_transfer import GridTransfer
from ...theory.references import Burg, Euclidean, FermiDirac, Reference, Shannon
from ...theory.relative_problem import RelativeProblem

REFERENCES: dict[str, Reference] = {
    "euclidean": Euclidean(),
    "burg": Burg(),
    "fermi_dirac": FermiDirac(),
    "shannon": Shannon(),
}
#: The ridge functions that are convex and have a constant relative to each reference.
CONVEX = {
    "euclidean": ("square", "huber", "linear"),
    "burg": ("linear", "poisson"),
    "fermi_dirac": ("square", "huber", "linear"),
    "shannon": ("linear",),
}
RIDGES = ("square", "huber", "wells", "linear", "poisson")
TRANSFERS = ("cell", "vertex", "any", "selection", "unrelated")


@final
@dataclass(frozen=True, eq=False, repr=False)
class RidgeSum:
    """f(x) = w Σᵢ h(⟨aᵢ, x⟩, bᵢ): ``matrix`` A (rows, d), ``target`` b (rows,), ``ridge`` h, ``weight`` w > 0.

    ``steepness``: −h″ on the hump of `wells`; the other curvature of `wells` is 1.
    """

    matrix: Array
    target: Array
    ridge: str = "square"
    weight: Real = 1
    steepness: int = 1

    def __post_init__(self) -> None:
        if self.ridge not in RIDGES:
            raise ValueError(f"ridge must be one of {RIDGES}, got {self.ridge!r}")
        rational = is_rational(self.matrix, self.target)
        rows = Data("matrix", self.matrix, 2, rational=rational)
        offsets = Data("target", self.target, 1, rational=rational)
        if len(rows.array) != len(offsets.array):
            raise ValueError(f"target must have one entry for each of {len(rows.array)} rows, got {len(offsets.array)}")
        for name, value in (("matrix", rows.array), ("target", offsets.array), ("_stored", (rows, offsets))):
            object.__setattr__(self, name, value)

    def __repr__(self) -> str:
        hump = f" with h″ = −{self.steepness} on the hump" if self.ridge == "wells" else ""
        return f"{self.weight}·Σ {self.ridge}(Ax, b){hump}, A = {_rows(self.matrix)}, b = {_rows(self.target)}"

    def value(self, x: Array) -> Array:
        """f(x)."""
        z, b, w = self._forms(x)
        xp, t = namespace(x), z - b
        if self.ridge == "linear":
            return w * total(b * z)
        if self.ridge == "poisson":
            return w * total(z - b * np.log(refuse_exact("poisson", z)))
        if self.ridge == "square":
            return w * total(t * t / 2)
        if self.ridge == "huber":
            return w * total(xp.where(abs(t) <= 1, t * t / 2, abs(t) - scalar(Fraction(1, 2), x)))
        k, end = self._hump(x)
        hump = scalar(Fraction(1, 2), x) + (t - 1) - k * (t - 1) ** 2 / 2
        return w * total(xp.where(t <= 1, t * t / 2, xp.where(t <= end, hump, (t - end - 1) ** 2 / 2)))

    def gradient(self, x: Array) -> Array:
        """∇f(x)."""
        z, b, w = self._forms(x)
        xp, t = namespace(x), z - b
        if self.ridge == "linear":
            slope = b + 0 * z
        elif self.ridge == "poisson":
            slope = 1 - b / z
        elif self.ridge == "square":
            slope = t
        elif self.ridge == "huber":
            slope = xp.where(abs(t) <= 1, t, xp.where(t > 0, 1 + 0 * t, -1 + 0 * t))
        else:
            k, end = self._hump(x)
            slope = xp.where(t <= 1, t, xp.where(t <= end, 1 - k * (t - 1), t - end - 1))
        return w * (slope @ self.__dict__["_stored"][0].like(x))

    def constant(self, reference: Reference) -> Real:
        """L relative to the reference: for matrices of Fractions a rational bound of ‖A‖², exact for one row."""
        if self.ridge == "linear":
            return 1
        if self.ridge == "poisson":
            return self.weight * sum(self.target)
        gram = self.matrix.T @ self.matrix
        if is_exact(gram):
            square = min(max(sum(abs(entry) for entry in row) for row in gram), sum(np.diag(gram)))
        else:
            square = float(np.linalg.eigvalsh(gram)[-1]) * (1 + 1e-12)
        return (self.weight * square / (4 if isinstance(reference, FermiDirac) else 1)) or 1

    def _forms(self, x: Array) -> tuple[Array, Array, Real]:
        rows, offsets = self.__dict__["_stored"]
        return x @ rows.like(x).T, offsets.like(x), scalar(self.weight, x)

    def _hump(self, x: Array) -> tuple[Real, Real]:
        return scalar(self.steepness, x), scalar(1 + Fraction(2, self.steepness), x)


@final
@dataclass(frozen=True)
class Valley:
    """½x₁² + ½x₂²/w: ℓ = 1, minimiser 0, minimum 0."""

    width: int

    def value(self, x: Array) -> Array:
        return (x[..., 0] ** 2 + x[..., 1] ** 2 / self.width) / 2

    def gradient(self, x: Array) -> Array:
        return np.stack([x[..., 0], x[..., 1] / self.width], axis=-1)


@final
@dataclass(frozen=True, eq=False, repr=False)
class MatrixTransfer:
    """R, shape (d̂, d), and P, shape (d, d̂), as small dense matrices; c where P = cRᵀ, None where it is not."""

    restriction: Array
    prolongation: Array
    factor: Real | None

    @staticmethod
    def adjoint(restriction: Array, factor: Real) -> MatrixTransfer:
        """P = cRᵀ."""
        return MatrixTransfer(restriction, scalar(factor, restriction) * restriction.T, factor)

    def __post_init__(self) -> None:
        rational = is_rational(self.restriction, self.prolongation)
        object.__setattr__(self, "_down", Data("restriction", self.restriction, 2, rational=rational))
        object.__setattr__(self, "_up", Data("prolongation", self.prolongation, 2, rational=rational))

    def __repr__(self) -> str:
        prolongation = _rows(self.prolongation) if self.factor is None else f"{self.factor}·Rᵀ"
        return f"R = {_rows(self.restriction)}, P = {prolongation}"

    def restrict(self, x: Array) -> Array:
        """Rx."""
        return x @ self.__dict__["_down"].like(x).T

    def prolong(self, x: Array) -> Array:
        """Px."""
        return x @ self.__dict__["_up"].like(x).T


def _rows(values: Any) -> str:
    """(1, 2), ((1, 0), (0, 1))."""
    array = np.asarray(values)
    return str(array.item()) if array.ndim == 0 else "(" + ", ".join(map(_rows, array)) + ")"


def levels(
    fine: RidgeSum, coarse: RidgeSum, transfer: MatrixTransfer, reference: Reference | str = "euclidean"
) -> RelativeProblem:
    """The two-level problem with the constants of its objectives."""
    phi = REFERENCES[reference] if isinstance(reference, str) else reference
    below = RelativeProblem(coarse, phi, coarse.constant(phi), coarse.matrix.shape[1])
    return RelativeProblem(fine, phi, fine.constant(phi), fine.matrix.shape[1], below=(below, transfer))


@cache
def grid_matrix(kind: str, n: int) -> Array:
    """Full weighting of n points on a line, `cell` or `vertex` centred, in floats (all of them dyadic)."""
    make = GridTransfer.cell_centred if kind == "cell" else GridTransfer.vertex_centred
    matrix = make(n, 1).restriction.toarray()
    matrix.flags.writeable = False  # it is handed out again
    return matrix
