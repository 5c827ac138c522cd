"""Whether a network takes the examples of a data set."""

from __future__ import annotations

from ..data.catalogue import DataSet
from ..networks.catalogue import CLASSES, NETWORKS
from .configuration import ConfigurationError


def check_fit(name: str, data: DataSet) -> None:
    """Raises a `ConfigurationError` for a network that is not known, or is for other inputs or classes."""
    if name not in NETWORKS:
        raise ConfigurationError(f"network must be one of {', '.join(NETWORKS)}, got {name!r}")
    if NETWORKS[name].shape != data.shape or data.classes != CLASSES:
        raise ConfigurationError(
            f"network must fit the data: {name} takes inputs of shape {NETWORKS[name].shape} in {CLASSES} classes, "
            f"got {data.name} with {data.shape} in {data.classes}"
        )
