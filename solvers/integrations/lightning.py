"""Lightning: a callback that logs the `scalars` of a run; the optimizers need nothing, return them from configure_optimizers."""

from __future__ import annotations

from typing import Any, final

try:
    from lightning.pytorch import Callback
except ImportError as error:
    raise ImportError("mlbreg.solvers.integrations.lightning needs Lightning: pip install lightning") from error

from ..arguments import count
from .scalars import scalars


@final
class SparsityCallback(Callback):
    """Log every ``every`` training steps, through the module's own loggers."""

    def __init__(self, every: int = 100) -> None:
        self.every = count("every", every, at_least=1)

    def on_train_batch_end(self, trainer: Any, pl_module: Any, *_: Any) -> None:
        """Called by the trainer after each step."""
        if trainer.global_step % self.every == 0:
            optimizer = trainer.optimizers[0]
            pl_module.log_dict(scalars(pl_module, getattr(optimizer, "optimizer", optimizer)))
