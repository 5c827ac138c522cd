"""Where stored runs come from: the reviewed ones that ship with this package, files of JSON lines, and folders of runs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from .stored_run import StoredRun, StoredRunError, of_folder, of_lines

#: The reviewed runs, a file for each study.
REVIEWED = Path(__file__).parent


def stored_runs(places: Sequence[Path] = ()) -> list[StoredRun]:
    """The reviewed runs and those of ``places``, which come in the place of reviewed ones with the same name.

    A place is a file of JSON lines, a folder with such files, the folder of a run or of a sweep. Runs that have not ended are
    left out. Raises a `StoredRunError` for a place without any run.
    """
    found = {run.name: run for run in _of_files(sorted(REVIEWED.glob("*.jsonl")))}
    for place in places:
        runs = runs_at(place)
        if not runs:
            raise StoredRunError(f"{str(place)!r} must have stored runs or runs that have ended, got none")
        found |= {run.name: run for run in runs}
    return [found[name] for name in sorted(found)]


def runs_at(place: Path) -> list[StoredRun]:
    """The runs of one place; see `stored_runs`."""
    if place.is_file():
        return _of_files([place])
    if not place.is_dir():
        raise StoredRunError(f"{str(place)!r} must be a folder or a file with runs, got none")
    if (place / "config.toml").is_file():
        return [of_folder(place)]
    folders = sorted(
        result.parent for result in place.glob("*/result.json") if (result.parent / "config.toml").is_file()
    )
    return _of_files(sorted(place.glob("*.jsonl"))) + [of_folder(folder) for folder in folders]


def write(runs: Iterable[StoredRun], into: Path) -> list[Path]:
    """Add the runs to ``into``, a file for each study; a run with a name that is there is replaced. The files that changed.

    The same runs give the same bytes, in whatever order they come. A file is replaced in one step.
    """
    into.mkdir(parents=True, exist_ok=True)
    by_study: dict[str, dict[str, StoredRun]] = {}
    for run in runs:
        by_study.setdefault(run.configuration.study, {})[run.name] = run
    written = []
    for study in sorted(by_study):
        path = into / f"{study}.jsonl"
        known = {run.name: run for run in _of_files([path])} if path.is_file() else {}
        found = {**known, **by_study[study]}
        content = "".join(f"{line}\n" for name in sorted(found) for line in found[name].lines())
        if not path.is_file() or path.read_text(encoding="utf-8") != content:
            partial = path.with_name(f".{path.name}.partial")
            partial.write_text(content, encoding="utf-8", newline="\n")
            partial.replace(path)
            written.append(path)
    return written


def _of_files(paths: Iterable[Path]) -> list[StoredRun]:
    found = []
    for path in paths:
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise StoredRunError(f"{str(path)!r} cannot be read: {error}") from error
        found += of_lines(lines, repr(path.name))
    return found
