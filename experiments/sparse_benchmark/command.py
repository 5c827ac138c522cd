"""``python -m mlbreg.experiments.sparse_benchmark [options]``: all measurements, or those that are asked for.

part             | what                                                                    | module
-----------------|-------------------------------------------------------------------------|-----------------------
machine          | FMA peak and bandwidths                                                 | `machine`
layers           | single layers of ResNet18, linear ones                                  | `layers`
networks         | whole steps of all contenders, building plans                           | `networks`, `contenders`
memory           | peak memory of a step                                                   | `memory`
gradient error   | against float64                                                         | `gradient_error`
epoch            | an epoch of SGD, ML LinBreg with masks, ML LinBreg with sparse phases   | `epoch`

Everything within a table was measured turn by turn in one run. Uniform patterns, and those of ``--pattern``, each for the
network that it fits; without any, Erdős–Rényi ones take their place.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from rich.console import Console

from ..data.files import DataError
from ..networks.catalogue import NETWORKS
from .contenders import ALL, PREFIX
from .epoch import EPOCH_CONTENDERS, Training, load_examples, measure_epoch
from .layers import LAYER_CONTENDERS, LAYERS, measure_layer
from .machine import bounds
from .networks import measure_gradient_error, measure_memory, measure_network
from .patterns import Pattern, PatternError, fits, read_state
from .results import Results
from .tables import (
    density_table,
    epoch_table,
    gradient_table,
    layer_table,
    machine_table,
    memory_table,
    network_table,
    ratio_table,
)
from .tuned_malloc import WorkerError

_NETWORKS = ("resnet18", "vgg16", "wrn-28-10")
_SPARSITIES = (80.0, 90.0, 95.0, 98.0, 99.0, 99.5)
#: What --quick takes where nothing else is asked for.
_QUICK = {
    "networks": ["resnet18"],
    "sparsities": [95.0],
    "repeats": 2,
    "batch": 16,
    "error_batch": 4,
    "epoch_steps": 4,
    "coarse_steps": 2,
    "without": ["compile"],
}
_FULL = {
    "networks": list(_NETWORKS),
    "sparsities": list(_SPARSITIES),
    "repeats": 9,
    "batch": 128,
    "error_batch": 32,
    "epoch_steps": None,
    "coarse_steps": 99,
    "without": [],
}


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The options, checked. Exits with code 2 and a sentence where one is wrong."""
    parser = argparse.ArgumentParser(
        prog="python -m mlbreg.experiments.sparse_benchmark",
        description="Sparse layers on the CPU against all else: times in turns, medians and ratios.",
    )
    add = parser.add_argument
    add("--networks", nargs="*", choices=_image_networks(), metavar="NAME", help="default: resnet18 vgg16 wrn-28-10")
    add("--sparsities", nargs="+", type=float, metavar="%", help="default: 80 90 95 98 99 99.5")
    add(
        "--pattern",
        action="append",
        default=[],
        metavar="FILE",
        help="a checkpoint with real patterns; may be repeated",
    )
    add(
        "--patterns",
        nargs="*",
        choices=("uniform", "erk"),
        metavar="KIND",
        help="made at random: uniform, erk; default: both, and with --pattern uniform alone; none: those of --pattern",
    )
    add("--contenders", nargs="+", choices=ALL, metavar="NAME", help=f"default: all of {', '.join(ALL)}")
    add("--without", nargs="+", choices=ALL, metavar="NAME", help="contenders to leave out")
    add("--repeats", type=int, metavar="N", help="counted rounds, default 9")
    add("--batch", type=int, metavar="N", help="images in a batch, default 128")
    add("--error-batch", type=int, metavar="N", help="the same for the gradient error, default 32")
    add("--threads", type=int, default=torch.get_num_threads(), metavar="N", help="default: torch's")
    for part in ("layers", "memory", "gradient-error", "epoch"):
        add(f"--{part}", action=argparse.BooleanOptionalAction, default=True)
    add("--data", choices=("cifar-10", "random"), default="cifar-10", help="what the epoch trains on")
    add("--data-dir", type=Path, help="folder with CIFAR-10; default: what MLBREG_DATA says, else download")
    add("--epoch-steps", type=int, metavar="N", help="default: one epoch; 3900 are ten of CIFAR-10")
    add("--epoch-examples", type=int, metavar="N", help="train on the first N of them; default: all")
    add(
        "--epoch-contenders",
        nargs="+",
        choices=EPOCH_CONTENDERS,
        default=list(EPOCH_CONTENDERS),
        metavar="NAME",
        help=f"default: {', '.join(EPOCH_CONTENDERS)}",
    )
    add("--coarse-steps", type=int, metavar="m", help="of the epoch's ML LinBreg, default 99")
    add("--initial-sparsity", type=float, default=99.0, metavar="%", help="of the epoch's network, default 99")
    add("--lam", type=float, default=Training.lam, help=f"λ of the epoch, default {Training.lam}")
    add("--learning-rate", type=float, default=Training.learning_rate, help=f"default {Training.learning_rate}")
    add("--quick", action="store_true", help="a small run that shows whether all works; its numbers mean little")
    add("--out", type=Path, metavar="FILE", help="results as JSON")
    found = parser.parse_args(arguments)
    for name, value in (_QUICK if found.quick else _FULL).items():
        if getattr(found, name) is None:
            setattr(found, name, value)
    _check(parser, found)
    found.contenders = [name for name in found.contenders or ALL if name not in found.without]
    if not sys.platform.startswith("linux"):  # elsewhere the variables of glibc mean nothing
        found.contenders = [name for name in found.contenders if not name.startswith(PREFIX)]
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print, write. Exit code 1: something that was asked for could not be measured; 2: wrong options."""
    options = parse(arguments)
    torch.set_num_threads(options.threads)
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 160)
    errors = Console(stderr=True, highlight=False)
    results = Results(options.out, {key: _plain(value) for key, value in vars(options).items()})
    try:
        _measure(options, results, console, lambda text: errors.print(f"  {text}", style="dim"))
    except (PatternError, DataError, WorkerError) as error:
        errors.print(f"error: {error}", style="red", soft_wrap=True)
        raise SystemExit(1) from None


def _measure(options: argparse.Namespace, results: Results, console: Console, said: Callable[[str], None]) -> None:
    content = results.content
    patterns = _patterns(options)
    epoch = _training(options) if options.epoch else None
    # Before anything is measured: what is missing would be noticed hours later.
    data = load_examples(epoch, options.data_dir) if epoch is not None else None
    results.write()
    said("machine")
    content["machine"] = bounds()
    console.print(machine_table(content["machine"]))
    layers = LAYERS if options.layers else ()
    for layer in (layers[0], layers[4], layers[8]) if options.quick and layers else layers:
        records = []
        for sparsity in options.sparsities:
            said(f"{layer.title}, {sparsity:g} %")
            names = [name for name in LAYER_CONTENDERS if name in options.contenders]
            records.append(measure_layer(layer, sparsity / 100, options.batch, options.repeats, names))
        content["layers"] += records
        results.write()
        console.print(layer_table(records, content["machine"]["fma_gflops"]))
    for network in options.networks:
        records = []
        for record in measure_network(
            network, patterns[network], options.contenders, options.batch, options.repeats, said
        ):
            if record["pattern"]["kind"] == "file":
                console.print(density_table(record))
            console.print(network_table(record))
            records.append(record)
            content["networks"].append(record)
            results.write()
        console.print(ratio_table(records))
        for pattern in patterns[network] if options.gradient_error else ():
            said(f"gradient error of {network}, {pattern.title}")
            content["gradient_error"].append(measure_gradient_error(network, pattern, options.error_batch))
            results.write()
        for pattern in patterns[network] if options.memory else ():
            said(f"memory of {network}, {pattern.title}")
            record = measure_memory(network, pattern, options.contenders, options.batch)
            content["memory"].append(record)
            console.print(memory_table(record))
            results.write()
    if content["gradient_error"]:
        console.print(gradient_table(content["gradient_error"]))
    if epoch is not None and data is not None:
        said("epoch")
        content["epoch"] = measure_epoch(epoch, data, options.epoch_contenders)
        console.print(epoch_table(content["epoch"]))
    content["complete"] = True
    results.write()


def _patterns(options: argparse.Namespace) -> dict[str, list[Pattern]]:
    """For each network. Raises a `PatternError` for a file that fits none."""
    random: list[Any] = ["uniform"] if options.pattern else ["uniform", "erk"]
    kinds = random if options.patterns is None else options.patterns
    made = [Pattern(kind, sparsity / 100) for kind in kinds for sparsity in options.sparsities]
    found = {network: list(made) for network in options.networks}
    for file in options.pattern:
        state = read_state(Path(file))
        fitting = [network for network in options.networks if fits(network, state)]
        if not fitting:
            raise PatternError(f"{file} must fit one of {', '.join(options.networks) or 'the networks'}, but does not")
        found[fitting[0]].append(Pattern("file", file=str(file)))
    return found


def _training(options: argparse.Namespace) -> Training:
    return Training(
        network=options.networks[0] if options.networks else "resnet18",
        data=options.data,
        steps=options.epoch_steps,
        examples=options.epoch_examples,
        batch=options.batch,
        coarse_steps=options.coarse_steps,
        initial_sparsity=options.initial_sparsity / 100,
        lam=options.lam,
        learning_rate=options.learning_rate,
    )


def _check(parser: argparse.ArgumentParser, found: argparse.Namespace) -> None:
    for name in ("repeats", "batch", "error_batch", "threads", "epoch_steps", "epoch_examples", "coarse_steps"):
        value = getattr(found, name)
        if value is not None and value < 1:
            parser.error(f"--{name.replace('_', '-')} must be an integer ≥ 1, got {value}")
    for name, values in (("sparsities", found.sparsities), ("initial-sparsity", [found.initial_sparsity])):
        for value in values:
            if not 0 < value < 100:
                parser.error(f"--{name} must be in (0, 100), in %, got {value:g}")
    for name in ("lam", "learning_rate"):
        value = getattr(found, name)
        if not 0 < value < float("inf"):
            parser.error(f"--{name.replace('_', '-')} must be a finite number > 0, got {value:g}")
    if found.out is not None and not found.out.resolve().parent.is_dir():
        parser.error(f"--out must be in a folder that exists, got {str(found.out)!r}")
    if found.out is not None and found.out.is_dir():
        parser.error(f"--out must be a file, got the folder {str(found.out)!r}")
    if found.patterns == [] and len(found.pattern) < len(found.networks):
        parser.error("--patterns must name a kind where there is no --pattern for each of --networks, got none")
    if "ours" not in found.epoch_contenders:
        parser.error(f"--epoch-contenders must name ours, got {' '.join(found.epoch_contenders)}")
    if not set(found.contenders or ALL) - set(found.without):
        parser.error("--without must leave a contender, got all of them")


def _image_networks() -> list[str]:
    return [name for name, network in NETWORKS.items() if network.shape == (3, 32, 32)]


def _plain(value: object) -> object:
    return str(value) if isinstance(value, Path) else value
