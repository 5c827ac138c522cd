"""The results as tables on the console: medians, and how many times as fast ours is.

``wanted``: the ratios that were set as a goal for ResNet18 with a batch of 128 on two cores with AVX-512.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from rich.table import Table

Record = dict[str, Any]
#: By sparsity in %: × over channels-last, bf16, tuned-sparseprop.
_WANTED = {90: (4.0, 2.0, 4.0), 95: (5.0, 2.7, 4.0), 98: (8.0, 4.3, 4.0), 99: (8.5, 4.5, 4.0)}
_GOALS = {"channels-last": 0, "bf16": 1, "bf16-channels-last": 1, "tuned-sparseprop": 2}


def machine_table(found: Record) -> Table:
    """What bounds everything."""
    table = _table(
        f"the machine, {found['threads']} threads, numba's layer {found['threading_layer']}", "bound", "measured"
    )
    table.add_row("FMA peak", f"{found['fma_gflops']:.0f} GFLOP/s")
    table.add_row("FMA peak, one thread", f"{found['fma_gflops_one_thread']:.0f} GFLOP/s")
    for name, rate in found["read_gb_per_second"].items():
        table.add_row(f"reading, {found['read_kib'][name]} KiB a thread ({name})", f"{rate:.0f} GB/s")
    return table


def layer_table(found: Sequence[Record], peak: float) -> Table:
    """One layer at several sparsities."""
    first = found[0]
    title = f"{first['layer']}, batch {first['batch']}; peak {peak:.0f} GFLOP/s"
    columns = (
        "forward ms",
        "d input ms",
        "d weights ms",
        "total ms",
        "useful GFLOP/s",
        "% of peak",
        "ours is × faster",
    )
    table = _table(title, "kernels", *columns, "plan ms")
    for record in found:
        for name, one in record["contenders"].items():
            ms = one["median_ms"]
            both = ms.get("gradients")
            table.add_row(
                f"{100 * record['sparsity']:g} %, {name}",
                f"{ms['forward']:.2f}",
                f"{ms['input_gradient']:.2f}" if both is None else "both:",
                f"{ms['weight_gradient']:.2f}" if both is None else f"{both:.2f}",
                f"{ms['total']:.2f}",
                f"{one['useful_gflops']:.1f}",
                f"{100 * one['useful_gflops'] / peak:.1f}",
                _times(one),
                f"{record['plan_ms']:.2f}" if name == "ours" else "",
            )
        _add_absent(table, record["absent"])
        table.add_section()
    return table


def network_table(found: Record) -> Table:
    """A whole step."""
    title = f"{found['network']}, {found['title']}, batch {found['batch']}: density {100 * found['density']:.2f} %"
    if "plans" in found:
        plans = found["plans"]
        title += (
            f", {found['sparse_layers']} sparse layers, plans in {plans['ms']:.1f} ms "
            f"({100 * plans['share_of_99_steps']:.2f} % of 99 steps)"
        )
    if "sparseprop_layers" in found:
        title += f", {found['sparseprop_layers']} layers by SparseProp"
    table = _table(title, "step", "forward ms", "backward ms", "total ms", "ours is × faster", "wanted")
    for name, record in found["contenders"].items():
        ms = record["median_ms"]
        table.add_row(
            name,
            f"{ms['forward']:.1f}",
            f"{ms['backward']:.1f}",
            f"{ms['total']:.1f}",
            _times(record),
            _wanted(found, name),
        )
    _add_absent(table, found["absent"])
    return table


def density_table(found: Record) -> Table:
    """What is there of each layer, in a pattern that is not the same in all."""
    table = _table(f"{found['network']}, {found['title']}: density of each layer", "weight", "%")
    for name, share in found["densities"].items():
        table.add_row(name, f"{100 * share:.3f}")
    return table


def ratio_table(found: Sequence[Record]) -> Table:
    """All patterns of one network: how many times as fast ours is, and what was wanted."""
    table = _table(
        f"{found[0]['network']}, batch {found[0]['batch']}: ours is × faster",
        "step",
        *(record["title"] for record in found),
    )
    names = [name for record in found for name in record["contenders"] if name != "ours"]
    for name in dict.fromkeys(names):
        cells = []
        for record in found:
            one, wanted = record["contenders"].get(name), _wanted(record, name)
            cells.append("" if one is None else f"{_times(one)} {f'({wanted})' if wanted else ''}".strip())
        table.add_row(name, *cells)
    return table


def memory_table(found: Record) -> Table:
    """Peak memory."""
    title = f"{found['network']}, {found['title']}, batch {found['batch']}: peak memory of a step"
    table = _table(title, "step", "MiB above the imports", "MiB resident", "× ours")
    ours = (found["mib"].get("ours") or {}).get("step")
    for name, record in found["mib"].items():
        if record["step"] is None:
            table.add_row(name, "not known here", "", "")
            continue
        times = f"{record['step'] / ours:.2f}" if ours else ""
        table.add_row(name, f"{record['step']:.0f}", f"{record['peak']:.0f}", times)
    _add_absent(table, found["absent"])
    return table


def gradient_table(found: Iterable[Record]) -> Table:
    """Errors of all networks and patterns."""
    title = "gradients of the non-zero weights, relative error against float64"
    table = _table(title, "network", "pattern", "step", "all layers", "worst layer")
    for record in found:
        for name, errors in record["errors"].items():
            row = (record["network"], f"{record['title']}, batch {record['batch']}", name)
            table.add_row(*row, f"{errors['support']:.2e}", f"{errors['worst']:.2e}")
    return table


def epoch_table(found: Record) -> Table:
    """Training."""
    training = found["training"]
    share = "not known" if found["plan_share"] is None else f"{100 * found['plan_share']:.2f} %"
    title = (
        f"{found['steps']} steps of {training['network']} on {training['data']}, batch {training['batch']}, "
        f"m = {training['coarse_steps']}: plans {share} of ours"
    )
    if found["time_saved"] is not None:
        title += (
            f", {100 * found['time_saved']:.0f} % less time than masked, losses of ours and masked differ by "
            f"{found['largest_difference_of_losses']:.1e} at most"
        )
    steps = sorted({0, found["steps"] // 4, found["steps"] // 2, 3 * found["steps"] // 4, found["steps"] - 1})
    table = _table(
        title, "training", "forward s", "backward s", "optimizer s", "total s", "ours is × faster", f"loss at {steps}"
    )
    for name, record in found["contenders"].items():
        parts = record["parts"]
        table.add_row(
            name,
            *(f"{parts[part]:.1f}" for part in ("forward", "backward", "optimizer")),
            f"{record['seconds']:.1f}",
            _times(record),
            " ".join(f"{record['losses'][step]:.4f}" for step in steps),
        )
    return table


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left")
    for number, column in enumerate(columns):
        table.add_column(column, justify="right" if number else "left")
    return table


def _add_absent(table: Table, absent: dict[str, str]) -> None:
    for name, reason in absent.items():
        table.add_row(name, reason)


def _times(record: Record) -> str:
    return "" if record["times_slower"] is None else f"{record['times_slower']:.2f}"


def _wanted(found: Record, name: str) -> str:
    sparsity = found["pattern"]["sparsity"]
    if found["network"] != "resnet18" or found["batch"] != 128 or sparsity is None or name not in _GOALS:
        return ""
    goals = _WANTED.get(round(100 * sparsity, 6))
    return "" if goals is None else f"≥ {goals[_GOALS[name]]:g}"
