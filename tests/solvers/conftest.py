"""Every problem of the shared list, for the tests that ask for a ``case``."""

import pytest

from .problem_list import PROBLEMS, Case


@pytest.fixture(params=list(PROBLEMS))
def case(request: pytest.FixtureRequest) -> Case:
    """One problem after another."""
    return PROBLEMS[request.param]
