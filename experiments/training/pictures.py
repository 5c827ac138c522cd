"""What figures show of a network itself: the kernels of the first convolution as they grow, and denoised images.

row of ``pictures.jsonl`` | when                              | entries beside ``kind``
--------------------------|-----------------------------------|---------------------------------------------------------------
``input``                 | before the first step             | ``values`` (1, c, h, w): one validation example, normalised
``kernels``               | then, after the epochs `MOMENTS` and at the end | ``epoch``, ``values`` (out, in, h, w), ``bias`` (out,)
``denoised``              | after training, of an autoencoder | ``values`` (3, n, h, w): validation images, with noise, denoised

Arrays are 8-bit integers as base64 with their ``shape``, ``scale`` and ``low``: a value is low + scale · integer. Feature maps
follow from the input and the kernels. A network without convolutions has no kernels.
"""

from __future__ import annotations

import base64
from typing import Any

import torch
from torch import Tensor, nn

from ..data.batches import NOISE, stream
from .trainer import Trainer

MOMENTS = (1, 2, 5, 10, 20, 50, 100)
_IMAGES = 8

Row = dict[str, Any]


def at_start(trainer: Trainer) -> list[Row]:
    """Before the first step."""
    found = _first(trainer.model)
    if found is None:
        return []
    example = trainer.validation.take(torch.arange(1)).normalised()
    return [{"kind": "input", "values": packed(example)}, _kernels(found, 0)]


def after_epoch(trainer: Trainer) -> list[Row]:
    """After the epoch that the trainer has just ended."""
    found, epoch = _first(trainer.model), trainer.position.epoch
    if found is None or not (epoch in MOMENTS or epoch == trainer.configuration.epochs):
        return []
    return [_kernels(found, epoch)]


@torch.no_grad()
def at_end(trainer: Trainer) -> list[Row]:
    """After the last step."""
    c = trainer.configuration
    if c.objective != "denoising":
        return []
    images = trainer.validation.take(torch.arange(min(_IMAGES, len(trainer.validation)))).normalised()
    noise = torch.randn(images.shape, generator=stream(c.seed, NOISE, 2, 0, 0)).to(images.device)
    noisy = images + c.noise * noise
    trainer.model.eval()
    denoised = trainer.computation.outputs(trainer.model, noisy)
    trainer.model.train()
    return [{"kind": "denoised", "values": packed(torch.stack([images, noisy, denoised]).flatten(2, 3))}]


def packed(values: Tensor) -> Row:
    """The table's form of an array; 0 stays 0 where it is among the values' bounds."""
    plain = values.detach().double().cpu()
    low, high = float(plain.min()), float(plain.max())
    scale = (high - low) / 255 or 1.0
    if low < 0 < high:  # a zero is a fact here, and must not become a small number
        low = -scale * round(-low / scale)
    whole = ((plain - low) / scale).round().clamp(0, 255).to(torch.uint8)
    return {
        "shape": list(values.shape), "low": low, "scale": scale,
        "base64": base64.b64encode(whole.numpy().tobytes()).decode(),
    }  # fmt: skip


def _first(model: nn.Module) -> nn.Conv2d | None:
    return next((module for module in model.modules() if isinstance(module, nn.Conv2d)), None)


def _kernels(layer: nn.Conv2d, epoch: int) -> Row:
    bias = layer.bias if layer.bias is not None else torch.zeros(layer.out_channels)
    return {"kind": "kernels", "epoch": epoch, "values": packed(layer.weight), "bias": packed(bias)}
