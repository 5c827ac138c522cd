"""The folder of a run: what a crash leaves is either the old state or the new one."""

from __future__ import annotations

from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("sklearn")
from mlbreg.experiments.training.run_folder import RunError, RunFolder  # noqa: E402
from mlbreg.experiments.training.studies import configure  # noqa: E402

from .runs import CPU, in_parts, small, whole, without_times  # noqa: E402

pytestmark = pytest.mark.torch


def begun(path: Path) -> RunFolder:
    folder = RunFolder(path)
    folder.begin(configure("digits"))
    folder.append("metrics.jsonl", [{"a": 1}])
    return folder


def test_lines_younger_than_the_checkpoint_are_cut_off(tmp_path: Path) -> None:
    folder = begun(tmp_path)
    folder.save({"n": 1})
    folder.append("metrics.jsonl", [{"a": 2}])
    folder.append("timings.jsonl", [{"t": 2}])
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"half a l')
    assert folder.load() == {"n": 1}
    assert folder.rows() == [{"a": 1}]
    assert folder.rows("timings.jsonl") == []


def test_a_run_that_died_before_its_first_checkpoint_starts_over(tmp_path: Path) -> None:
    folder = begun(tmp_path)
    assert folder.load() is None
    assert folder.rows() == []
    assert folder.configuration() == configure("digits")


def test_a_crash_while_saving_leaves_the_old_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = begun(tmp_path)
    folder.save({"n": 1})

    def half(_: object, file: object) -> None:
        file.write(b"half")  # type: ignore[attr-defined]
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(torch, "save", half)
        with pytest.raises(KeyboardInterrupt):
            folder.save({"n": 2})
    assert folder.load() == {"n": 1}


@pytest.mark.parametrize("content", [b"", b"not a checkpoint"])
def test_a_damaged_checkpoint_is_named(tmp_path: Path, content: bytes) -> None:
    folder = begun(tmp_path)
    (tmp_path / "checkpoint.pt").write_bytes(content)
    with pytest.raises(RunError, match="no checkpoint of this program, or damaged; --fresh starts over"):
        folder.load()


def test_a_checkpoint_that_was_cut_is_named(tmp_path: Path) -> None:
    folder = begun(tmp_path)
    folder.save({"n": torch.ones(1000)})
    path = tmp_path / "checkpoint.pt"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(RunError, match="damaged"):
        folder.load()


def test_metrics_that_are_shorter_than_the_checkpoint_says_are_refused(tmp_path: Path) -> None:
    folder = begun(tmp_path)
    folder.save({"n": 1})
    (tmp_path / "metrics.jsonl").write_text("")
    with pytest.raises(RunError, match=r"metrics.jsonl in .* is shorter"):
        folder.load()


def test_a_run_that_is_begun_anew_keeps_nothing_of_the_old_one(tmp_path: Path) -> None:
    folder = begun(tmp_path)
    folder.save({"n": 1})
    folder.finish({"x": 1})
    folder.begin(configure("digits", "sgd"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["config.toml"]
    assert folder.result() is None


def test_a_folder_without_a_run_cannot_be_resumed(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="has no run to resume"):
        RunFolder(tmp_path).configuration()


def test_rows_that_json_cannot_hold_are_not_written(tmp_path: Path) -> None:
    folder = begun(tmp_path)
    with pytest.raises(ValueError, match="JSON"):
        folder.append("metrics.jsonl", [{"a": float("nan")}])
    assert folder.rows() == [{"a": 1}]


def test_a_crash_between_metrics_and_checkpoint_does_not_show(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process dies as it is about to save for the second time: the rows of that epoch are written already."""
    expected = whole(small(epochs=3), tmp_path / "whole")
    from mlbreg.experiments.training import run

    monkeypatch.setattr(run, "_LEAST_SECONDS", 0.0)
    real, saves = RunFolder.save, []

    def dying(folder: RunFolder, state: dict[str, object]) -> None:
        saves.append(1)
        if len(saves) == 2:
            raise MemoryError
        real(folder, state)  # type: ignore[arg-type]

    folder = RunFolder(tmp_path / "parts")
    with monkeypatch.context() as patched:
        patched.setattr(RunFolder, "save", dying)
        with pytest.raises(MemoryError):
            run.train(small(epochs=3), folder, CPU)
    assert folder.rows()[-1]["epoch"] == 2
    found = run.train(small(epochs=3), folder, CPU, resume=True)
    assert without_times(found) == without_times(expected)
    assert folder.rows() == RunFolder(tmp_path / "whole").rows()


def test_each_start_has_its_environment(tmp_path: Path) -> None:
    import json

    in_parts(small(), tmp_path, 5)
    environments = json.loads((tmp_path / "environment.json").read_text())
    assert [one["first_step"] for one in environments] == [1, 6]
    assert environments[0]["source"] == environments[1]["source"]
