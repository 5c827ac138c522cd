"""``mlbreg imaging``: the study, its figures, the command."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from matplotlib.figure import Figure
from mlbreg.experiments.imaging import command, objective_figure, reconstruction_figure
from mlbreg.experiments.imaging.command import imaging
from mlbreg.experiments.imaging.memory import available, estimate
from mlbreg.experiments.imaging.study import Comparison, Configuration, compare
from mlbreg.theory.imaging import IMAGING_PROBLEMS, phantom
from mlbreg.theory.operators import Radon
from typer.testing import CliRunner, Result

SIDE = 32


def run(*arguments: str) -> Result:
    application = typer.Typer()
    application.command()(imaging)
    return CliRunner().invoke(
        application, [*arguments, "--side", str(SIDE)] if "--side" not in arguments else arguments
    )


def configuration(problem: str = "gaussian-deblurring", **changes: Any) -> Configuration:
    return Configuration(**{"problem": problem, "side": SIDE, "picture": "p", "iterations": 8, "seed": 0, **changes})


def silent(_: str) -> None:
    pass


def same(first: Comparison, second: Comparison) -> bool:
    """Equal but for the seconds."""
    return all(
        a.method == b.method
        and np.array_equal(a.values, b.values)
        and np.array_equal(a.work, b.work)
        and a.reached == b.reached
        and np.array_equal(a.image, b.image)
        for a, b in zip(first.outcomes, second.outcomes, strict=True)
    )


@pytest.mark.parametrize("problem", list(IMAGING_PROBLEMS))
def test_the_same_seed_gives_the_same_comparison(problem: str, tmp_path: Path) -> None:
    first, second = (
        compare(configuration(problem), phantom(SIDE), tmp_path / name, 1, fresh=False, said=silent) for name in "ab"
    )
    assert same(first, second)
    single = first.outcomes[0]
    assert single.reached == 8
    assert single.work.tolist() == list(range(9))
    for outcome in first.outcomes[1:]:
        assert outcome.values[0] == pytest.approx(single.values[0])
        assert (outcome.reached is None) == bool(np.all(outcome.values > single.values[-1]))
        assert outcome.work[-1] >= 8 or outcome.method == "l-bfgs-b"


def test_an_interrupted_study_goes_on_with_the_run_that_was_not_finished(tmp_path: Path) -> None:
    whole = compare(configuration(), phantom(SIDE), tmp_path / "whole", 2, fresh=False, said=silent)
    heard: list[str] = []

    def interrupt(text: str) -> None:
        heard.append(text)
        if len(heard) == 9:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        compare(configuration(), phantom(SIDE), tmp_path / "parts", 2, fresh=False, said=interrupt)
    first = ["bpgd", "ml-bpgd", "ml-bpgd-paper", "mgopt", "always", "three-level", "l-bfgs-b"]
    assert heard[:9] == [
        *(f"{name}, repeat 1" for name in first), "bpgd, repeat 2", "ml-bpgd, repeat 2",
    ]  # fmt: skip
    again: list[str] = []
    resumed = compare(configuration(), phantom(SIDE), tmp_path / "parts", 2, fresh=False, said=again.append)
    kept = [line for line in again if line.endswith(": kept")]
    assert len(kept) == 8
    assert len(again) == 14
    assert same(resumed, whole)
    assert all(len(outcome.to_target) == 2 for outcome in resumed.outcomes)


def test_more_repeats_add_to_what_is_stored_and_fresh_starts_over(tmp_path: Path) -> None:
    compare(configuration(), phantom(SIDE), tmp_path, 1, fresh=False, said=silent)
    heard: list[str] = []
    compare(configuration(), phantom(SIDE), tmp_path, 2, fresh=False, said=heard.append)
    assert sum("kept" in line for line in heard) == 7
    heard.clear()
    compare(configuration(), phantom(SIDE), tmp_path, 1, fresh=True, said=heard.append)
    assert not any("kept" in line for line in heard)


@pytest.mark.parametrize("change", [{"seed": 1}, {"iterations": 9}, {"picture": "q"}])
def test_another_configuration_keeps_nothing(change: dict[str, Any], tmp_path: Path) -> None:
    compare(configuration(), phantom(SIDE), tmp_path, 1, fresh=False, said=silent)
    heard: list[str] = []
    compare(configuration(**change), phantom(SIDE), tmp_path, 1, fresh=False, said=heard.append)
    assert not any("kept" in line for line in heard)


def test_a_lost_or_changed_image_is_computed_again(tmp_path: Path) -> None:
    compare(configuration(), phantom(SIDE), tmp_path, 1, fresh=False, said=silent)
    (tmp_path / "ml-bpgd.npy").unlink()
    heard: list[str] = []
    compare(configuration(), phantom(SIDE), tmp_path, 1, fresh=False, said=heard.append)
    assert [line for line in heard if "kept" not in line] == ["ml-bpgd, repeat 1"]


@pytest.mark.parametrize("problem", ["gaussian-deblurring", "poisson-tomography"])
def test_figures_have_labels_and_show_what_was_found(
    problem: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = compare(configuration(problem), phantom(SIDE), tmp_path, 1, fresh=False, said=silent)
    seen: list[Figure] = []

    def catch(figure: Figure, path: Path) -> tuple[Path, ...]:
        seen.append(figure)
        return (path,)

    monkeypatch.setattr(objective_figure, "save", catch)
    monkeypatch.setattr(reconstruction_figure, "save", catch)
    objective_figure.draw_objective(found, tmp_path / "x")
    reconstruction_figure.draw_reconstructions(found, tmp_path / "x")
    work, seconds = seen[0].axes
    assert (work.get_xlabel(), seconds.get_xlabel()) == ("work (gradients on the finest grid)", "time (s)")
    assert "min" in work.get_ylabel()
    assert work.get_yscale() == "log"
    labels = [text.get_text() for text in seen[0].legends[0].get_texts()]
    assert labels == [outcome.title for outcome in found.outcomes]
    curve = np.asarray(work.lines[0].get_xydata())
    np.testing.assert_array_equal(curve[:, 0], found.outcomes[0].work)
    truth, data, single, multilevel = seen[1].axes[:4]
    assert truth.get_title() == "truth"
    assert f"PSNR {found.outcomes[0].signal_to_noise:.1f} dB" in single.get_title()
    assert "ML BPGD" in multilevel.get_title()
    np.testing.assert_array_equal(np.asarray(truth.images[0].get_array()), phantom(SIDE))
    np.testing.assert_array_equal(np.asarray(single.images[0].get_array()).ravel(), found.outcomes[0].image)
    assert data.get_xlabel() == ("angle (degrees)" if "tomography" in problem else "pixel")
    assert "noise" in data.get_title()


def test_the_command_prints_a_table_and_writes_results_and_figures(tmp_path: Path) -> None:
    found = run(
        "gaussian-deblurring", "--iterations", "5", "--repeats", "1", "--out", str(tmp_path), "--image", "portrait"
    )
    assert found.exit_code == 0, found.stderr
    for text in ("BPGD", "ML BPGD", "MGOPT-like", "L-BFGS-B", "work units", "PSNR", "min–max"):
        assert text in found.stdout
    for name in ("reconstructions", "objective"):
        for suffix in ("pdf", "png"):
            assert (tmp_path / f"gaussian-deblurring-{name}.{suffix}").stat().st_size > 1000
    stored = json.loads((tmp_path / "gaussian-deblurring" / "ml-bpgd.json").read_text())
    assert stored["configuration"]["iterations"] == 5
    assert "GradientTest" in stored["configuration"]["settings"]
    assert stored["environment"]["numpy"] == np.__version__


def test_a_background_brings_shannon_and_belongs_to_poisson_problems_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("draw_objective", "draw_reconstructions"):
        monkeypatch.setattr(command, name, lambda *_: ())
    found = run("--background", "0.1", "--iterations", "2", "--repeats", "1", "--out", str(tmp_path))
    assert found.exit_code == 0, found.stderr
    assert found.stdout.count("ML BPGD, Shannon") == 2
    stored = json.loads((tmp_path / "gaussian-deblurring" / "bpgd.json").read_text())
    assert stored["configuration"]["background"] == 0


def test_an_interrupt_says_how_to_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "compare", interrupted)
    found = run("--out", str(tmp_path))
    assert found.exit_code == 130
    assert "the same command goes on" in found.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("denoising",), "PROBLEM must be one of gaussian-deblurring, gaussian-tomography, poisson-deblurring,"),
        (("--side", "14"), "--side must be even and ≥ 16"),
        (("--side", "33"), "--side must be even and ≥ 16"),
        (("--iterations", "0"), "--iterations must be an integer ≥ 1, got 0"),
        (("--repeats", "0"), "--repeats must be an integer ≥ 1, got 0"),
        (("--seed", "-1"), "--seed must be an integer ≥ 0, got -1"),
        (("--background", "nan"), "--background must be a finite number ≥ 0, got nan"),
        (("--image", "nowhere.png"), "--image must be phantom, portrait or the path of an image file"),
        (("--side", "1000000"), "gaussian-deblurring needs about"),
    ],
)
def test_wrong_arguments_are_named(arguments: tuple[str, ...], message: str) -> None:
    found = run(*arguments)
    assert found.exit_code == 2
    assert message in " ".join(found.stderr.split())


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    found = run("gaussian-deblurring", "--iterations", "1", "--repeats", "1", "--out", str(tmp_path / "file"))
    assert found.exit_code == 2
    assert "--out must be a folder that can be written" in " ".join(found.stderr.split())


def test_tomography_that_does_not_fit_is_refused_before_it_is_built(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "available", lambda: 2**20)
    found = run("gaussian-tomography", "--side", "512")
    assert found.exit_code == 2
    assert "gaussian-tomography needs about 0.5 GiB of memory" in " ".join(found.stderr.split())


@pytest.mark.parametrize("side", [64, 128])
def test_the_estimate_holds_the_projectors_of_all_grids(side: int) -> None:
    """The entries of the matrix and of its transpose, on every grid, and less than twice as much beside the images."""
    entries, n = 0, side
    while n >= 8:
        entries += Radon(n, side // 4)._base.nnz
        n //= 2
    matrices = estimate("gaussian-tomography", side) - estimate("gaussian-deblurring", side)
    assert 2 * 12 * entries <= matrices <= 2 * 2 * 12 * entries


def test_the_memory_at_hand_is_known_here() -> None:
    found = available()
    assert found is None or found > 2**20
