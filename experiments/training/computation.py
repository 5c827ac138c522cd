"""How a network is computed, which is not what is computed: up to rounding all settings give the same training.

setting           | value             | what
------------------|-------------------|---------------------------------------------------------------------------
``compute``       | ``dense``         | torch as it is
                  | ``sparse``        | coarse phases of ML LinBreg by `solvers.sparse_cpu`: the selected weights alone; on a CPU.
                  |                   | Evaluations with the non-zero weights alone
                  | ``compact``       | coarse phases by `solvers.networks.compact`: without what is frozen at 0 as a whole
``memory_format`` | ``channels_last`` | weights of convolutions and images as (N, H, W, C) in memory
``precision``     | ``bfloat16``      | forward passes under autocast, also those of evaluations; rounding is that of 8 bits then.
                  |                   | With ``sparse``: activations of the sparse steps are stored so, all else is float32

Losses and scores are taken of outputs in float32. float16, which needs a loss scale of its own, is not offered.
A run goes on bit for bit with each of them. Compact networks follow from the optimizer's state alone; the sparse one of a fine
step is that of the phase before it, so its patterns are in the checkpoint.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, final

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from ...solvers.networks.compact.training import compact_compute
from ...solvers.optim.multilevel import MultilevelOptimizer
from .configuration import Configuration, ConfigurationError


@final
@dataclass(frozen=True)
class Computation:
    """The settings of the table, as a `Configuration` has them."""

    compute: str = "dense"
    memory_format: str = "contiguous"
    precision: str = "float32"

    @classmethod
    def of(cls, configuration: Configuration, device: torch.device) -> Computation:
        """Raises a `ConfigurationError` for what the device cannot do, a `ModuleNotFoundError` where numba is missing."""
        c = configuration
        if c.compute == "sparse":
            if device.type != "cpu":
                raise ConfigurationError(
                    f"compute must be dense or compact on {device}, got 'sparse': it runs on a CPU"
                )
            from ...solvers.sparse_cpu import network  # noqa: F401 - else training would go on dense, after a warning
        if c.precision == "bfloat16" and device.type == "cuda" and not torch.cuda.is_bf16_supported():
            raise ConfigurationError(f"precision must be float32 on {device}, which has no bfloat16, got 'bfloat16'")
        return cls(c.compute, c.memory_format, c.precision)

    def placed(self, model: nn.Module) -> nn.Module:
        """The model, its parameters in the memory format."""
        to: Any = model.to  # its types leave memory_format out
        found: nn.Module = to(memory_format=self._format)
        return found

    def evaluated(self, model: nn.Module) -> Callable[[Tensor], Tensor]:
        """The model as evaluations call it, for as long as its weights stay."""
        if self.compute != "sparse":
            return model
        from ...solvers.sparse_cpu.network import SparseNetwork

        return SparseNetwork(model)  # not that of the steps: what it computes follows from the weights alone

    def outputs(self, model: Callable[[Tensor], Tensor], inputs: Tensor) -> Tensor:
        """``model(inputs)``, float32."""
        casts = self.precision == "bfloat16" and self.compute != "sparse"
        with torch.autocast(inputs.device.type, torch.bfloat16, enabled=casts):
            found = model(inputs.contiguous(memory_format=self._format))
        return found.float()

    @property
    def _format(self) -> torch.memory_format:
        return torch.channels_last if self.memory_format == "channels_last" else torch.contiguous_format

    def step(self, model: nn.Module, optimizer: Optimizer) -> AbstractContextManager[object]:
        """Around forward and backward pass of a step."""
        if self.compute == "dense":
            return nullcontext()
        assert isinstance(optimizer, MultilevelOptimizer)
        if self.compute == "compact":
            return compact_compute(model, optimizer)
        from ...solvers.sparse_cpu.training import sparse_compute

        return sparse_compute(model, optimizer, activations="bfloat16" if self.precision == "bfloat16" else "float32")

    def state_dict(self, model: nn.Module, optimizer: Optimizer) -> dict[str, Tensor]:
        """What a run needs to go on, beside model and optimizer."""
        if self.compute != "sparse":
            return {}
        from ...solvers.sparse_cpu.training import kept_patterns

        assert isinstance(optimizer, MultilevelOptimizer)
        return kept_patterns(model, optimizer)

    def load_state_dict(self, model: nn.Module, optimizer: Optimizer, state: Mapping[str, Any]) -> None:
        """After those of model and optimizer."""
        if self.compute != "sparse":
            return
        from ...solvers.sparse_cpu.training import restore_patterns

        assert isinstance(optimizer, MultilevelOptimizer)
        restore_patterns(model, optimizer, state)


PLAIN = Computation()
