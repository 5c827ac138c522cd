"""Which weights of a network are there: uniform, Erdős–Rényi (a stand-in for trained ones), or those of a file.

kind        | the non-zeros
------------|------------------------------------------------------------------------------------------------------------
``uniform`` | round(r · #weights) of each layer, at random: the first and the last layer, too
``erk``     | r in the whole network, r_l by layer as `solvers.networks.sparse_initialisation` spreads them
``file``    | of a ``checkpoint.pt`` of ``mlbreg train``, of `save_sparse`, or of a torch file of a state_dict
"""

from __future__ import annotations

import pickle
import zipfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, final

import torch
from torch import Tensor

from ...solvers.networks.sparse_checkpoint import CheckpointError, load_sparse
from ...solvers.networks.sparse_initialisation import sparse_init
from ..networks.catalogue import build

State = dict[str, Tensor]


class PatternError(Exception):
    """A file that has no pattern for the networks that are measured."""


@final
@dataclass(frozen=True)
class Pattern:
    """``sparsity``: the share of zeros, in (0, 1); None for a file, which has its own. ``file``: its path."""

    kind: Literal["uniform", "erk", "file"]
    sparsity: float | None = None
    file: str | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if (self.kind == "file") != (self.file is not None) or (self.kind == "file") != (self.sparsity is None):
            raise ValueError(f"a pattern must have a file, or a kind with a sparsity, got {self}")
        if self.sparsity is not None and not 0 < self.sparsity < 1:
            raise ValueError(f"sparsity must be in (0, 1), got {self.sparsity!r}")

    @property
    def title(self) -> str:
        """For a table."""
        if self.sparsity is None:
            return f"pattern of {Path(str(self.file)).name}"
        return f"{100 * self.sparsity:g} % {self.kind}"

    def as_data(self) -> dict[str, Any]:
        """For JSON; ``Pattern(**data)`` is the same."""
        return asdict(self)


def weights(network: str, pattern: Pattern) -> State:
    """The state of a network with these non-zeros; the same in every process. Raises a `PatternError`."""
    model = build(network, pattern.seed)
    if pattern.file is not None:
        state = read_state(Path(pattern.file))
        if not fits(network, state):
            raise PatternError(f"{pattern.file} must hold the parameters of {network}, but names or shapes differ")
        return state
    assert pattern.sparsity is not None
    sparse_init(
        model,
        1 - pattern.sparsity,
        distribution=pattern.kind,
        exact=True,
        generator=torch.Generator().manual_seed(pattern.seed),
    )
    return dict(model.state_dict())


def density(state: State) -> float:
    """The share of non-zero weights in the tensors of two axes or more."""
    counted = [x for x in state.values() if x.dim() > 1]
    return sum(int(x.count_nonzero()) for x in counted) / sum(x.numel() for x in counted)


def densities(state: State) -> dict[str, float]:
    """The same for each of them, by name, in the order of the network."""
    return {name: int(x.count_nonzero()) / x.numel() for name, x in state.items() if x.dim() > 1}


def fits(network: str, state: State) -> bool:
    """Whether these are the parameters and buffers of the network."""
    own = build(network, 0).state_dict()
    return {k: tuple(v.shape) for k, v in own.items()} == {k: tuple(v.shape) for k, v in state.items()}


def read_state(path: Path) -> State:
    """The model's state in a file of one of the three kinds above. Raises a `PatternError`."""
    if not path.is_file():
        raise PatternError(f"a pattern must be a file, got {str(path)!r}")
    try:
        if not zipfile.is_zipfile(path):  # torch writes zip files
            return load_sparse(path).model
        found = torch.load(path, map_location="cpu", weights_only=True)
    except (CheckpointError, ImportError, OSError, RuntimeError, pickle.UnpicklingError) as error:
        raise PatternError(f"{str(path)!r} is no checkpoint that can be read: {error}") from error
    for key in ("state", "model"):
        if isinstance(found, dict) and isinstance(found.get(key), dict):
            found = found[key]
    if not isinstance(found, dict) or not found or not all(isinstance(x, Tensor) for x in found.values()):
        raise PatternError(f"{str(path)!r} must hold a state_dict of a network, got something else")
    return found
