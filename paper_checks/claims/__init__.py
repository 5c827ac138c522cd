"""The claims of the two papers, one package each. Importing this package registers them.

`planted` holds the bugs that the checks of several claims must notice.
"""

from . import bpgd, bungert2021, lunk2026, mlbpgd

__all__ = ["bpgd", "bungert2021", "lunk2026", "mlbpgd"]
