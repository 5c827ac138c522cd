"""The value of ``--executor``."""

from __future__ import annotations

from urllib.parse import urlsplit

from .base import Executor, ExecutorError, Settings
from .cluster import Cluster
from .local import Local


def choose(settings: Settings) -> Executor:
    """The executor that the settings name; it connects to nothing yet.

    Raises `ExecutorError` for another value than ``local`` or ``dask://host:port``.
    """
    if settings.executor == "local":
        return Local()
    wrong = ExecutorError(f"--executor must be local or dask://host:port, got {settings.executor!r}")
    try:
        address = urlsplit(settings.executor)
        host, port = address.hostname, address.port
    except ValueError:
        raise wrong from None
    # Nothing may follow the port, and Dask asks for no name and no password.
    if address.scheme != "dask" or not host or not port or settings.executor != f"dask://{address.netloc}":
        raise wrong
    if "@" in address.netloc:
        raise wrong
    return Cluster(host, port)
