"""The report of a run: ``index.html``, ``report.json`` and ``figures/``, one self-contained folder that works from file://."""

from __future__ import annotations

from pathlib import Path

from ..evidence import RunEvidence


def write(run: RunEvidence, folder: Path, jobs: int = 1) -> None:
    """Write the report of ``run`` into ``folder``, which must exist; the same evidence gives the same bytes.

    ``jobs``: processes that draw the figures.

    Nothing is renamed or removed here: a caller who wants a report whole or not at all writes into a new folder and
    renames it.
    """
    from .writer import write_report  # matplotlib loads here, after the judging

    write_report(run, folder, jobs)


__all__ = ["write"]
