"""``mlbreg train``: train one network with one method."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.text import Text

from .configuration import METHODS, Configuration, ConfigurationError
from .configuration_file import read_assignment, read_settings, to_toml
from .process_environment import gpu_here, rank_here, started_by_torchrun
from .studies import STUDIES, configure

if TYPE_CHECKING:
    import torch

    from .run_folder import Row, RunFolder
    from .trainer import Trainer

USAGE, DIVERGED, INTERRUPTED = 2, 1, 130
_EXTRA = ("torch", "sklearn", "pooch", "numba")
_STUDIES_HELP = "; ".join(f"{name}: {study.summary}" for name, study in STUDIES.items())


def train(
    study: Annotated[str, typer.Argument(metavar="[STUDY]", help=_STUDIES_HELP)] = "digits",
    method: Annotated[str | None, typer.Option(help=f"{', '.join(METHODS)}. Default: linbreg.")] = None,
    lam: Annotated[float | None, typer.Option(help="λ of every layer that the study regularises.")] = None,
    target_sparsity: Annotated[
        float | None, typer.Option(help="Share of zero weights to reach: moves λ, or is the masks'.")
    ] = None,
    recipe: Annotated[str | None, typer.Option(help="paper (default) or strong.")] = None,
    epochs: Annotated[int | None, typer.Option(help="Passes over the training examples.")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Examples in a step.")] = None,
    learning_rate: Annotated[float | None, typer.Option("--learning-rate", "--lr", help="τ.")] = None,
    coarse_steps: Annotated[int | None, typer.Option(help="m of ml-linbreg.")] = None,
    sparse_compute: Annotated[
        bool,
        typer.Option("--sparse-compute", help="Coarse phases of ml-linbreg with the selected weights alone; on a CPU."),
    ] = False,
    seed: Annotated[int | None, typer.Option(help="Of weights, masks, order, augmentation. Default: 0.")] = None,
    config: Annotated[
        Path | None, typer.Option(metavar="FILE", help="TOML with any of the settings; options have the last word.")
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="Any other setting of a configuration; may be repeated."),
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, …")] = "auto",
    data_dir: Annotated[
        Path | None, typer.Option(help="Folder that has the data; else MLBREG_DATA, else they are downloaded.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the run. Default: runs/STUDY-METHOD-RECIPE-SEED.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where the run in that folder stopped.")] = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="Replace the run in that folder.")] = False,
    checkpoint_seconds: Annotated[float, typer.Option(help="Time between two checkpoints.")] = 60.0,
    memory_check: Annotated[
        bool,
        typer.Option(
            "--memory-check/--no-memory-check", help="Refuse a run that is too large for the memory there is."
        ),
    ] = True,
) -> None:
    """Train a network, and keep configuration, metrics, checkpoint and figure in a folder.

    After an interrupt, a crash or a kill the same command with --resume goes on and ends with the same numbers. Exit code 0:
    done; 1: the training diverged; 2: wrong usage, or data that is missing or damaged; 130: interrupted.
    """
    first = rank_here() == 0
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 120, quiet=not first)
    errors = Console(stderr=True, highlight=False, width=None if sys.stderr.isatty() else 120)
    given = {
        "epochs": epochs,
        "batch_size": batch_size,
        "learning_rate": learning_rate,
        "coarse_steps": coarse_steps,
        "compute": "sparse" if sparse_compute else None,
        "seed": seed,
        "target_sparsity": target_sparsity,
        "lam_linear": lam,
        "lam_conv": lam,
    }
    if resume and fresh:
        _fail(errors, "--resume and --fresh exclude each other")
    if not checkpoint_seconds >= 0:
        _fail(errors, f"--checkpoint-seconds must be a number ≥ 0, got {checkpoint_seconds:g}")
    try:
        from ..data.files import DataError
        from .data_parallel import joined
        from .memory_estimate import available_memory
        from .run import StoppedError
        from .run import train as run
        from .run_folder import RunError, RunFolder
        from .trainer import DivergedError
    except ModuleNotFoundError as error:
        _fail_for_extra(errors, error)
    try:
        given |= {name: value for name, value in map(read_assignment, settings or ()) if given.get(name) is None}
        chosen = _configuration(study, method, recipe, config, given)
        folder = RunFolder(out or Path("runs") / f"{chosen.study}-{chosen.method}-{chosen.recipe}-{chosen.seed}")
        if resume:
            differences = chosen.differences(folder.configuration())
            if differences:
                _fail(
                    errors, f"--resume needs the settings of the run in {str(folder.path)!r}: {'; '.join(differences)}"
                )
        elif folder.exists and not fresh:
            _fail(errors, f"{str(folder.path)!r} has a run already: --resume goes on with it, --fresh replaces it")
        console.print(Text(to_toml(chosen).rstrip(), style="dim"), soft_wrap=True)
        result = folder.result() if resume else None
        if result is None:
            place = _device(errors, device)
            with joined(place) as ranks, _Display(errors, shown=first) as display:
                result = run(
                    chosen, folder, place, data_dir=data_dir, resume=resume, checkpoint_seconds=checkpoint_seconds,
                    shown=display.show, stopped=display.stopped, ranks=ranks,
                    available=available_memory if memory_check else lambda _: None,
                )  # fmt: skip
        if first:
            _report(console, chosen, folder, result)
    except (ConfigurationError, DataError, RunError) as error:
        _fail(errors, str(error))
    except ModuleNotFoundError as error:
        _fail_for_extra(errors, error)
    except OSError as error:
        _fail(errors, f"--out must be a folder that can be written, got {str(folder.path)!r}: {error}")
    except DivergedError as error:
        if first:
            errors.print(Text(f"diverged: {error}", style="red"), soft_wrap=True)
        raise typer.Exit(DIVERGED) from None
    except StoppedError as error:
        if first:
            errors.print(f"{error}: the same command with --resume goes on.", style="yellow", soft_wrap=True)
        raise typer.Exit(INTERRUPTED) from None


def _configuration(
    study: str, method: str | None, recipe: str | None, config: Path | None, given: dict[str, Any]
) -> Configuration:
    settings = read_settings(config) if config is not None else {}
    for name, value in (("method", method), ("recipe", recipe)):
        if value is not None:
            settings[name] = value
    settings = {"method": "linbreg", "recipe": "paper", "study": study, **settings}
    if settings["study"] != study:
        raise ConfigurationError(f"study must be the one of the file, {settings['study']!r}, got {study!r}")
    settings |= {name: value for name, value in given.items() if value is not None}
    if settings["study"] != study:
        raise ConfigurationError(f"study must be the argument's, {study!r}, got --set study={settings['study']}")
    own = {name: value for name, value in settings.items() if name not in ("study", "method", "recipe")}
    return configure(study, settings["method"], settings["recipe"], own)


def _device(errors: Console, name: str) -> torch.device:
    import torch

    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        found = torch.device(name)
        if started_by_torchrun():
            if found.index is not None:
                _fail(errors, f"--device must be auto, cpu or cuda with torchrun, a GPU for each process, got {name!r}")
            found = torch.device(name, gpu_here()) if found.type == "cuda" else found
        if found.type in ("cpu", "cuda"):
            torch.zeros(1, device=found)
            return found
        reason = "only cpu and cuda are supported"
    except (RuntimeError, AssertionError) as error:  # no such device; torch without CUDA
        reason = str(error).splitlines()[0]
    _fail(errors, f"--device must be one that torch can use here, got {name!r}: {reason}")


def _report(console: Console, configuration: Configuration, folder: RunFolder, result: Row) -> None:
    from .run_figure import draw_curves
    from .run_table import result_table

    figures = draw_curves(configuration, folder.rows(), result, folder.path / "curves")
    console.print(result_table(configuration, result))
    console.print(f"Run: {folder.path}. Figures: {', '.join(path.name for path in figures)}", soft_wrap=True)


class _Display:
    """A progress bar and a line for each epoch, on stderr; the first SIGINT or SIGTERM asks to stop, the second one kills."""

    def __init__(self, console: Console, shown: bool) -> None:
        self._progress = Progress(
            TextColumn("{task.fields[live]}"), BarColumn(bar_width=20), MofNCompleteColumn(), TimeElapsedColumn(),
            TimeRemainingColumn(), console=console, transient=True, disable=not shown,
        )  # fmt: skip
        self._task = self._progress.add_task("", total=None, live="")
        self._asked = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> _Display:
        for number in (signal.SIGINT, signal.SIGTERM):
            self._before[number] = signal.signal(number, self._ask)
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _ask(self, number: int, _: object) -> None:
        self._asked = True
        signal.signal(number, self._before[number] or signal.SIG_DFL)

    def stopped(self) -> bool:
        """Whether a signal has come."""
        return self._asked

    def show(self, trainer: Trainer, rows: tuple[Row, ...]) -> None:
        """After a step."""
        from .run_table import epoch_line, live

        if trainer.done == 0 and not self._progress.disable and trainer.description:
            self._progress.console.print(trainer.description, style="dim", soft_wrap=True)
        if self._progress.disable:
            return
        for row in rows:
            if row["kind"] != "step":
                self._progress.console.print(epoch_line(row), soft_wrap=True)
            self._progress.update(self._task, live=live(row))
        self._progress.update(self._task, completed=trainer.done, total=trainer.total_steps)


def _fail_for_extra(errors: Console, error: ModuleNotFoundError) -> NoReturn:
    missing = (error.name or "").partition(".")[0]
    if missing not in _EXTRA:
        raise error
    _fail(errors, f"mlbreg train needs {missing}: pip install 'mlbreg[torch]'")


def _fail(errors: Console, message: str) -> NoReturn:
    whose = f"rank {rank_here()}: " if rank_here() else ""
    errors.print(Text(f"{whose}error: {message}", style="red"), soft_wrap=True)
    raise typer.Exit(USAGE)
