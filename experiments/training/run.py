"""One run from its configuration to its result, in a folder, with checkpoints on the way."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch

from ..data.batches import examples, validation_split
from ..data.catalogue import data_set
from ..data.files import chosen_folder
from .configuration import Configuration
from .data_parallel import ALONE, Ranks
from .environment import environment
from .memory_estimate import available_memory, refuse_what_cannot_fit
from .pictures import after_epoch, at_end, at_start
from .process_environment import processes_here
from .run_folder import Row, RunFolder
from .trainer import Trainer

#: Saving takes time, and epochs may be short.
_LEAST_SECONDS = 1.0


class StoppedError(Exception):
    """Training was asked to stop, and the run can be resumed."""


def train(
    configuration: Configuration,
    folder: RunFolder,
    device: torch.device,
    *,
    data_dir: Path | None = None,
    resume: bool = False,
    checkpoint_seconds: float = 60.0,
    shown: Callable[[Trainer, tuple[Row, ...]], None] = lambda _trainer, _rows: None,
    stopped: Callable[[], bool] = lambda: False,
    ranks: Ranks = ALONE,
    available: Callable[[torch.device], int | None] = available_memory,
) -> Row:
    """Train, store the result in the folder, and return it. Of several ``ranks`` the first alone writes.

    After each step ``shown`` gets the rows that were written, and ``stopped`` is asked: if it says so there is a checkpoint
    and a `StoppedError`. Other checkpoints are saved ``checkpoint_seconds`` after the last one, or at the end of an epoch.
    Raises a `DataError`, a `RunError`, a `DivergedError`, a `ConfigurationError`: also for a run that takes more memory than
    is ``available``, by its estimate.
    """
    ranks.check(configuration)
    refuse_what_cannot_fit(configuration, device, available(device), ranks.size, processes_here())
    folder = replace(folder, writes=ranks.rank == 0)
    data = data_set(configuration.data)
    # A test file that is missing is to be known before the training, though it is read after it.
    data.check(None if data.name == "digits" else chosen_folder(data_dir))
    training, validation = validation_split(
        examples(data.name, "training", data_dir), configuration.validation, configuration.split_seed
    )
    trainer = Trainer(configuration, training, validation, device, ranks)
    state = ranks.from_first(folder.load() if resume and folder.writes else None)
    if not resume:
        folder.begin(configuration)
    if state is None:
        rows: tuple[Row, ...] = (trainer.start(),)
        folder.append("metrics.jsonl", rows)
        folder.append("pictures.jsonl", at_start(trainer))
    else:
        trainer.load_state_dict(state)
        rows = ()
    folder.add_environment({**environment(device), "ranks": ranks.size, "first_step": trainer.done + 1})
    shown(trainer, rows)
    saved = time.monotonic()
    for event in trainer.events():
        folder.append("metrics.jsonl", event.rows)
        if event.epoch_ended:
            folder.append("timings.jsonl", (_timing(trainer),))
            folder.append("pictures.jsonl", after_epoch(trainer))
        shown(trainer, event.rows)
        stop, elapsed = ranks.any(stopped(), device), time.monotonic() - saved
        if stop or elapsed >= checkpoint_seconds or (event.epoch_ended and elapsed >= _LEAST_SECONDS):
            folder.save(trainer.state_dict())
            saved = time.monotonic()
        if stop:
            raise StoppedError(f"stopped after {trainer.done} of {trainer.total_steps} steps")
    folder.save(trainer.state_dict())
    trainer.finish()
    folder.append("pictures.jsonl", at_end(trainer))
    test = examples(data.name, "test", data_dir)
    result = {
        **trainer.final(test),
        "parameters": sum(p.numel() for p in trainer.model.parameters()),
        "examples": {"training": len(training), "validation": len(validation), "test": len(test)},
        "seconds": dict(trainer.seconds),
        "flop_assumptions": list(trainer.costs.assumptions),
    }
    folder.finish(result)
    return result


def _timing(trainer: Trainer) -> Row:
    return {
        "epoch": trainer.position.epoch,
        "step": trainer.done,
        "seconds": {part: round(seconds, 4) for part, seconds in trainer.seconds.items()},
        "peak_memory_bytes": _peak_memory(trainer.device),
    }


def _peak_memory(device: torch.device) -> int | None:
    """Of the device, or of the process; None where the system does not tell."""
    if device.type == "cuda":
        return int(torch.cuda.max_memory_allocated(device))
    try:
        import resource  # not on Windows
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
