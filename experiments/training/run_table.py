"""The numbers of a run for the terminal: while it trains, and at its end."""

from __future__ import annotations

from typing import Any

from rich.table import Table

from .configuration import Configuration

Row = dict[str, Any]
_SKIPPED = {
    "dense": "zeros are not skipped here",
    "sparse": "zeros were skipped in coarse phases",
    "compact": "whole filters, rows and channels of zeros were skipped in coarse phases",
}


def epoch_line(row: Row) -> str:
    """One line for a row of metrics."""
    return f"{'start' if row['kind'] == 'start' else 'epoch ' + str(row['epoch']):>9}  {live(row)}"


def live(row: Row) -> str:
    """What a row of metrics says, in short."""
    parts = []
    if "loss" in row:
        parts.append(f"loss {row['loss']:.4g}")
    for name, label in (("accuracy", "training"), ("validation_accuracy", "validation")):
        if name in row:
            parts.append(f"{label} {100 * row[name]:.2f} %")
    for name, label in (("psnr", "training"), ("validation_psnr", "validation")):
        if name in row:
            parts.append(f"{label} {row[name]:.2f} dB")
    parts.append(f"sparsity {100 * (1 - row['weights']):.2f} %")
    if "s_conv" in row:
        parts.append(f"S_conv {100 * row['s_conv']:.2f} %")
    lams = {name: value for name, value in row.items() if name.startswith("lam_")}
    if lams:
        parts.append("λ " + "/".join(f"{value:.3g}" for value in dict.fromkeys(lams.values())))
    if row.get("flops"):
        parts.append(f"FLOPs {row['flops']:.3g} ({100 * row['flops'] / row['flops_dense']:.0f} % of dense)")
    return "  ".join(parts)


def result_table(configuration: Configuration, result: Row) -> Table:
    """Scores, sparsity in total and by layer, and costs."""
    table = Table(
        title=f"{configuration.study}, {configuration.method}, {configuration.recipe} recipe, seed {configuration.seed}",
        box=None, pad_edge=False, show_header=False, title_justify="left", title_style="bold",
    )  # fmt: skip
    table.add_column(no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(style="dim")
    for name, label in (("test", "test"), ("validation", "validation")):
        examples = f"{result['examples'][name]:,} examples"
        if f"{name}_accuracy" in result:
            table.add_row(f"{label} accuracy", f"{100 * result[f'{name}_accuracy']:.2f} %", examples)
        else:
            table.add_row(f"{label} PSNR", f"{result[f'{name}_psnr']:.2f} dB", examples)
    table.add_row("test loss", f"{result['test_loss']:.4g}")
    for name, label, note in (
        ("n_total", "non-zero parameters", f"of {result['parameters']:,}, biases and norms included"),
        ("weights", "non-zero weights", "of linear layers and convolutions"),
        ("n_conv", "non-zero kernels", "of convolutions"),
        ("units", "active units", "with a weight into them"),
    ):
        if name in result:
            table.add_row(label, f"{100 * result[name]:.2f} %", note)
    for name, share in result["layers"].items():
        table.add_row(f"  {name}", f"{100 * share:.2f} %")
    table.add_row(
        "training FLOPs",
        f"{result['flops']:.3g}",
        f"{100 * result['flops'] / result['flops_dense']:.1f} % of dense; counted on the support, "
        f"{_SKIPPED[configuration.compute]}",
    )
    seconds = result["seconds"]
    parts = ", ".join(f"{part} {value:.1f}" for part, value in seconds.items())
    table.add_row("training time", f"{sum(seconds.values()):.1f} s", parts)
    return table
