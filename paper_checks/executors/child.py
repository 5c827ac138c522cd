"""A process that judges one claim for a worker of a cluster: ``python -m mlbreg.paper_checks.executors.child``.

One line of JSON comes in (see `worker.judge_apart`), one document goes out: ``{"evidence": …}`` or ``{"refused": why}``.
Standard input stays open for as long as the worker lives, which is how the process learns of its end.

A process of its own, for three reasons: planted bugs replace functions of the code under test, which no other claim may
see; a claim that crashes takes no worker along; and the code is the one on disk, also where the worker is older than it.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from typing import Any

from .. import registry
from ..effort import Effort
from ..judge import judge
from .environment import differences, environment


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """Judge the claim of the request, unless this machine would not give the same evidence as the one that asks."""
    named = [module for module in request["modules"] if not module.endswith(".py")]
    different = differences(request["environment"], environment(named))
    if different:
        return {"refused": different}
    try:
        claims, _ = registry.load(tuple(request["files"]))
    except registry.ClaimsModuleError as error:
        return {"refused": str(error)}
    if request["id"] not in claims:
        return {"refused": f"there is no claim {request['id']} there"}
    effort, modules = Effort(request["effort"]), tuple(request["modules"])
    return {"evidence": judge(claims[request["id"]], effort, request["seed"], modules).to_json()}


def _end_with_worker() -> None:
    """Not through sys.stdin: its lock would be held when the interpreter ends."""
    while os.read(0, 1024):
        pass
    os._exit(1)


def main() -> None:
    """Read the request, judge, answer. What the claim's own code prints goes to the worker's log."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the worker, and its end is this one's
    with os.fdopen(os.dup(1), "w") as out:
        os.dup2(2, 1)
        request = json.loads(sys.stdin.readline())
        threading.Thread(target=_end_with_worker, daemon=True).start()
        out.write(json.dumps(answer(request)))


if __name__ == "__main__":
    main()
