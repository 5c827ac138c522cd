"""The program of a second process: a line of JSON in, what is to be done; a line of JSON out, the answer.

request ``do`` | with                                 | answer
---------------|--------------------------------------|--------------------------------------------------------------------
``threads``    | ``threads``                          | {}
``build``      | ``contender``, ``network``, ``batch`` | {}
``load``       | ``contender``, ``pattern``           | {}
``step``       | ``contender``                        | ``parts``: seconds
``memory``     | ``contender``, ``steps``             | ``memory``: see `memory`

Instead of these: ``not_available`` or ``error``, a sentence. It ends with its input.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from typing import Any, final

import torch

from .batch import random_batch
from .contenders import CONTENDERS, Contender, NotAvailableError
from .memory import peak_of_steps, resident
from .patterns import Pattern, State, weights


@final
class Desk:
    """What the process has made so far."""

    def __init__(self) -> None:
        self._made: dict[str, tuple[str, Contender]] = {}
        self._before: float | None = None
        self._last: tuple[str, Pattern, State] | None = None

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """Do what a request says."""
        match request["do"]:
            case "threads":
                torch.set_num_threads(request["threads"])
                return {}
            case "build":
                self._before = resident()
                network = request["network"]
                made = CONTENDERS[request["contender"]](network, random_batch(network, request["batch"]))
                self._made[request["contender"]] = (network, made)
                return {}
            case "load":
                network, contender = self._made[request["contender"]]
                contender.load(self._weights(network, Pattern(**request["pattern"])))
                return {}
            case "step":
                return {"parts": self._made[request["contender"]][1].step()}
            case "memory":
                contender = self._made[request["contender"]][1]
                return {"memory": peak_of_steps(contender.step, request["steps"], self._before)}
        raise ValueError(f"do must be threads, build, load, step or memory, got {request['do']!r}")

    def _weights(self, network: str, pattern: Pattern) -> State:
        """Drawn or read once for all contenders."""
        if self._last is None or self._last[:2] != (network, pattern):
            self._last = network, pattern, weights(network, pattern)
        return self._last[2]


def main() -> None:
    """Answer until the input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the first process gets it, too, and ends this one
    # Libraries print, too: what goes to the descriptor of stdout is for people, and the answers go elsewhere.
    with os.fdopen(os.dup(1), "w") as answers:
        os.dup2(2, 1)
        desk = Desk()
        for line in sys.stdin:
            try:
                answer = desk.answer(json.loads(line))
            except NotAvailableError as reason:
                answer = {"not_available": str(reason)}
            except Exception as error:  # the other process decides what an error means
                answer = {"error": f"{type(error).__name__}: {error}"}
            answers.write(json.dumps(answer) + "\n")
            answers.flush()


if __name__ == "__main__":
    main()
