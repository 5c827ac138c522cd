"""``python -m mlbreg.experiments.training``, as `mlbreg train`: for launchers that want a module."""

from __future__ import annotations

import typer

from .command import train

if __name__ == "__main__":
    typer.run(train)
