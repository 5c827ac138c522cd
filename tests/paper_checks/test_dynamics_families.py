"""The families β, γ, polynomials in time, the denoising problem and times."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import find
from mlbreg.paper_checks import families
from mlbreg.paper_checks.families.base import Family
from mlbreg.paper_checks.families.denoising import Denoising, Times
from mlbreg.paper_checks.families.inertia import Betas, Inertias, Polynomials


@pytest.mark.parametrize(
    ("family", "shape", "inside"),
    [
        (Betas(), (50,), lambda x: (x >= 0) & (x < 1)),
        (Inertias(), (50,), lambda x: x > 0),
        (Polynomials(2), (50, 3), np.isfinite),
    ],
)
def test_samples_and_their_neighbours_are_in_the_family(family: Family, shape: tuple[int, ...], inside: object) -> None:
    rng = np.random.default_rng(0)
    value = family.sample(rng, 50, {})
    assert value.shape == shape
    for entry in (value, family.perturb(rng, value, {}, 0.3)):
        assert inside(entry).all()  # type: ignore[operator]
    assert not np.array_equal(family.perturb(rng, value, {}, 0.3), value)


def test_the_simplest_values() -> None:
    assert find(Betas().strategy({}), lambda _: True).tolist() == [Fraction(1, 2)]
    assert find(Inertias().strategy({}), lambda _: True).tolist() == [1]
    nonzero = find(Polynomials().simplified(0).strategy({}), lambda a: bool((a != 0).any()))
    assert nonzero.tolist() == [[1, 0, 0, 0]]


def test_at_level_0_a_polynomial_is_a_constant() -> None:
    with pytest.raises(Exception, match=r".*"):
        find(Polynomials().simplified(0).strategy({}), lambda a: bool(a[0, 1] != 0))


def test_times_are_about_the_first_release() -> None:
    rng = np.random.default_rng(1)
    problem = Denoising().sample(rng, 1, {})
    drawn = {"problem": problem, "f": families.vectors().sample(rng, 20, {"problem": problem})}
    times = Times().sample(rng, 20, drawn)
    released = times * np.abs(drawn["f"]).max(axis=-1) / problem.regularizer.lam
    assert (released >= 0.1).all()
    assert (released <= 10).all()
    assert (released > 1).any()


def test_the_denoising_problem_is_exact_in_its_strategy() -> None:
    problem = find(Denoising().strategy({}), lambda p: p.dimension == 2)
    assert problem.loss.lipschitz == 1
    assert isinstance(problem.delta, Fraction)
