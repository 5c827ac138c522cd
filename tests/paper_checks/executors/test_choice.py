"""The value of ``--executor``."""

from __future__ import annotations

import pytest
from mlbreg.paper_checks.executors import ExecutorError, Settings, choose
from mlbreg.paper_checks.executors.cluster import Cluster
from mlbreg.paper_checks.executors.local import Local


def test_this_machine_is_the_default() -> None:
    assert isinstance(choose(Settings()), Local)
    assert isinstance(choose(Settings(executor="local")), Local)


@pytest.mark.parametrize(
    ("value", "host", "port", "address"),
    [
        ("dask://127.0.0.1:8786", "127.0.0.1", 8786, "127.0.0.1:8786"),
        ("dask://scheduler.example.org:1", "scheduler.example.org", 1, "scheduler.example.org:1"),
        ("dask://[::1]:8786", "::1", 8786, "[::1]:8786"),
    ],
)
def test_a_cluster_is_named_by_the_address_of_its_scheduler(value: str, host: str, port: int, address: str) -> None:
    found = choose(Settings(executor=value))
    assert found == Cluster(host, port)
    assert isinstance(found, Cluster)
    assert found.address == address


@pytest.mark.parametrize(
    "value",
    [
        "",
        "Local",
        "dask",
        "dask://",
        "dask://host",
        "dask://host:",
        "dask://:8786",
        "dask://host:port",
        "dask://host:99999",
        "dask://host:0",
        "dask://host:8786/",
        "dask://host:8786/a",
        "dask://host:8786?a=b",
        "dask://me@host:8786",
        "dask://[::1:8786",
        "tcp://host:8786",
        "host:8786",
    ],
)
def test_anything_else_is_refused_with_what_is_allowed(value: str) -> None:
    with pytest.raises(ExecutorError) as error:
        choose(Settings(executor=value))
    assert str(error.value) == f"--executor must be local or dask://host:port, got {value!r}"
