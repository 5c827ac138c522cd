"""The folder of a run, and its checkpoints.

file                    | content
------------------------|------------------------------------------------------------------------------------
``config.toml``         | the configuration
``environment.json``    | versions, machine, command; one entry for each time the run was started or resumed
``metrics.jsonl``       | the rows of `trainer`, one a line
``timings.jsonl``       | seconds since the start by part of a step, and peak memory: after each epoch, a line
``pictures.jsonl``      | kernels and images, see `pictures`; of networks that have some
``checkpoint.pt``       | the state, and how long the files of lines were then
``result.json``         | of a run that has ended
``curves.pdf``, ``.png`` | its figure

A file is replaced in one step, or appended to; the checkpoint is written when what belongs before it is on the disk. On resuming,
lines that are younger than the checkpoint are cut off, as the steps behind them are taken again.
"""

from __future__ import annotations

import json
import os
import pickle
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import torch

from .configuration import Configuration
from .configuration_file import read_settings, to_toml

#: Files that grow by lines.
_GROWING = ("metrics.jsonl", "timings.jsonl", "pictures.jsonl")

Row = dict[str, Any]


class RunError(Exception):
    """A folder that cannot be begun, resumed or read."""


@final
@dataclass(frozen=True)
class RunFolder:
    """The files of one run. Without ``writes``, as one of several processes has it, nothing changes on the disk."""

    path: Path
    writes: bool = True

    @property
    def exists(self) -> bool:
        """Whether a run was begun here."""
        return (self.path / "config.toml").is_file()

    def begin(self, configuration: Configuration) -> None:
        """A new run: what an earlier one left here is removed."""
        if not self.writes:
            return
        self.path.mkdir(parents=True, exist_ok=True)
        for name in ("result.json", "checkpoint.pt", "environment.json", *_GROWING):
            (self.path / name).unlink(missing_ok=True)
        self._replace("config.toml", to_toml(configuration).encode())

    def configuration(self) -> Configuration:
        """The stored one. Raises a `RunError` where there is none, a `ConfigurationError` for what is none."""
        if not self.exists:
            raise RunError(f"{str(self.path)!r} has no run to resume")
        return Configuration(**read_settings(self.path / "config.toml"))

    def add_environment(self, found: dict[str, Any]) -> None:
        """One more start."""
        path = self.path / "environment.json"
        known = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []
        self._replace("environment.json", _json([*known, found]))

    def append(self, name: str, rows: Iterable[Row]) -> None:
        """Add lines to a file."""
        lines = "".join(json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n" for row in rows)
        if lines and self.writes:
            with (self.path / name).open("a", encoding="utf-8") as file:
                file.write(lines)

    def rows(self, name: str = "metrics.jsonl") -> list[Row]:
        """The lines of a file."""
        path = self.path / name
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.is_file() else []

    def save(self, state: dict[str, Any]) -> None:
        """A checkpoint: complete or not there, whenever the process dies."""
        if not self.writes:
            return
        lengths = {}
        for name in _GROWING:
            if not (self.path / name).is_file():
                continue
            with (self.path / name).open("ab") as file:
                os.fsync(file.fileno())
                lengths[name] = file.tell()
        partial = self.path / ".checkpoint.pt.partial"
        with partial.open("wb") as file:
            torch.save({"state": state, "lengths": lengths}, file)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(self.path / "checkpoint.pt")

    def load(self) -> dict[str, Any] | None:
        """The state of the last checkpoint, after cutting what is younger; None where the run died before the first one."""
        path = self.path / "checkpoint.pt"
        if not path.is_file():
            for name in _GROWING:
                (self.path / name).unlink(missing_ok=True)
            return None
        try:
            found = torch.load(path, map_location="cpu", weights_only=True)
            lengths, state = dict(found["lengths"]), dict(found["state"])
        except (OSError, RuntimeError, EOFError, KeyError, TypeError, ValueError, pickle.UnpicklingError) as error:
            raise RunError(
                f"{str(path)!r} is no checkpoint of this program, or damaged; --fresh starts over"
            ) from error
        for name, length in lengths.items():
            if not (self.path / name).is_file() or (self.path / name).stat().st_size < length:
                raise RunError(f"{name} in {str(self.path)!r} is shorter than its checkpoint says; --fresh starts over")
            with (self.path / name).open("r+b") as file:
                file.truncate(length)
        for name in set(_GROWING) - set(lengths):  # younger than the checkpoint as a whole
            (self.path / name).unlink(missing_ok=True)
        return state

    def finish(self, result: Row) -> None:
        """The result of a run that has ended."""
        self._replace("result.json", _json(result))

    def result(self) -> Row | None:
        """The result, None where the run has not ended."""
        path = self.path / "result.json"
        if not path.is_file():
            return None
        found: Row = json.loads(path.read_text(encoding="utf-8"))
        return found

    def _replace(self, name: str, content: bytes) -> None:
        if not self.writes:
            return
        partial = self.path / f".{name}.partial"
        with partial.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(self.path / name)


def _json(content: Any) -> bytes:
    return (json.dumps(content, ensure_ascii=False, indent=1, allow_nan=False) + "\n").encode()
