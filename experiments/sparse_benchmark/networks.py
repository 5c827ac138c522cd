"""Whole steps of a network: times of all contenders, building plans, peak memory, gradient error.

``plans``: seconds from new patterns to the end of the next step, less the median step: masks, plans and all that the first
step makes. The share is that of a coarse phase of 99 steps.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from typing import Any

from .batch import random_batch
from .contenders import CONTENDERS, PREFIX, Contender, NotAvailableError, Ours, SparseProp
from .gradient_error import gradient_errors
from .patterns import Pattern, densities, density, weights
from .tuned_malloc import SETTINGS, Worker, WorkerError
from .turns import Parts, Step, median, summary, take_turns, total

Record = dict[str, Any]
_COARSE_STEPS = 99
_TRIALS = 3


def measure_network(
    network: str,
    patterns: Sequence[Pattern],
    contenders: Sequence[str],
    batch_size: int,
    repeats: int,
    said: Callable[[str], None],
) -> Iterator[Record]:
    """A record for each pattern; contenders live through all of them."""
    batch = random_batch(network, batch_size)
    with ExitStack() as stack:
        worker = None
        if any(name.startswith(PREFIX) for name in contenders):
            worker = stack.enter_context(Worker(SETTINGS))
        absent: dict[str, str] = {}
        here: dict[str, Contender] = {}
        there: list[str] = []
        for name in contenders:
            try:
                if name.startswith(PREFIX):
                    assert worker is not None
                    worker.build(name.removeprefix(PREFIX), network, batch_size)
                    there.append(name)
                else:
                    here[name] = CONTENDERS[name](network, batch)
            except NotAvailableError as reason:
                absent[name] = str(reason)
        for pattern in patterns:
            said(f"{network}, {pattern.title}")
            state = weights(network, pattern)
            steps: dict[str, Step] = {}
            for name, contender in here.items():
                contender.load(state)
                steps[name] = contender.step
            for name in there:
                assert worker is not None
                worker.load(name.removeprefix(PREFIX), pattern)
                steps[name] = _remote(worker, name.removeprefix(PREFIX))
            missing = absent | _first_steps(steps)
            rounds = take_turns(steps, repeats)
            record: Record = {
                "network": network,
                "pattern": pattern.as_data(),
                "title": pattern.title,
                "density": density(state),
                "densities": densities(state),
                "batch": batch_size,
                "absent": missing,
                "contenders": summary(rounds, "ours"),
            }
            ours = here.get("ours")
            if isinstance(ours, Ours):
                record["sparse_layers"] = len(ours.sparse.sparse_layers)
                record["plans"] = _plans(ours, median(rounds["ours"]))
            swapped = here.get("sparseprop")
            if isinstance(swapped, SparseProp):
                record["sparseprop_layers"] = swapped.swapped
            yield record


def measure_gradient_error(network: str, pattern: Pattern, batch_size: int) -> Record:
    """See `gradient_error`."""
    errors = gradient_errors(network, weights(network, pattern), random_batch(network, batch_size))
    return {
        "network": network,
        "pattern": pattern.as_data(),
        "title": pattern.title,
        "batch": batch_size,
        "errors": errors,
    }


def measure_memory(network: str, pattern: Pattern, contenders: Sequence[str], batch_size: int) -> Record:
    """See `memory`: a new process for each contender."""
    found: Record = {}
    absent: dict[str, str] = {}
    for name in contenders:
        plain = name.removeprefix(PREFIX)
        with Worker(SETTINGS if name.startswith(PREFIX) else None) as worker:
            try:
                worker.build(plain, network, batch_size)
                worker.load(plain, pattern)
                found[name] = worker.memory(plain, 2)
            except (NotAvailableError, WorkerError) as reason:
                absent[name] = str(reason)
    return {
        "network": network,
        "pattern": pattern.as_data(),
        "title": pattern.title,
        "batch": batch_size,
        "mib": found,
        "absent": absent,
    }


def _first_steps(steps: dict[str, Step]) -> dict[str, str]:
    """One step of each; what cannot take one is taken out, with the reason. Ours must."""
    failed = {}
    for name, step in list(steps.items()):
        try:
            step()
        except Exception as error:  # a compiler that is missing, a layer that SparseProp refuses
            if name.startswith("ours"):
                raise
            failed[name] = f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error) else ''}"
            del steps[name]
    return failed


def _remote(worker: Worker, name: str) -> Step:
    def step() -> Parts:
        return worker.step(name)

    return step


def _plans(ours: Ours, step: float) -> Record:
    extra = []
    for _ in range(_TRIALS):
        start = time.perf_counter()
        ours.sparse.refresh()
        refreshed = time.perf_counter() - start
        extra.append(refreshed + total(ours.step()) - step)
    seconds = statistics.median(extra)
    return {"ms": 1e3 * seconds, "share_of_99_steps": seconds / (seconds + _COARSE_STEPS * step)}
