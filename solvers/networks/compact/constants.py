"""The numbers that constant channels have now, as functions of the parameters: gradients flow through them."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor

from .channels import Channels


@final
class Constants:
    """For one pass through the network; each value is computed once, and only those that somebody asks for.

    ``like``: a tensor with the dtype and device for channels of which nothing is computed.
    """

    def __init__(self, like: Tensor) -> None:
        self._like = like
        self._found: dict[int, Tensor] = {}

    def of(self, channels: Channels) -> Tensor:
        """(C,); 1 where a channel is not constant."""
        found = self._found.get(id(channels))
        if found is None:
            found = self._found[id(channels)] = self._compute(channels)
        return found

    def _compute(self, channels: Channels) -> Tensor:
        if channels.origin is None or not channels.known.any():
            return self._like.new_ones(len(channels))
        values = channels.origin.compute([self.of(source) for source in channels.origin.sources])
        if channels.known.all():
            return values
        # 1 instead of whatever: no function of it divides by zero, whose gradient times 0 would be NaN.
        return torch.where(torch.from_numpy(channels.known).to(values.device), values, torch.ones_like(values))
