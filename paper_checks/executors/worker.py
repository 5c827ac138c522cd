"""What a Dask worker is given to do: judge one claim in a process apart, and end it when nobody wants the answer any more."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

_POLL_SECONDS = 0.2


class ChildError(Exception):
    """The process that judged a claim ended without an answer."""


class UnwantedError(Exception):
    """The process was ended, for its answer would go nowhere."""


def judge_apart(request: str) -> str:
    """The answer of `child.answer` to the request; JSON both, for a claim holds functions that cannot be sent.

    The request has the claim's ``id``, ``effort``, ``seed``, ``modules`` as the user named them, ``sources`` of those that
    are files, and the ``environment`` that is asked for.

    Raises `ChildError` if the process ends without an answer.
    """
    from distributed import Reschedule, get_worker

    worker = get_worker()
    key = worker.get_current_task()

    def wanted() -> bool:
        task = worker.state.tasks.get(key)
        ends = worker.status.name in ("closing", "closed", "failed")
        return task is not None and task.state != "cancelled" and not ends

    try:
        return ask_child(request, wanted, Path(worker.local_directory))
    except UnwantedError:
        raise Reschedule from None  # of a worker that is told to end; after Ctrl-C there is nobody to hear it


def ask_child(request: str, wanted: Callable[[], bool], scratch: Path) -> str:
    """Start the process, give it the request and the user's files in a folder below ``scratch``, and wait.

    Raises `ChildError` if it ends without an answer, and `UnwantedError` once ``wanted`` says no.
    """
    with tempfile.TemporaryDirectory(dir=scratch, prefix="mlbreg-") as folder:
        line = json.dumps({**json.loads(request), "files": _unpack(json.loads(request), Path(folder))})
        # -P: the worker's current folder may hold modules with any name.
        command = [sys.executable, "-P", "-m", f"{__package__}.child"]
        child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        answer: list[str] = []
        reader = threading.Thread(target=_converse, args=(child, line, answer), daemon=True)
        reader.start()
        try:
            while reader.is_alive():
                reader.join(_POLL_SECONDS)
                if not wanted():
                    raise UnwantedError
        finally:
            child.kill()  # nothing, where it has ended
            reader.join()
            status = child.wait()
    if not answer or not answer[0]:
        raise ChildError(f"the process that judged it {_how_it_ended(status)}")
    return answer[0]


def _converse(child: subprocess.Popen[str], line: str, answer: list[str]) -> None:
    """Standard input is closed in the end only: the child takes its end for the worker's."""
    assert child.stdin is not None
    assert child.stdout is not None
    try:
        child.stdin.write(line + "\n")
        child.stdin.flush()
        answer.append(child.stdout.read())
        child.wait()
        child.stdin.close()
    except BrokenPipeError:  # it ended before it had read the request
        child.wait()
    finally:
        child.stdout.close()


def _unpack(request: dict[str, object], folder: Path) -> list[str]:
    """Write the user's files, each in a folder of its own as two may have the same name; dotted names stay as they are."""
    names: list[str] = []
    sources = request["sources"]
    assert isinstance(sources, list)
    for number, (module, source) in enumerate(sources):
        if source is None:
            names.append(module)
            continue
        file = folder / str(number) / Path(module).name
        file.parent.mkdir()
        file.write_text(source, encoding="utf-8")
        names.append(str(file))
    return names


def _how_it_ended(status: int) -> str:
    if status >= 0:
        return f"ended with exit status {status}"
    try:
        return f"was ended by {signal.Signals(-status).name}"
    except ValueError:
        return f"was ended by signal {-status}"
