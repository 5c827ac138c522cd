"""The assumption explorer: which assumptions of the papers hold for which loss and regularizer, and which theorems that covers.

    from mlbreg.paper_checks.explorer import explore
    explore(loss, regularizer, delta=1)["lunk2026/2"]

`table` goes through one instance of every loss and regularizer of `mlbreg.theory`; `coverage` through the papers' experiments.
"""

from .coverage import coverage
from .entry import ASSUMPTIONS, Constant, Entry, Exploration, Status, Witness
from .explore import explore, table
from .rows import rows

__all__ = [
    "ASSUMPTIONS", "Constant", "Entry", "Exploration", "Status", "Witness", "coverage", "explore", "rows", "table",
]  # fmt: skip
