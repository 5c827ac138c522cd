"""Settings that tables and sweeps need reach the optimizer: criteria, dual decay, first masks, Lasso's base."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("sklearn")
from mlbreg.experiments.networks.catalogue import build  # noqa: E402
from mlbreg.experiments.training.configuration import ConfigurationError  # noqa: E402
from mlbreg.experiments.training.configuration_file import read_assignment, to_arguments  # noqa: E402
from mlbreg.experiments.training.methods import assemble  # noqa: E402
from mlbreg.solvers.criteria import Always, EveryKth, GradientTest, Magma  # noqa: E402

from .runs import in_parts, small, whole, without_times  # noqa: E402

pytestmark = pytest.mark.torch


def optimizer(method: str = "ml-linbreg", **given: Any) -> Any:
    c = small(method, **given)
    model = build(c.network, c.seed)
    return assemble(c, model, 22).optimizer, model


@pytest.mark.parametrize(
    ("given", "criterion", "coarse_steps"),
    [
        ({}, Always(), 9),
        ({"criterion": "every", "period": 3}, EveryKth(3), 9),
        ({"criterion": "gradient", "kappa": 0.25, "epsilon": 1e-3}, GradientTest(0.25, 1e-3), 9),
        ({"criterion": "magma", "kappa": 0.25, "eta": 0.5, "fine_steps": 4}, Magma(0.25, 0.5, 4), 9),
        # One epoch of 11 fine steps, then two of coarse ones.
        ({"criterion": "epochs", "coarse_steps": 2}, EveryKth(11, first=11), 22),
    ],
)
def test_ml_linbreg_has_the_criterion_that_was_asked_for(
    given: dict[str, Any], criterion: Any, coarse_steps: int
) -> None:
    found, _ = optimizer(**given)
    assert found.criterion == criterion
    assert found.param_groups[0]["coarse_steps"] == coarse_steps


@pytest.mark.parametrize("method", ["linbreg", "linbreg-momentum", "adabreg", "ml-linbreg"])
def test_dual_decay_reaches_every_bregman_method(method: str) -> None:
    assert {group["dual_decay"] for group in optimizer(method, dual_decay=0.25)[0].param_groups} == {0.25}
    assert {group["dual_decay"] for group in optimizer(method)[0].param_groups} == {0}


def test_an_exact_mask_has_the_density_to_the_weight() -> None:
    _, model = optimizer(mask="exact", density=0.125)
    for weight in (p for p in model.parameters() if p.dim() == 2):
        assert int(torch.count_nonzero(weight)) == round(0.125 * weight.numel())


@pytest.mark.parametrize(("base", "expected"), [("sgd", "SGD"), ("adam", "Adam")])
def test_lasso_takes_the_steps_of_its_base(base: str, expected: str) -> None:
    found, _ = optimizer("lasso", base=base)
    assert {group["base"] for group in found.param_groups} == {expected}


def test_a_criterion_with_memory_goes_on_to_the_same_result(tmp_path: Path) -> None:
    c = small("ml-linbreg", criterion="magma", coarse_steps=2, epochs=3)
    assert without_times(in_parts(c, tmp_path / "parts", 7, 20)) == without_times(whole(c, tmp_path / "whole"))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"criterion": "sometimes"},
            "criterion must be one of always, every, epochs, gradient, magma, got 'sometimes'",
        ),
        ({"kappa": 1.0}, r"kappa must be in \(0, 1\), got 1.0"),
        ({"period": 0}, "period must be an integer ≥ 1, got 0"),
        ({"dual_decay": -0.1}, r"dual_decay must be in \[0, ∞\), got -0.1"),
        ({"mask": "round"}, "mask must be one of bernoulli, exact, got 'round'"),
        ({"base": "rmsprop"}, "base must be one of sgd, adam, got 'rmsprop'"),
    ],
)
def test_what_is_not_allowed_is_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        small("ml-linbreg", **given)


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("epochs=3", "epochs", 3), ("density=0.5", "density", 0.5), ("augment=false", "augment", False),
        ("distribution=erk", "distribution", "erk"), ('distribution="erk"', "distribution", "erk"),
        ("learning_rate=1e-3", "learning_rate", 1e-3), ("seed=[0, 1]", "seed", [0, 1]),
    ],
)  # fmt: skip
def test_an_assignment_has_the_values_of_toml_and_words_without_quotes(text: str, name: str, value: Any) -> None:
    found = read_assignment(text)
    assert found == (name, value)
    assert type(found[1]) is type(value)
    if not isinstance(value, list):
        assert read_assignment(to_arguments({name: value})[1]) == (name, value)


@pytest.mark.parametrize("text", ["epochs", "epoch=3", "=3"])
def test_an_assignment_without_a_setting_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="NAME=VALUE must have a NAME among study, method, "):
        read_assignment(text)
