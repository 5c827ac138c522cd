"""The rate studies in the report: the schema, the figures, and a solver that breaks."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mlbreg.paper_checks import rates as measured
from mlbreg.paper_checks.rates.record import Case, Curve, Prediction
from mlbreg.paper_checks.report import rates, rates_figure, schema
from mlbreg.paper_checks.report.document import strict


def test_the_studies_keep_to_the_schema_with_their_figures() -> None:
    for study in rates.studies():
        cases = [{**case, "figure": "figures/x.svg"} for case in study["cases"]]
        assert schema.violations(strict({**study, "cases": cases}), "RateStudy") == []
        assert len({case["name"] for case in cases}) == len(cases)


def test_every_verdict_is_explained() -> None:
    assert set(rates.MEANING) == set(measured.record.VERDICTS)


def _case(values: np.ndarray, prediction: Prediction | None = None, bound: np.ndarray | None = None) -> dict[str, Any]:
    def run() -> list[Curve]:
        return [Curve(values, bound)]

    return measured.evaluate(Case("x", "LinBreg", "settings", "L(θᵏ) − L*", run, prediction))


LINEAR = Prediction("q^k", "a theorem", "linear", 0.9)
POWER = Prediction("1/k", "a theorem", "power", 1.0)
STRETCHED = Prediction("e", "a theorem", "stretched", None)
K = np.arange(201.0)[:, None]


@pytest.mark.parametrize("prediction", [None, LINEAR, POWER, STRETCHED])
@pytest.mark.parametrize(
    "values",
    [
        0.8**K,
        1 / (1 + K),
        np.ones((201, 1)),
        np.full((201, 1), np.nan),
        np.where(K > 5, np.inf, 1.0),
        0 * K,
        1e200 * 2.0 ** np.minimum(K, 300),
        -(0.9**K),
        0.001**K,
    ],
)
@pytest.mark.filterwarnings("error")
def test_any_curve_can_be_drawn_beside_any_prediction(
    values: np.ndarray, prediction: Prediction | None, tmp_path: Path
) -> None:
    case = _case(values, prediction, None if prediction is None else 0.95 ** K[:, 0])
    drawn = rates_figure.draw(case, tmp_path, "x.svg")
    assert (tmp_path / "x.svg").read_text(encoding="utf-8").startswith("<svg")
    assert case["verdict"] in drawn.words
    case["curves"] = [{**curve, "bound": []} for curve in case["curves"]]
    rates_figure.draw(case, tmp_path, "y.svg")


def test_a_run_that_stopped_is_a_figure_without_curves(tmp_path: Path) -> None:
    def stops() -> list[Curve]:
        raise ArithmeticError("overflow")

    case = measured.evaluate(Case("x", "LinBreg", "", "", stops, LINEAR))
    assert rates_figure.measured(case) == "stopped"
    assert schema.violations(strict({**case, "figure": "x.svg"}), "RateCase") == []
    rates_figure.draw(case, tmp_path, "x.svg")


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (None, "–"),
        ({"law": "linear", "value": 0.81}, "0.81ᵏ"),
        ({"law": "linear", "value": None}, "linear"),
        ({"law": "power", "value": 1.5}, "k^−1.5"),
        ({"law": "stretched", "value": 0.8, "stretch": 0.5}, "exp(−0.8 k^0.5)"),
        ({"law": "stretched", "value": None}, "exp(−c k^s)"),
        ({"law": "plateau", "value": 2.0}, "level ∝ step size^2"),
        ({"law": "plateau", "value": None}, "a plateau"),
    ],
)
def test_a_law_in_words(found: dict[str, Any] | None, expected: str) -> None:
    assert rates.law(found) == expected


def test_the_label_of_a_fit_has_as_many_digits_as_its_interval_allows() -> None:
    case = _case(0.8**K * np.exp(0.3 * np.random.default_rng(0).normal(size=(201, 16))))
    assert rates_figure.measured(case).startswith("(0.80")
    assert "±" in rates_figure.measured(case)


def test_the_page_shows_every_case(folder: Path) -> None:
    page = (folder / "index.html").read_text(encoding="utf-8")
    for study in rates.studies():
        assert f'id="rates-{study["name"]}"' in page
        for case in study["cases"]:
            assert f'src="figures/rates-{study["name"]}-{case["name"]}.svg"' in page
    assert 'class="rate slower"' in page
