"""Figures: every one is drawn from stored runs, shows the numbers that it should, and is the same each time."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from mlbreg.experiments.paper_figures.against_sparsity import _ticks
from mlbreg.experiments.paper_figures.catalogue import FIGURES
from mlbreg.experiments.paper_figures.command import figure
from mlbreg.experiments.paper_figures.inside_networks import _array, _maps
from mlbreg.experiments.paper_figures.many_lines import method_style
from mlbreg.experiments.paper_figures.selection import NoRunsError, runs_by
from mlbreg.experiments.results.library import write
from mlbreg.experiments.results.stored_run import StoredRun
from mlbreg.experiments.training.configuration import MASKED, METHODS
from typer import Typer
from typer.testing import CliRunner, Result

from ..results.made_up_runs import made_up

#: Drawn two times, with the same bytes: all figures are saved in one way.
TWICE = "lambda-m-map"


@pytest.fixture(autouse=True)
def no_reviewed_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "reviewed").mkdir()
    monkeypatch.setattr("mlbreg.experiments.results.library.REVIEWED", tmp_path / "reviewed")


def packed(values: np.ndarray) -> dict[str, Any]:
    whole = np.asarray(values, dtype=np.uint8)
    return {"shape": list(whole.shape), "low": 0.0, "scale": 1.0, "base64": base64.b64encode(whole.tobytes()).decode()}


def growing_kernels() -> tuple[dict[str, Any], ...]:
    kernels = np.ones((20, 1, 3, 3))
    kernels[5:] = 0
    one = {"kind": "kernels", "bias": packed(np.zeros(20))}
    return (
        {"kind": "input", "values": packed(np.arange(64).reshape(1, 1, 8, 8))},
        {**one, "epoch": 0, "values": packed(0 * kernels)}, {**one, "epoch": 3, "values": packed(kernels)},
    )  # fmt: skip


def runs_for(name: str) -> list[StoredRun]:
    seeds, study = (0, 1), FIGURES[name].study
    if name == "bungert2021/figure-1":
        return [made_up(study, pictures=growing_kernels())]
    if study == "autoencoder":
        images = packed(np.zeros((3, 4, 28, 28)))
        return [made_up(study, "adabreg", pictures=({"kind": "denoised", "values": images},))]
    if name == "bungert2021/figure-2":
        return [made_up(study, lam_linear=x, lam_conv=x, seed=s) for x in (0.0, 0.01, 0.1) for s in seeds]
    if name in ("lunk2026/figure-4", "lunk2026/figure-7", "lambda-m-map"):
        return [
            made_up(study, "ml-linbreg", lam_linear=x, lam_conv=x, coarse_steps=m, seed=s)
            for x in (0.01, 0.1) for m in (0, 9) for s in seeds
        ]  # fmt: skip
    if name in ("lunk2026/figure-1", "lunk2026/figure-3"):
        methods = ("linbreg", "ml-linbreg", "adabreg", *MASKED)
        return [made_up(study, "sgd")] + [
            made_up(study, m, target_sparsity=t, seed=s) for m in methods for t in (0.9, 0.99) for s in seeds
        ]
    return [made_up(study, m, seed=s) for m in ("sgd", "linbreg", "adabreg") for s in seeds]


def run(*arguments: object) -> Result:
    application = Typer()
    application.command()(figure)
    return CliRunner().invoke(application, [str(argument) for argument in arguments])


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_is_a_pdf_and_a_png(name: str, tmp_path: Path) -> None:
    write(runs_for(name), tmp_path / "own")
    for folder in ("a", "b") if name == TWICE else ("a",):
        found = run(name, "--runs", tmp_path / "own", "--out", tmp_path / folder)
        assert found.exit_code == 0, found.stderr
    stem = name.replace("/", "-")
    assert {path.name for path in (tmp_path / "a").iterdir()} == {f"{stem}.pdf", f"{stem}.png"}
    for path in (tmp_path / "a").iterdir():
        assert name != TWICE or path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()
        assert path.stat().st_size > 2000


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_without_runs_says_which_sweep_makes_them(name: str) -> None:
    found = run(name)
    assert found.exit_code == 2
    assert f"mlbreg sweep {FIGURES[name].plan}" in " ".join(found.stderr.split())


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """The figures that were to be saved."""
    found: list[Figure] = []

    def keep(made: Figure, path: Path) -> tuple[Path, ...]:
        found.append(made)
        return (path,)

    for module in ("training_curves", "against_sparsity", "lam_and_m", "inside_networks"):
        monkeypatch.setattr(f"mlbreg.experiments.paper_figures.{module}.save", keep)
    return found


@pytest.mark.parametrize(
    "name", [name for name, one in FIGURES.items() if one.study != "autoencoder" and "1" not in name[-1]]
)
def test_axes_have_labels_and_percent_signs_where_they_are_shares(name: str, drawn: list[Figure]) -> None:
    FIGURES[name].draw(runs_for(name), FIGURES[name].study, Path("x"))
    (made,) = drawn
    panels = [axes for axes in made.axes if axes.lines]
    assert name == "lambda-m-map" or panels
    for axes in panels:
        assert axes.get_ylabel()
        if "accuracy" in axes.get_ylabel() or "non-zero" in axes.get_ylabel():
            assert "(%)" in axes.get_ylabel()


def test_a_curve_is_the_mean_over_the_seeds(drawn: list[Figure]) -> None:
    FIGURES["bungert2021/figure-3"].draw(runs_for("bungert2021/figure-3"), "mnist-mlp", Path("x"))
    training, validation = drawn[0].axes[0], drawn[0].axes[1]
    assert [line.get_label() for line in validation.lines] == ["SGD", "LinBreg", "AdaBreg"]
    assert validation.lines[0].get_ydata() == pytest.approx([10, 50, 70, 90.5])
    assert np.isnan(np.asarray(training.lines[0].get_ydata())[0])


def test_a_method_has_a_name_and_a_line_of_its_own_in_every_figure() -> None:
    styles = [method_style(method) for method in METHODS]
    assert len({style["label"] for style in styles}) == len(METHODS)
    assert len({(style["color"], style["markerfacecolor"]) for style in styles}) == len(METHODS)


def test_few_tenths_of_a_decade_have_three_ticks() -> None:
    assert sorted(_ticks(7.7, 13.0)) == [8, 9, 10, 12]
    assert sorted(_ticks(0.9, 11.0)) == [1, 2, 5, 10]


def test_sparser_points_stand_to_the_right(drawn: list[Figure]) -> None:
    FIGURES["lunk2026/figure-1"].draw(runs_for("lunk2026/figure-1"), "cifar-resnet18", Path("x"))
    left, right = drawn[0].axes[0].get_xlim()
    assert left > 10 > 1 > right


def test_runs_that_differ_in_more_than_the_free_settings_are_left_out() -> None:
    runs = [made_up(lam_linear=x) for x in (0.1, 0.2)] + [made_up(lam_linear=0.3, batch_size=32)]
    found = runs_by(runs, "digits", "linbreg", ("lam_linear",), lambda c: c.lam_linear)
    assert list(found) == [0.1, 0.2]


def test_a_feature_map_is_the_correlation_with_the_kernel_and_none_of_a_kernel_that_is_zero() -> None:
    image = np.arange(16.0).reshape(1, 4, 4)
    kernels = np.stack([np.ones((1, 2, 2)), np.zeros((1, 2, 2))])
    maps = _maps(image, kernels, np.array([1.0, 5.0]))
    assert maps[0, 0, 0] == 0 + 1 + 4 + 5 + 1
    assert not maps[1].any()


def test_packed_pictures_come_back_within_half_a_step_and_zeros_exactly() -> None:
    torch = pytest.importorskip("torch")
    from mlbreg.experiments.training.pictures import packed as pack

    values = torch.randn(50, generator=torch.Generator().manual_seed(0))
    values[::3] = 0
    row = pack(values)
    back = _array(row)
    assert np.all((back == 0)[::3])
    assert np.abs(back - values.numpy()).max() <= row["scale"] * 0.75


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("figure-9",), "NAME must be one of bungert2021/figure-1, "),
        (("lambda-m-map", "--study", "svhn"), "--study must be one of digits, "),
        (("lambda-m-map", "--runs", "nowhere"), "--runs: 'nowhere' must be a folder or a file with runs"),
        (
            ("lunk2026/figure-5", "--study", "digits"),
            "no stored run of digits fits; a sweep of digits makes runs for it",
        ),
    ],
)
def test_wrong_usage_is_named(arguments: tuple[str, ...], message: str) -> None:
    found = run(*arguments)
    assert found.exit_code == 2
    assert message in " ".join(found.stderr.split())


def test_the_list_has_every_figure() -> None:
    found = run("--list")
    assert all(name in found.stdout for name in FIGURES)


def test_a_figure_of_nothing_is_an_error_of_its_own() -> None:
    with pytest.raises(NoRunsError, match="no stored run of digits"):
        FIGURES["lambda-m-map"].draw([], "digits", Path("x"))
