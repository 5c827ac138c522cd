"""Where claims come from: the papers, other packages, files of the user's own."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from mlbreg.paper_checks import registry
from mlbreg.paper_checks.claim_record import registered
from mlbreg.paper_checks.registry import ClaimsModuleError, UnknownClaimError, load, select

pytestmark = pytest.mark.usefixtures("clean_registry")

SOURCE = '''
from mlbreg.paper_checks import claim, families, given

@claim("{id}", statement="0 \\\\le 1", source="a test")
@given(problem=families.problems(), theta=families.vectors())
def margin(problem, theta):
    """A note."""
    return 0 * theta[..., 0] + 1
'''


def claims_file(folder: Path, id: str, name: str = "my_claims.py") -> str:
    """A file that registers one claim."""
    path = folder / name
    path.parent.mkdir(exist_ok=True, parents=True)
    path.write_text(SOURCE.format(id=id))
    return str(path)


def test_the_claims_of_both_papers_are_there_without_being_asked_for() -> None:
    claims, own = load()
    assert {claim.paper for claim in claims.values()} == {"bpgd", "bungert2021", "lunk2026", "mlbpgd"}
    assert own == frozenset()


def test_a_file_outside_the_package_adds_its_claims(tmp_path: Path) -> None:
    before = set(load()[0])
    claims, own = load((claims_file(tmp_path, "mine/one"),))
    assert own == {"mine/one"}
    assert set(claims) == before | {"mine/one"}
    assert claims["mine/one"].note == "A note."


def test_a_relative_path_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    claims_file(tmp_path, "mine/one")
    monkeypatch.chdir(tmp_path)
    assert load(("my_claims.py",))[1] == {"mine/one"}


def test_two_files_of_the_same_name_in_different_folders_are_both_loaded(tmp_path: Path) -> None:
    files = tuple(claims_file(tmp_path / folder, f"{folder}/claim") for folder in ("a", "b"))
    assert load(files)[1] == {"a/claim", "b/claim"}


def test_the_same_file_twice_is_loaded_once(tmp_path: Path) -> None:
    file = claims_file(tmp_path, "mine/one")
    assert load((file, file))[1] == {"mine/one"}


def test_an_importable_module_adds_its_claims(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    claims_file(tmp_path, "mine/one", "claims_for_a_test_module.py")
    monkeypatch.syspath_prepend(tmp_path)
    assert load(("claims_for_a_test_module",))[1] == {"mine/one"}


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("def margin(:", "SyntaxError: "),
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("import not_installed_anywhere", "ModuleNotFoundError: No module named 'not_installed_anywhere'"),
        ("from mlbreg.paper_checks import given\ngiven(theta=3)", "TypeError: given: theta must be a Family"),
        (SOURCE.format(id="no slash"), "ValueError: a claim id must read paper/name"),
        (SOURCE.format(id="lunk2026/prop-3.1"), "ValueError: claim 'lunk2026/prop-3.1' is registered twice"),
    ],
)
def test_a_file_that_fails_to_load_is_named_with_its_error(tmp_path: Path, source: str, message: str) -> None:
    path = tmp_path / "my_claims.py"
    path.write_text(source)
    for _ in range(2):  # and again: a file that failed is not taken for one that is loaded
        with pytest.raises(ClaimsModuleError) as error:
            load((str(path),))
        assert f"{path} fails to load: {message}" in str(error.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    missing = str(tmp_path / "missing.py")
    with pytest.raises(ClaimsModuleError, match="there is no file") as error:
        load((missing,))
    assert repr(missing) in str(error.value)


@pytest.mark.parametrize("module", ["no_such_module_anywhere", "mlbreg.paper_checks.no_such", "no such name", "", ".x"])
def test_a_missing_module_is_named(module: str) -> None:
    with pytest.raises(ClaimsModuleError, match="--claims must be a Python file or an importable module") as error:
        load((module,))
    assert repr(module) in str(error.value)


def test_a_module_that_raises_is_named_with_its_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "claims_for_a_test_broken.py").write_text("1 / 0")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ClaimsModuleError, match=r"'claims_for_a_test_broken': ZeroDivisionError: division by zero"):
        load(("claims_for_a_test_broken",))


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The entry points of other packages, to be filled by the test."""
    entries: list[Any] = []
    real = importlib.metadata.entry_points
    monkeypatch.setattr(registry, "entry_points", lambda *, group: [*real(group=group), *entries])
    return entries


def test_the_entry_points_of_other_packages_add_their_claims(installed: list[Any], tmp_path: Path) -> None:
    file = claims_file(tmp_path, "theirs/one")
    groups: list[str] = []

    def loads() -> None:
        groups.append("loaded")
        registry._load_module(file)

    installed.append(SimpleNamespace(name="theirs", value="theirs.claims", load=loads))
    claims, own = load()
    assert "theirs/one" in claims
    assert own == frozenset()  # installed, not named by the user
    assert groups == ["loaded"]


def test_the_claims_of_the_papers_come_by_an_entry_point_of_this_package() -> None:
    (entry,) = [entry for entry in importlib.metadata.entry_points(group="mlbreg.claims") if entry.name == "papers"]
    assert entry.value == "mlbreg.paper_checks.claims"


def test_an_entry_point_that_fails_is_named_with_its_error(installed: list[Any]) -> None:
    def loads() -> None:
        raise ImportError("no such thing")

    installed.append(SimpleNamespace(name="theirs", value="theirs.claims", load=loads))
    with pytest.raises(ClaimsModuleError, match=r"entry point 'theirs' \(theirs.claims\) fail.* ImportError: no such"):
        load()


def test_all_claims_are_selected_when_none_is_named() -> None:
    assert [claim.id for claim in select(registered(), ())] == list(registered())


def test_a_paper_stands_for_all_its_claims_and_the_order_is_that_of_the_registry() -> None:
    chosen = [claim.id for claim in select(registered(), ("lunk2026", "bungert2021/thm-3.2"))]
    wanted = {"bungert2021/thm-3.2"} | {id for id in registered() if id.startswith("lunk2026/")}
    assert chosen == [id for id in registered() if id in wanted]


def test_a_claim_named_twice_is_judged_once() -> None:
    assert [claim.id for claim in select(registered(), ("lunk2026/eq-13",) * 2)] == ["lunk2026/eq-13"]


@pytest.mark.parametrize(
    ("id", "suggestion"),
    [
        ("lunk2026/prop-31", "lunk2026/prop-3.1"),
        ("bungert2021/thm3.2", "bungert2021/thm-3.2"),
        ("eq-13", "lunk2026/eq-13"),
    ],
)
def test_an_unknown_id_is_echoed_with_the_nearest_ones(id: str, suggestion: str) -> None:
    with pytest.raises(UnknownClaimError, match=f"unknown claim id {id!r}; did you mean ") as error:
        select(registered(), (id,))
    assert suggestion in str(error.value)
    assert f"mlbreg list shows all {len(registered())}" in str(error.value)


def test_an_id_that_resembles_nothing_has_no_suggestion() -> None:
    with pytest.raises(UnknownClaimError, match=r"unknown claim id '####' \(mlbreg list shows all"):
        select(registered(), ("####",))


def test_the_claims_are_in_the_order_of_the_papers() -> None:
    known, _ = registry.load()
    ids = list(known)
    wanted = [
        "bungert2021/eq-2.5",
        "bungert2021/eq-2.12-2.14",
        "bungert2021/thm-3.2",
        "bungert2021/proof-3.2-step-1",
        "bungert2021/cor-3.3",
        "bungert2021/lemma-B.1",
        "bungert2021/flow-limit",
        "lunk2026/prop-3.1",
        "lunk2026/thm-4.1",
        "lunk2026/lemma-A.1",
        "lunk2026/flops",
    ]
    assert sorted(wanted, key=ids.index) == wanted
