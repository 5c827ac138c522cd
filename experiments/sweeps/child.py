"""A process that does one run of a sweep: `mlbreg train`, which stops when its standard input ends.

So the runs of a sweep that dies, however it dies, save a checkpoint and end, too.
"""

from __future__ import annotations

import os
import signal
import sys
import threading

import typer

from ..training.command import train


def _stop_with_input() -> None:
    os.read(sys.stdin.fileno(), 1)  # not through sys.stdin, whose lock a waiting thread would hold at the exit
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    threading.Thread(target=_stop_with_input, daemon=True).start()
    sys.argv = ["mlbreg", "train", *sys.argv[1:]]  # what the run's environment says
    application = typer.Typer(pretty_exceptions_enable=False)
    application.command()(train)
    application(sys.argv[2:])
