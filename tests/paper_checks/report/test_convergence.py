"""The convergence studies: bounds that are theorems hold on every iterate, and a broken solver is reported."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mlbreg.paper_checks.report import convergence, convergence_figure, schema, solver_runs
from mlbreg.paper_checks.report.document import strict
from mlbreg.theory.problems import Problem

STUDIES = {study["name"]: study for study in convergence.studies()}


@pytest.mark.parametrize("name", STUDIES)
def test_a_bound_holds_for_the_solvers_that_its_theorem_is_about(name: str) -> None:
    study = STUDIES[name]
    bound = np.asarray(study["bound"]["values"])
    bounded = [run for run in study["runs"] if run["bounded"]]
    assert bounded
    for run in bounded:
        assert run["error"] is None
        assert (np.asarray(run["values"]) <= bound * (1 + 1e-12)).all()
        assert 0 < run["worst_ratio"] <= 1


def test_the_bound_is_what_the_stated_constants_give() -> None:
    constants = STUDIES["strongly-convex"]["constants"]
    nu = constants["μ"] / (1 / constants["δ"] + 4 * constants["λ"] / constants["m"])
    assert constants["ν"] == pytest.approx(nu)
    ratio = STUDIES["strongly-convex"]["bound"]["values"][1] / STUDIES["strongly-convex"]["bound"]["values"][0]
    assert ratio == pytest.approx((1 - constants["τ"] * nu) / (1 + constants["τ"] * nu))
    constants = STUDIES["convex"]["constants"]
    assert STUDIES["convex"]["bound"]["values"][10] == pytest.approx(constants["J_δ(θ*)"] / (10 * constants["τ"]))
    constants = STUDIES["non-convex"]["constants"]
    assert constants["factor"] == pytest.approx(1 - constants["η"] / constants["ℓ"])


def test_the_bounds_are_not_empty_words() -> None:
    """A step size three times too large leaves the strongly convex bound."""
    study = STUDIES["strongly-convex"]
    with np.errstate(all="ignore"):
        values = _distances(3 * study["constants"]["τ"], len(study["bound"]["values"]) - 1)
    assert (values > study["bound"]["values"]).any()


def _distances(tau: float, steps: int) -> Any:
    seen: list[np.ndarray] = []
    original = solver_runs.linbreg

    def capture(_: float) -> solver_runs.Solver:
        solver = original(tau)

        def iterates(problem: Problem, __: int) -> np.ndarray:
            thetas = solver.iterates(problem, steps)
            star = problem.loss.minimizer()
            assert star is not None
            seen.append(((thetas - star) ** 2).sum(axis=-1))
            return thetas

        return solver_runs.Solver(solver.kind, solver.name, solver.settings, iterates)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(convergence, "linbreg", capture)
        convergence._strongly_convex()
    return seen[0]


def _broken(kind: str) -> Any:
    def iterates(problem: Problem, steps: int) -> np.ndarray:
        if kind == "raises":
            raise ValueError("gradient must be finite, got nan")
        fill = {"nan": np.nan, "huge": 1e200}[kind]
        return np.full((steps + 1, problem.dimension), fill)

    return lambda *_: solver_runs.Solver("linbreg", "LinBreg", "broken", iterates)


@pytest.mark.parametrize("kind", ["raises", "nan", "huge"])
def test_a_broken_solver_does_not_cost_the_report(kind: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("linbreg", "momentum", "adabreg", "multilevel", "proxgd"):
        monkeypatch.setattr(convergence, name, _broken(kind))
    for study in convergence.studies.__wrapped__():
        path = convergence_figure.draw(study, tmp_path, f"{study['name']}.svg").path
        assert schema.violations(strict({**study, "figure": path}), "Convergence") == []
        run = study["runs"][0]
        assert (
            run["error"] == "ValueError: gradient must be finite, got nan" if kind == "raises" else run["error"] is None
        )
        assert run["worst_ratio"] is None or not run["worst_ratio"] <= 1
