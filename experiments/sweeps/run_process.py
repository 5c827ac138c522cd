"""One run of a sweep as a process, and what is known of a run from its folder.

state       | the folder has               | in the next sweep        | with --retry
------------|------------------------------|--------------------------|-------------
waiting     | no configuration             | begun                    | begun
begun       | a configuration              | resumed                  | resumed
done        | a result                     | left                     | left
diverged    | ``failure.json`` that says so | left: it would diverge again | begun anew
failed      | ``failure.json``             | resumed                  | begun anew

``log.txt`` in the folder is what the process printed.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

from ..results.stored_run import own_settings
from ..training.configuration import Configuration
from ..training.configuration_file import to_arguments
from .plan import PlannedRun

INTERRUPTED = 130
#: What a run may take to save itself after it was asked to stop.
PATIENCE = 60.0
_FAILURE, _LOG = "failure.json", "log.txt"


@final
@dataclass(frozen=True)
class Setting:
    """Where and how the runs run. ``threads``: of each, 0 leaves it to the environment."""

    folder: str
    device: str = "auto"
    data_dir: str | None = None
    threads: int = 0
    retry: bool = False


@final
@dataclass(frozen=True)
class Outcome:
    """``state``: as in the table; ``error``: one line, empty where there is none."""

    name: str
    state: str
    error: str = ""


def outcome(folder: Path, name: str) -> Outcome:
    """What the folder of a run says."""
    place = folder / name
    if (place / "result.json").is_file():
        return Outcome(name, "done")
    try:
        failure = json.loads((place / _FAILURE).read_text(encoding="utf-8"))
        return Outcome(name, str(failure["state"]), str(failure["error"]))
    except (OSError, ValueError, KeyError, TypeError):
        return Outcome(name, "begun" if (place / "config.toml").is_file() else "waiting")


def is_due(found: Outcome, retry: bool) -> bool:
    """Whether a sweep has to run it."""
    return found.state in ("waiting", "begun", "failed") or (retry and found.state == "diverged")


def arguments(configuration: Configuration) -> list[str]:
    """Those of `mlbreg train` that decide what is computed."""
    c = configuration
    return [
        c.study, "--method", c.method, "--recipe", c.recipe, "--seed", str(c.seed), *to_arguments(own_settings(c)),
    ]  # fmt: skip


@final
class RunProcess:
    """A process that was started. ``keep_open``: file descriptors that it shall inherit."""

    def __init__(self, run: PlannedRun, setting: Setting, keep_open: Sequence[int] = ()) -> None:
        self.name = run.name
        self.folder = Path(setting.folder)
        place = self.folder / run.name
        before = outcome(self.folder, run.name)
        place.mkdir(parents=True, exist_ok=True)
        (place / _FAILURE).unlink(missing_ok=True)
        command = [
            sys.executable, "-P", "-m", f"{__package__}.child", *arguments(run.configuration),
            "--out", str(place), "--device", setting.device,
        ]  # fmt: skip
        if setting.data_dir is not None:
            command += ["--data-dir", setting.data_dir]
        if (place / "config.toml").is_file():
            command.append("--fresh" if setting.retry and before.state in ("failed", "diverged") else "--resume")
        environment = dict(os.environ)
        if setting.threads:
            environment["OMP_NUM_THREADS"] = str(setting.threads)
        own_group: dict[str, Any] = {"start_new_session": True, "pass_fds": keep_open} if os.name == "posix" else {}
        with (place / _LOG).open("ab") as log:
            # A session of its own: Ctrl-C is for the sweep, which then asks each run once.
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=log, stderr=subprocess.STDOUT, env=environment, **own_group
            )

    def poll(self) -> Outcome | None:
        """The outcome once the process has ended; it is in the folder, too."""
        status = self._process.poll()
        if status is None:
            return None
        self.ask_to_stop()
        place = self.folder / self.name
        if status not in (0, INTERRUPTED) and not (place / "result.json").is_file():
            last = _last_line(place / _LOG)
            if status < 0:
                failure = {"state": "failed", "error": f"ended by {signal.Signals(-status).name}"}
            elif last.startswith("diverged:"):
                failure = {"state": "diverged", "error": last.removeprefix("diverged:").strip()}
            else:
                failure = {"state": "failed", "error": last.removeprefix("error:").strip() or f"exit status {status}"}
            (place / _FAILURE).write_text(json.dumps({**failure, "status": status}) + "\n", encoding="utf-8")
        return outcome(self.folder, self.name)

    def ask_to_stop(self) -> None:
        """It saves a checkpoint and ends."""
        if self._process.stdin is not None:
            self._process.stdin.close()

    def end(self, patience: float = PATIENCE) -> None:
        """Ask, wait, and kill it after ``patience`` seconds."""
        self.ask_to_stop()
        try:
            self._process.wait(patience)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _last_line(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "")
