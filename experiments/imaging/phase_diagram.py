"""LinBreg's success over undersampling δ = m/d and sparsity ρ = k/m, a stored result for each number of measurements."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple, final

import numpy as np

from ...theory.arrays import Array
from .sparse_recovery import Setting, trials
from .stored_results import Store, environment


@final
@dataclass(frozen=True)
class Diagram:
    """What the numbers depend on. δ and ρ are the midpoints of ``grid`` equal parts of (0, 1); m and k are rounded."""

    dimension: int
    count: int
    """Trials in a cell."""
    grid: int
    seed: int
    setting: Setting

    def __post_init__(self) -> None:
        for name, least in (("dimension", 2), ("count", 1), ("grid", 1), ("seed", 0)):
            if getattr(self, name) < least:
                raise ValueError(f"{name} must be ≥ {least}, got {getattr(self, name)}")
        if len(set(self.measurements)) < self.grid or self.measurements[0] < 1:
            raise ValueError(f"grid must be at most {self.dimension} / 2, a part for every two m, got {self.grid}")

    @property
    def midpoints(self) -> Array:
        """The values of δ and of ρ."""
        return (np.arange(self.grid) + 0.5) / self.grid

    @property
    def measurements(self) -> tuple[int, ...]:
        """m = δd for each δ."""
        return tuple(round(float(delta) * self.dimension) for delta in self.midpoints)

    def sparsities(self, measurements: int) -> tuple[int, ...]:
        """k = ρm for each ρ."""
        return tuple(round(float(rho) * measurements) for rho in self.midpoints)


class Success(NamedTuple):
    """The diagram; arrays of shape (grid, grid), ρ by δ."""

    diagram: Diagram
    rate: Array
    """The share of trials with a relative error within the tolerance."""
    steps: Array
    """LinBreg's steps, the mean over the trials."""
    converged: float
    """The share of all trials that met the stopping test."""


def success(diagram: Diagram, folder: Path, *, fresh: bool, said: Callable[[str], None]) -> Success:
    """All cells, with what is stored in ``folder`` unless ``fresh``; ``said`` hears of each number of measurements."""
    configuration = asdict(diagram)
    del configuration["grid"], configuration["count"]  # they are in the sparsities and in the result
    machine = environment()
    columns = []
    for m in diagram.measurements:
        sparsities = diagram.sparsities(m)
        own: dict[str, Any] = {**configuration, "measurements": m, "sparsities": sparsities, "trials": diagram.count}
        store, name = Store(folder, own, machine), f"measurements-{m}"
        if fresh:
            store.forget(name)
        column = store.load(name)
        said(f"m = {m}{': kept' if column is not None else ''}")
        if column is None:
            found = trials(diagram.dimension, m, sparsities, diagram.count, diagram.seed, diagram.setting)
            column = {
                "relative_errors": found.errors.tolist(),
                "steps": found.steps.tolist(),
                "converged": found.converged.tolist(),
            }
            store.save(name, column)
        columns.append(column)
    errors, steps, converged = (
        np.stack([np.asarray(column[key]) for column in columns], axis=1)
        for key in ("relative_errors", "steps", "converged")
    )
    rate = (errors <= diagram.setting.tolerance).mean(axis=-1)
    return Success(diagram, rate, steps.mean(axis=-1), float(converged.mean()))


def half_rate(success: Success) -> list[float | None]:
    """For each δ the ρ at which the rate falls through ½, linear between cells; None where it does not."""
    rho = success.diagram.midpoints
    found: list[float | None] = []
    for column in success.rate.T:
        above = np.flatnonzero(column >= 0.5)
        last = int(above[-1]) if above.size else -1
        if last < 0 or last + 1 == len(rho):
            found.append(None)
            continue
        share = (column[last] - 0.5) / (column[last] - column[last + 1])
        found.append(float(rho[last] + share * (rho[last + 1] - rho[last])))
    return found
