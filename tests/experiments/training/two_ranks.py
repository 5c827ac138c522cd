"""What `test_data_parallel` has two processes do: ``python -m …two_ranks FOLDER``, as torchrun would start it."""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path

import torch
from mlbreg.experiments.training.configuration import Configuration
from mlbreg.experiments.training.data_parallel import RanksError, joined
from mlbreg.experiments.training.run import StoppedError, train
from mlbreg.experiments.training.run_folder import RunFolder
from mlbreg.experiments.training.studies import configure
from mlbreg.experiments.training.trainer import DivergedError

CPU = torch.device("cpu")
_SMALL = {"epochs": 2, "batch_size": 256, "mask_every": 4}

#: The last batch of an epoch has 86 of the 1366 examples.
RUNS: dict[str, Configuration] = {
    "linbreg": configure("digits", "linbreg", given=_SMALL),
    "ml-linbreg": configure(
        "digits", "ml-linbreg", given={**_SMALL, "criterion": "gradient", "coarse_steps": 2, "density": 0.3}
    ),
    "sparse": configure("digits", "ml-linbreg", given={**_SMALL, "compute": "sparse", "coarse_steps": 2}),
    "rigl": configure("digits", "rigl", given=_SMALL),
    # 1281 = 5 · 256 + 1 examples: the last batch has one, and rank 0 none of it.
    "one left": configure("digits", "sgd", given={**_SMALL, "validation": 0.109}),
    "target": configure("digits", "linbreg", given={**_SMALL, "target_sparsity": 0.9}),
}


def main(into: Path) -> None:
    """Every run, one that is stopped by one rank and goes on, one that diverges, and a rank with weights of its own."""
    torch.set_num_threads(1)
    with joined(CPU) as ranks:
        for name, configuration in RUNS.items():
            if configuration.compute == "sparse" and importlib.util.find_spec("numba") is None:
                continue
            train(configuration, RunFolder(into / name), CPU, ranks=ranks)
        asked = iter(range(1, 10**6))
        try:
            train(
                RUNS["ml-linbreg"], RunFolder(into / "parts"), CPU, ranks=ranks,
                stopped=lambda: next(asked) == 7 and ranks.rank == 1,
            )  # fmt: skip
        except StoppedError as stopped:
            (into / f"stopped-{ranks.rank}").write_text(str(stopped))
        train(RUNS["ml-linbreg"], RunFolder(into / "parts"), CPU, resume=True, ranks=ranks)
        try:
            hot = replace(RUNS["linbreg"], learning_rate=1e12, schedule="constant")
            train(hot, RunFolder(into / "diverged"), CPU, ranks=ranks)
        except DivergedError as diverged:
            (into / f"diverged-{ranks.rank}").write_text(str(diverged))
        model = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.BatchNorm1d(2))
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.fill_(1.0)
        ranks.check_agreement(model)
        torch.nn.init.constant_(model[0].bias, float(ranks.rank))
        model[1].running_mean.fill_(float(ranks.rank))
        try:
            ranks.check_agreement(model)
        except RanksError as error:
            (into / f"disagreed-{ranks.rank}").write_text(str(error))
        model[0].bias.grad = torch.full((2,), 1.0 + ranks.rank)
        ranks.reduce(model)
        found = {"gradient": model[0].bias.grad, "none": model[0].weight.grad, "mean": model[1].running_mean}
        torch.save(found, into / f"reduced-{ranks.rank}.pt")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
