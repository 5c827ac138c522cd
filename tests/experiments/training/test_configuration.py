"""Configurations: every study with every method, what is refused, and TOML there and back."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from mlbreg.experiments.data.catalogue import DATA_SETS
from mlbreg.experiments.training.configuration import BREGMAN, MASKED, METHODS, Configuration, ConfigurationError
from mlbreg.experiments.training.configuration_file import read_settings, to_toml
from mlbreg.experiments.training.studies import STUDIES, configure


@pytest.mark.parametrize("study", STUDIES)
@pytest.mark.parametrize("recipe", ["paper", "strong"])
def test_every_study_has_every_method(study: str, recipe: str) -> None:
    for method in METHODS:
        found = configure(study, method, recipe)
        assert (found.study, found.method, found.recipe) == (study, method, recipe)
        assert found.data in DATA_SETS
        assert (found.target_sparsity is not None) or method not in MASKED
        assert (found.density < 1) == (method in BREGMAN)


def test_the_published_settings_are_those_of_the_notebooks() -> None:
    mnist, group = configure("mnist-mlp"), configure("fashion-cnn-group")
    assert (mnist.learning_rate, mnist.lam_linear, mnist.rescale, mnist.density, mnist.batch_size) == (
        0.1,
        0.1,
        7.0,
        0.01,
        128,
    )
    assert (group.learning_rate, group.lam_conv, group.lam_linear, group.rescale, group.conv) == (
        0.07,
        0.5,
        0.5,
        10.0,
        "kernels",
    )
    resnet = configure("cifar-resnet18-group", "adabreg")
    assert (resnet.learning_rate, resnet.lam_conv, resnet.rescale, resnet.epochs) == (1e-3, 0.1, 5.0, 100)
    autoencoder = configure("autoencoder", "adabreg")
    assert (autoencoder.learning_rate, autoencoder.lam_linear, autoencoder.linear, autoencoder.rescale) == (
        1e-3,
        0.07,
        "rows",
        5.0,
    )
    assert configure("mnist-mlp", "proxsgd").lam_linear == 1e-4
    assert {configure(study).schedule for study in ("mnist-mlp", "fashion-cnn")} == {"plateau"}
    multilevel = configure("cifar-resnet18", "ml-linbreg")
    assert (multilevel.schedule, multilevel.epochs, multilevel.coarse_steps, multilevel.learning_rate) == (
        "cosine",
        200,
        99,
        0.1,
    )


def test_the_strong_recipe_gives_all_methods_the_same_schedule_and_sgd_its_weight_decay() -> None:
    for method in METHODS:
        found = configure("mnist-mlp", method, "strong")
        assert (found.schedule, found.warmup, found.label_smoothing) == ("cosine", 0.05, 0.1)
    assert configure("mnist-mlp", "rigl", "strong").weight_decay == 5e-4
    assert configure("mnist-mlp", "linbreg", "strong").weight_decay == 0


def test_a_lambda_that_is_given_takes_the_place_of_the_targets() -> None:
    assert configure("fashion-cnn").target_sparsity == 0.981
    assert configure("fashion-cnn", given={"lam_conv": 0.3}).target_sparsity is None
    both = configure("fashion-cnn", given={"lam_conv": 0.3, "target_sparsity": 0.9})
    assert (both.lam_conv, both.target_sparsity) == (0.3, 0.9)
    assert configure("fashion-cnn", "rigl", given={"lam_conv": 0.3}).target_sparsity == 0.953


@pytest.mark.parametrize(
    ("method", "given", "message"),
    [
        ("linbreg", {"epochs": 0}, "epochs must be an integer ≥ 1, got 0"),
        ("linbreg", {"epochs": 2.5}, "epochs must be an integer ≥ 1, got 2.5"),
        ("linbreg", {"seed": True}, "seed must be an integer ≥ 0, got True"),
        ("linbreg", {"learning_rate": 0}, r"learning_rate must be in \(0, ∞\), got 0"),
        ("linbreg", {"learning_rate": "fast"}, "learning_rate must be in .* got 'fast'"),
        ("linbreg", {"lam_linear": float("nan")}, r"lam_linear must be in \[0, ∞\), got nan"),
        ("linbreg", {"momentum": 1.0}, r"momentum must be in \[0, 1\), got 1.0"),
        ("linbreg", {"density": 0}, r"density must be in \(0, 1\], got 0"),
        ("linbreg", {"schedule": "linear"}, "schedule must be one of plateau, cosine, constant, got 'linear'"),
        ("linbreg", {"augment": 1}, "augment must be true or false, got 1"),
        ("linbreg", {"target_sparsity": 1.0}, r"target_sparsity must be in \[0, 1\), got 1.0"),
        ("linbreg", {"target_sparsity": 0.9, "lam_linear": 0, "lam_conv": 0}, "lam_linear or lam_conv must be > 0"),
        ("sgd", {"target_sparsity": 0.9}, "target_sparsity is for linbreg, .* got 0.9 for sgd"),
        ("rigl", {"target_sparsity": 0.0}, r"target_sparsity must be in \(0, 1\) for rigl"),
        ("newton", {}, "method must be one of sgd, .* got 'newton'"),
    ],
)
def test_what_is_not_allowed_is_named(method: str, given: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        configure("digits", method, given=given)


def test_unknown_studies_and_recipes_are_named() -> None:
    with pytest.raises(ConfigurationError, match=r"study must be one of digits, .* got 'svhn'"):
        configure("svhn")
    with pytest.raises(ConfigurationError, match="recipe must be one of paper, strong, got 'weak'"):
        configure("digits", recipe="weak")


@pytest.mark.parametrize("method", ["linbreg", "rigl", "sgd"])
def test_toml_gives_back_what_was_written(tmp_path: Path, method: str) -> None:
    found = replace(configure("digits", method), learning_rate=1e-7, augment=False)
    (tmp_path / "x.toml").write_text(to_toml(found), encoding="utf-8")
    assert Configuration(**read_settings(tmp_path / "x.toml")) == found


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"epoch = 3", "got 'epoch'"), (b"epochs = ", "must be a TOML file"), (b"\xff", "cannot be read")],
)
def test_a_file_with_other_names_or_no_toml_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "x.toml").write_bytes(content)
    with pytest.raises(ConfigurationError, match=message):
        read_settings(tmp_path / "x.toml")
    with pytest.raises(ConfigurationError, match="cannot be read"):
        read_settings(tmp_path / "none.toml")


def test_differences_name_the_fields() -> None:
    found = configure("digits")
    assert found.differences(found) == []
    assert found.differences(replace(found, seed=3, epochs=1)) == [
        "epochs is 40 here and 1 there",
        "seed is 0 here and 3 there",
    ]


def test_every_field_is_in_the_table_of_the_docstring() -> None:
    from mlbreg.experiments.training import configuration

    assert configuration.__doc__
    for field in fields(Configuration):
        assert f"``{field.name}``" in configuration.__doc__


def test_the_command_is_imported_without_torch(tmp_path: Path) -> None:
    code = (
        "import sys, mlbreg.experiments.training.command; sys.exit('torch' in sys.modules or 'sklearn' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=False).returncode == 0
