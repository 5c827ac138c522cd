"""``mlbreg phase-diagram``: trials, the diagram, the command."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from matplotlib.figure import Figure
from mlbreg.experiments.imaging import phase_diagram_figure
from mlbreg.experiments.imaging.phase_diagram import Diagram, Success, half_rate, success
from mlbreg.experiments.imaging.phase_diagram_command import phase_diagram
from mlbreg.experiments.imaging.sparse_recovery import Setting, trials
from mlbreg.theory.imaging import compressed_sensing
from scipy.optimize import linprog
from typer.testing import CliRunner, Result

SMALL = Diagram(dimension=30, count=2, grid=3, seed=0, setting=Setting(most_steps=1000))


def run(*arguments: str) -> Result:
    application = typer.Typer()
    application.command()(phase_diagram)
    return CliRunner().invoke(application, list(arguments))


def silent(_: str) -> None:
    pass


def test_linbreg_recovers_what_l1_minimisation_recovers() -> None:
    """A linear program says when; α is so large that the limit is that of ℓ1."""
    sparsities, count, m, d = (1, 4, 7, 10), 3, 14, 24
    found = trials(d, m, sparsities, count, 3, Setting(alpha=300, most_steps=30_000))
    assert found.converged.all()
    expected = np.zeros((len(sparsities), count), dtype=bool)
    for j in range(count):
        seed = int(np.random.SeedSequence((3, m, j)).generate_state(1)[0])
        for i, k in enumerate(sparsities):
            instance = compressed_sensing(d, m, k, seed=seed)
            matrix, target = instance.problem.loss.matrix, instance.problem.loss.target  # type: ignore[attr-defined]
            solved = linprog(np.ones(2 * d), A_eq=np.hstack([matrix, -matrix]), b_eq=target, method="highs")
            error = np.linalg.norm(solved.x[:d] - solved.x[d:] - instance.truth) / np.linalg.norm(instance.truth)
            expected[i, j] = error <= 1e-2
    np.testing.assert_array_equal(found.errors <= 1e-2, expected)
    assert 0 < expected.sum() < expected.size


def test_trials_depend_on_the_seed_and_on_nothing_beside_them() -> None:
    setting = Setting(most_steps=300)
    both = trials(20, 12, (1, 3), 3, 5, setting)
    np.testing.assert_array_equal(trials(20, 12, (1, 3), 2, 5, setting).errors, both.errors[:, :2])
    np.testing.assert_allclose(trials(20, 12, (3,), 3, 5, setting).errors[0], both.errors[1], rtol=1e-9)
    assert not np.array_equal(trials(20, 12, (1, 3), 3, 6, setting).errors, both.errors)


def test_a_zero_truth_is_recovered_at_once_and_a_trial_out_of_steps_has_not_converged() -> None:
    found = trials(20, 12, (0, 6), 1, 0, Setting(most_steps=3))
    assert found.errors[0, 0] == 0
    assert found.steps[:, 0].tolist() == [0, 3]
    assert found.converged[:, 0].tolist() == [True, False]


def test_an_interrupted_diagram_goes_on_and_gives_the_same(tmp_path: Path) -> None:
    whole = success(SMALL, tmp_path / "whole", fresh=False, said=silent)

    def interrupt(text: str) -> None:
        if text.startswith(f"m = {SMALL.measurements[1]}"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        success(SMALL, tmp_path / "parts", fresh=False, said=interrupt)
    heard: list[str] = []
    resumed = success(SMALL, tmp_path / "parts", fresh=False, said=heard.append)
    assert heard == ["m = 5: kept", "m = 15", "m = 25"]
    np.testing.assert_array_equal(resumed.rate, whole.rate)
    np.testing.assert_array_equal(resumed.steps, whole.steps)
    heard.clear()
    success(SMALL, tmp_path / "parts", fresh=True, said=heard.append)
    assert not any("kept" in line for line in heard)


def test_the_rate_falls_with_the_sparsity_and_rises_with_the_measurements(tmp_path: Path) -> None:
    found = success(Diagram(40, 6, 4, 0, Setting()), tmp_path, fresh=False, said=silent)
    assert found.rate[0, -1] == 1
    assert found.rate[-1, 0] == 0
    assert np.all(np.diff(found.rate.mean(axis=1)) <= 0)
    assert np.all(np.diff(found.rate.mean(axis=0)) >= 0)


def test_half_the_trials_are_found_between_cells() -> None:
    diagram = Diagram(40, 4, 4, 0, Setting())
    rate = np.array([[1, 1, 0.0, 1], [0.75, 1, 0, 1], [0.25, 0.5, 0, 1], [0, 0, 0, 1]])
    halves = half_rate(Success(diagram, rate, rate, 1.0))
    assert halves == [pytest.approx(0.5), pytest.approx(0.625), None, None]


def test_the_figure_has_labels_both_transitions_and_the_rates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Figure] = []

    def catch(figure: Figure, path: Path) -> tuple[Path, ...]:
        seen.append(figure)
        return (path,)

    monkeypatch.setattr(phase_diagram_figure, "save", catch)
    rate = np.linspace(0, 1, 9).reshape(3, 3)
    phase_diagram_figure.draw_phase_diagram(Success(SMALL, rate, rate, 1.0), tmp_path / "x")
    axes = seen[0].axes[0]
    assert "undersampling" in axes.get_xlabel()
    assert "sparsity" in axes.get_ylabel()
    np.testing.assert_array_equal(axes.images[0].get_array(), rate)
    assert axes.images[0].origin == "lower"
    l1, limit = (np.asarray(line.get_xydata()) for line in axes.lines)
    assert np.interp(0.5, l1[:, 0], l1[:, 1]) == pytest.approx(0.3857, abs=1e-3)
    assert np.all(limit[:, 1] < l1[:, 1])


def test_the_command_writes_results_and_a_figure(tmp_path: Path) -> None:
    found = run("--dimension", "20", "--trials", "2", "--grid", "2", "--out", str(tmp_path))
    assert found.exit_code == 0, found.stderr
    assert "Donoho–Tanner" in found.stdout
    assert (tmp_path / "phase-diagram.pdf").stat().st_size > 1000
    assert (tmp_path / "phase-diagram.png").stat().st_size > 1000
    stored: dict[str, Any] = json.loads((tmp_path / "results" / "measurements-5.json").read_text())
    assert stored["configuration"]["setting"]["alpha"] == Setting().alpha
    assert np.shape(stored["result"]["relative_errors"]) == (2, 2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--dimension", "1"), "--dimension must be an integer ≥ 2, got 1"),
        (("--trials", "0"), "--trials must be an integer ≥ 1, got 0"),
        (("--seed", "-1"), "--seed must be an integer ≥ 0, got -1"),
        (("--grid", "101"), "--grid must be in 1 … 100, half the dimension, got 101"),
        (("--grid", "0"), "--grid must be in 1 … 100"),
        (("--alpha", "nan"), "--alpha must be a finite number > 0, got nan"),
        (("--alpha", "0"), "--alpha must be a finite number > 0, got 0"),
    ],
)
def test_wrong_arguments_are_named(arguments: tuple[str, str], message: str) -> None:
    found = run(*arguments)
    assert found.exit_code == 2
    assert message in " ".join(found.stderr.split())


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    found = run("--dimension", "20", "--trials", "1", "--grid", "1", "--out", str(tmp_path / "file"))
    assert found.exit_code == 2
    assert "--out must be a folder that can be written" in " ".join(found.stderr.split())


@pytest.mark.parametrize("step", [0.0, 2.0])
def test_steps_for_which_linbreg_does_not_converge_are_refused(step: float) -> None:
    with pytest.raises(ValueError, match=r"step must be in \(0, 2\)"):
        Setting(step=step)
