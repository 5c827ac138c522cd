"""Hugging Face's Trainer: a callback that logs the `scalars` of a run through the Trainer, to its history and its reporters.

    trainer = Trainer(model=model, args=arguments, train_dataset=data, optimizers=(optimizer, scheduler))
    trainer.add_callback(SparsityCallback(trainer, every=100))

The Trainer wraps the optimizer by accelerate; gradient accumulation and mixed precision are its business.
"""

from __future__ import annotations

from typing import Any, final

try:
    from transformers import Trainer, TrainerCallback
except ImportError as error:
    raise ImportError(
        "mlbreg.solvers.integrations.transformers needs transformers: pip install transformers"
    ) from error

from ..arguments import count
from .scalars import scalars


@final
class SparsityCallback(TrainerCallback):
    """Log every ``every`` optimizer steps."""

    def __init__(self, trainer: Trainer, every: int = 100) -> None:
        self.trainer = trainer
        self.every = count("every", every, at_least=1)

    def on_step_end(self, args: Any, state: Any, control: Any, **kept: Any) -> None:
        """Called by the Trainer after each optimizer step."""
        if state.global_step % self.every == 0:
            optimizer = kept["optimizer"]
            self.trainer.log(scalars(kept["model"], getattr(optimizer, "optimizer", optimizer)))
