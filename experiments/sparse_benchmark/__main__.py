"""``python -m mlbreg.experiments.sparse_benchmark``: see `command`."""

from __future__ import annotations

from .command import main

if __name__ == "__main__":
    main()
