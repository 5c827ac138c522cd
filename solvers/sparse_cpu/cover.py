"""How the tiles of `tiles` cover an image: a list of (kind, row, column, edges), as an array for the kernels.

kind | rows × columns | for
-----|----------------|---------------------------------------------
0    | 2 × 8          | images from 8 pixels of width on
1    | 4 × 4          | from 4 × 4 on
2    | 2 × 2          | what is left over
3    | 1 × 1          | likewise, and where the columns are 3 pixels apart or more

edges: the sides of the image that a tile touches, for kernels that leave out what lies beyond them; 0 where they do not.
"""

from __future__ import annotations

import numpy as np

from .tile_parts import BOTTOM, LEFT, RIGHT, TOP

#: Rows and columns of each kind.
SHAPES = ((2, 8), (4, 4), (2, 2), (1, 1))
_LARGE_STEP = 3
#: Images whose border is left out: all tiles of 4 × 4 touch two sides of it, or all four.
_BORDERING = ((4, 4), (8, 8))


def overlapping(height: int, width: int, step: int) -> np.ndarray:
    """A cover by tiles of one kind in which the last ones may overlap others: for kernels that overwrite. int64 (n, 4)."""
    kind = _best(height, width, step)
    rows, cols = SHAPES[kind]
    starts = [(r, c) for r in _starts(height, rows) for c in _starts(width, cols)]
    return np.asarray([(kind, r, c, 0) for r, c in starts], dtype=np.int64)


def exact(height: int, width: int, step: int) -> np.ndarray:
    """A cover in which every pixel is in one tile: for kernels that add up. int64 (n, 4)."""
    free = np.ones((height, width), dtype=bool)
    tiles = []
    for kind, (rows, cols) in enumerate(SHAPES):
        if step >= _LARGE_STEP and (rows, cols) != (1, 1):
            continue
        for r in range(0, height - rows + 1, rows):
            for c in range(0, width - cols + 1, cols):
                if free[r : r + rows, c : c + cols].all():
                    free[r : r + rows, c : c + cols] = False
                    tiles.append((kind, r, c, 0))
    return np.asarray(tiles, dtype=np.int64)


def bordering(height: int, width: int) -> np.ndarray | None:
    """Tiles of 4 × 4 with their edges, for a 3 × 3 window; None where that would not pay."""
    if (height, width) not in _BORDERING:
        return None
    return np.asarray(
        [
            (1, r, c, TOP * (r == 0) + BOTTOM * (r + 4 == height) + LEFT * (c == 0) + RIGHT * (c + 4 == width))
            for r in range(0, height, 4)
            for c in range(0, width, 4)
        ],
        dtype=np.int64,
    )


def _best(height: int, width: int, step: int) -> int:
    if step >= _LARGE_STEP:
        return len(SHAPES) - 1
    return next(kind for kind, (rows, cols) in enumerate(SHAPES) if rows <= height and cols <= width)


def _starts(length: int, tile: int) -> list[int]:
    return [*range(0, length - tile, tile), length - tile]
