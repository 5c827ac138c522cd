"""Which entries of a parameter make a group: a name for each way to cut a tensor, and the axes that a group spans.

layout       | one group is                                      | shape of the parameter
-------------|---------------------------------------------------|------------------------------------
``entries``  | one number                                        | any
``rows``     | the weights into one output unit; an embedding    | (out, in); any with ≥ 1 axis: all but axis 0
``columns``  | the weights out of one input unit                 | (out, in); any with ≥ 2 axes: all but axis 1
``kernels``  | K_ij, what filter i does with input channel j     | (out, in, …) with ≥ 3 axes
``filters``  | all kernels of one output channel                 | (out, in, …) with ≥ 3 axes: the same cut as rows
``channels`` | all kernels of one input channel                  | (out, in, …) with ≥ 3 axes: the same cut as columns
``heads:n``  | the rows of one of n attention heads              | (n·h, in): axis 0 in n equal blocks; biases, too
``whole``    | the parameter                                     | any

The sum over a group runs over the axes of a view, so nothing is gathered or copied: `split` gives the view, `axes` the
axes of it that a group spans.
"""

from __future__ import annotations

import math

from torch import Tensor

#: The layouts without a number.
LAYOUTS = ("entries", "rows", "columns", "kernels", "filters", "channels", "whole")
_LEAST_AXES = {"entries": 0, "rows": 1, "columns": 2, "kernels": 3, "filters": 3, "channels": 3, "whole": 0}


def check_layout(layout: str) -> str:
    """The layout when there is one of this name, else a `ValueError`."""
    if layout in LAYOUTS:
        return layout
    if isinstance(layout, str) and layout.startswith("heads:") and layout[6:].isdigit() and int(layout[6:]) > 0:
        return layout
    raise ValueError(f"layout must be one of {', '.join(LAYOUTS)} or 'heads:n' with n ≥ 1, got {layout!r}")


def check_shape(layout: str, shape: tuple[int, ...]) -> None:
    """A `ValueError` when a parameter of this shape has no such groups."""
    if layout.startswith("heads:"):
        heads = int(layout[6:])
        if not shape or shape[0] % heads:
            raise ValueError(f"layout {layout!r} needs a first axis that {heads} divides, got shape {shape}")
        return
    if len(shape) < _LEAST_AXES[layout]:
        raise ValueError(f"layout {layout!r} needs at least {_LEAST_AXES[layout]} axes, got shape {shape}")


def split(layout: str, x: Tensor) -> Tensor:
    """x, or a view of it in which every group spans whole axes."""
    if layout.startswith("heads:"):
        heads = int(layout[6:])
        return x.view(heads, x.shape[0] // heads, *x.shape[1:])
    return x


def axes(layout: str, dimensions: int) -> tuple[int, ...]:
    """The axes of `split` that a group spans; ``dimensions`` is the number of axes of `split`'s result."""
    if layout == "entries":
        return ()
    if layout in ("columns", "channels"):
        return (0, *range(2, dimensions))
    if layout == "kernels":
        return tuple(range(2, dimensions))
    if layout == "whole":
        return tuple(range(dimensions))
    return tuple(range(1, dimensions))


def group_size(layout: str, shape: tuple[int, ...]) -> int:
    """n_g: all groups of a parameter have the same size."""
    if layout.startswith("heads:"):
        heads = int(layout[6:])
        shape = (heads, shape[0] // heads, *shape[1:])
    return math.prod([shape[axis] for axis in axes(layout, len(shape))])
