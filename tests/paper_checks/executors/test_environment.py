"""What evidence depends on beside the settings."""

from __future__ import annotations

import json
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from mlbreg.paper_checks.executors import environment as module
from mlbreg.paper_checks.executors.environment import differences, environment, module_file, source_digest


def test_the_libraries_and_the_source_are_named() -> None:
    found = environment()
    assert found["numpy"] == version("numpy")
    assert found["mlbreg"] == version("mlbreg")
    assert found["python"] == f"{sys.version_info.major}.{sys.version_info.minor}"
    assert set(found) == {"python", "mlbreg", "numpy", "scipy", "sympy", "hypothesis", "the source of mlbreg"}
    assert found == json.loads(json.dumps(found)) == environment()


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small copy of what mlbreg is, in place of it."""
    for name in ("paper_checks/judge.py", "paper_checks/recorded.toml", "theory/losses/quadratic.py", "solvers/a.py"):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("a = 1")
    (tmp_path / "paper_checks" / "certificates").mkdir()
    (tmp_path / "paper_checks" / "certificates" / "a.toml").write_text("a = 1")
    monkeypatch.setattr(module, "__file__", str(tmp_path / "paper_checks" / "executors" / "environment.py"))
    return tmp_path


@pytest.mark.parametrize(
    "name", ["paper_checks/judge.py", "paper_checks/certificates/a.toml", "theory/losses/quadratic.py", "solvers/a.py"]
)
def test_an_edit_of_anything_that_decides_is_seen(name: str, tree: Path) -> None:
    before = source_digest()
    (tree / name).write_text("a = 2")
    assert source_digest() != before
    (tree / name).write_text("a = 1")
    assert source_digest() == before
    (tree / name).rename((tree / name).with_stem("renamed"))
    assert source_digest() != before


def test_a_recorded_verdict_and_what_python_compiles_decide_nothing(tree: Path) -> None:
    before = source_digest()
    (tree / "paper_checks" / "recorded.toml").write_text("a = 2")
    (tree / "paper_checks" / "__pycache__").mkdir()
    (tree / "paper_checks" / "__pycache__" / "judge.cpython-311.pyc").write_bytes(b"compiled")
    assert source_digest() == before


def test_the_users_claims_are_a_part_by_path_or_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "claims_for_a_test_environment.py"
    file.write_text("a = 1")
    monkeypatch.syspath_prepend(str(tmp_path))
    modules = [str(file), "claims_for_a_test_environment"]
    before = environment(modules)
    assert before[f"the claims {file}"] == before["the claims claims_for_a_test_environment"] != "missing"
    file.write_text("a = 2")
    after = environment(modules)
    assert {name for name in after if after[name] != before[name]} == {f"the claims {name}" for name in modules}


@pytest.mark.parametrize("name", ["missing.py", "no_such_module", "no_such_package.claims"])
def test_claims_that_are_not_there_are_missing(name: str) -> None:
    assert module_file(name) is None
    assert environment([name])[f"the claims {name}"] == "missing"


def test_differences_are_put_into_words() -> None:
    here = {"python": "3.11", "numpy": "2.4", "scipy": "1.17"}
    assert differences(here, here | {"more": "1"}) == ""
    assert differences(here, {"python": "3.12", "numpy": "2.4"}) == (
        "python is 3.12 there and 3.11 here; scipy is missing there and 1.17 here"
    )
