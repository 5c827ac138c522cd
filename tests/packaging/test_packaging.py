"""What an installation contains, what an import costs, and who may import whom."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
PYPROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
SETUPTOOLS = PYPROJECT["tool"]["setuptools"]
ROOTS = {folder: package for package, folder in SETUPTOOLS["package-dir"].items()}

#: CPU seconds, the interpreter's start included.
IMPORT_BUDGET = 1.5

#: An absolute path into some machine's folders; not a part of a longer path or of an address.
MACHINE_PATH = re.compile(rb"(?<![\w.~-])/(?:work|root|home|Users|tmp)/")


def package_of(file: Path) -> str:
    """The package that a file under one of the four roots belongs to."""
    root, *nested = file.parent.relative_to(REPOSITORY).parts
    return ".".join([ROOTS[root], *nested])


def files_under_the_roots() -> list[Path]:
    files = [file for root in ROOTS for file in (REPOSITORY / root).rglob("*") if file.is_file()]
    return [file for file in files if "__pycache__" not in file.parts and not file.name.startswith(".")]


def python(code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run ``code`` in a fresh interpreter whose working directory is ``folder``."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [sys.executable, "-c", code]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_every_folder_with_modules_is_a_listed_package() -> None:
    modules = [file for file in files_under_the_roots() if file.suffix == ".py"]
    assert {package_of(file) for file in modules} == set(SETUPTOOLS["packages"])


@pytest.mark.parametrize("package", SETUPTOOLS["packages"])
def test_every_listed_package_has_an_init(package: str) -> None:
    root, nested = next((root, package[len(name) :]) for root, name in ROOTS.items() if package.startswith(name))
    assert (REPOSITORY / root / nested.strip(".").replace(".", "/") / "__init__.py").is_file()


def test_every_data_file_is_shipped() -> None:
    data = [file for file in files_under_the_roots() if file.suffix != ".py"]
    patterns = SETUPTOOLS["package-data"]
    left_out = [f for f in data if not any(fnmatch(f.name, p) for p in patterns.get(package_of(f), []))]
    assert left_out == []


@pytest.mark.parametrize("root", ROOTS)
def test_each_root_says_that_it_is_typed(root: str) -> None:
    assert (REPOSITORY / root / "py.typed").is_file()


@pytest.mark.parametrize("package", ["mlbreg.theory", "mlbreg.paper_checks"])
def test_import_is_quick(package: str, tmp_path: Path) -> None:
    # CPU time, not wall time: the other test processes share the machine. The best of three, so
    # that neither a cold disk nor the first compilation to bytecode counts.
    code = f"import {package}, time; print(time.process_time())"
    runs = [python(code, tmp_path) for _ in range(3)]
    assert all(run.returncode == 0 for run in runs), runs[0].stderr
    assert min(float(run.stdout) for run in runs) < IMPORT_BUDGET


@pytest.mark.parametrize("package", ["mlbreg.theory", "mlbreg.paper_checks"])
def test_import_does_not_bring_torch(package: str, tmp_path: Path) -> None:
    run = python(f"import {package}, sys; sys.exit('torch' in sys.modules)", tmp_path)
    assert run.returncode == 0, run.stderr or f"{package} imports torch"


@pytest.mark.parametrize("root", ROOTS)
def test_the_bare_name_of_a_root_is_not_importable(root: str, tmp_path: Path) -> None:
    run = python(f"import {root}", tmp_path)
    assert f"No module named '{root}'" in run.stderr


def test_imports_keep_to_the_layers() -> None:
    lint_imports = shutil.which("lint-imports", path=str(Path(sys.executable).parent))
    assert lint_imports, "lint-imports is missing: install the extra dev"
    run = subprocess.run([lint_imports, "--no-cache"], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr


def test_no_file_names_a_folder_of_somebodys_machine() -> None:
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        listed = subprocess.run(listing, cwd=REPOSITORY, capture_output=True, check=True).stdout
    except (FileNotFoundError, subprocess.CalledProcessError):
        pytest.skip("this is not a git checkout")
    files = [REPOSITORY / os.fsdecode(name) for name in listed.split(b"\0") if name]
    guilty = [str(f.relative_to(REPOSITORY)) for f in files if f.is_file() and MACHINE_PATH.search(f.read_bytes())]
    assert guilty == []
