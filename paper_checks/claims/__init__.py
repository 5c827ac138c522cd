"""The claims of the two papers. Importing this package registers them.

lunk2026     `lunk2026_transfer`, `lunk2026_mirror_descent` (section 3), `lunk2026_coarse` (section 3, (13)),
             `lunk2026_descent` (section 4, appendix A)
bungert2021  `bungert2021_loss_decay` (section 3.1), `bungert2021_example`, `bungert2021_divergences` (appendix B)

`planted` holds the bugs that their checks must notice.
"""

from . import (
    bungert2021_divergences,
    bungert2021_example,
    bungert2021_loss_decay,
    lunk2026_coarse,
    lunk2026_descent,
    lunk2026_mirror_descent,
    lunk2026_transfer,
)

__all__ = [
    "bungert2021_divergences",
    "bungert2021_example",
    "bungert2021_loss_decay",
    "lunk2026_coarse",
    "lunk2026_descent",
    "lunk2026_mirror_descent",
    "lunk2026_transfer",
]
