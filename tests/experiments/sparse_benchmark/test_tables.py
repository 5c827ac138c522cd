"""What the tables say beside the times."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("torch")

from mlbreg.experiments.sparse_benchmark.tables import density_table, memory_table, network_table, ratio_table
from rich.console import Console


def _record(network: str = "resnet18", sparsity: float | None = 0.95, batch: int = 128) -> dict[str, Any]:
    def times(slower: float) -> dict[str, Any]:
        return {"median_ms": {"forward": slower, "backward": 2 * slower, "total": 3 * slower}, "times_slower": slower}

    return {
        "network": network,
        "title": "a pattern",
        "pattern": {"sparsity": sparsity},
        "density": 0.05,
        "batch": batch,
        "absent": {"tuned-sparseprop": "not installed"},
        "contenders": {"ours": times(1.0), "channels-last": times(6.5), "dense": times(7.5)},
    }


def _printed(table: Any) -> str:
    console = Console(width=200)
    with console.capture() as captured:
        console.print(table)
    return captured.get()


def _line(text: str, name: str) -> list[str]:
    return [cell.strip() for line in text.splitlines() for cell in line.split("│")[1:-1] if f"│ {name} " in line]


def test_a_network_has_its_ratio_and_the_wanted_one() -> None:
    text = _printed(network_table(_record()))
    assert _line(text, "channels-last") == ["channels-last", "6.5", "13.0", "19.5", "6.50", "≥ 5"]
    assert _line(text, "dense")[-2:] == ["7.50", ""]
    assert _line(text, "tuned-sparseprop")[1] == "not installed"


@pytest.mark.parametrize(
    ("network", "sparsity", "batch"), [("vgg16", 0.95, 128), ("resnet18", None, 128), ("resnet18", 0.95, 64)]
)
def test_nothing_is_wanted_where_no_goal_was_set(network: str, sparsity: float | None, batch: int) -> None:
    assert "≥" not in _printed(network_table(_record(network, sparsity, batch)))


def test_a_pattern_of_a_file_has_the_density_of_each_layer() -> None:
    text = _printed(density_table(_record() | {"densities": {"0.weight": 0.01389, "13.weight": 0.25}}))
    assert _line(text, "0.weight") == ["0.weight", "1.389"]
    assert _line(text, "13.weight") == ["13.weight", "25.000"]


def test_the_table_of_ratios_has_a_column_for_each_pattern() -> None:
    text = _printed(ratio_table([_record(), _record(sparsity=0.99)]))
    assert _line(text, "channels-last") == ["channels-last", "6.50 (≥ 5)", "6.50 (≥ 8.5)"]
    assert not _line(text, "ours")


def test_memory_that_is_not_known_is_no_number() -> None:
    mib = {
        "ours": {"step": 50.0, "peak": 150.0},
        "dense": {"step": 100.0, "peak": 200.0},
        "bf16": {"step": None, "peak": None},
    }
    text = _printed(memory_table(_record() | {"mib": mib}))
    assert _line(text, "dense") == ["dense", "100", "200", "2.00"]
    assert _line(text, "bf16")[1] == "not known here"
