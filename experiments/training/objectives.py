"""What is minimised and how well it is done: classification, and denoising of images.

objective          | loss                                       | score
-------------------|--------------------------------------------|----------------------------------------------------
``classification`` | cross-entropy, with label smoothing        | accuracy: share of the examples
``denoising``      | mean squared error to the image without the noise | PSNR in dB, mean over the images; the peak is white − black

The noise of a batch is a function of the seed and the batch's place; that of evaluations is the same every time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..data.batches import NOISE, Examples, stream
from .computation import PLAIN, Computation
from .data_parallel import ALONE, Ranks

#: Examples at a time.
EVALUATED = 1000


@final
@dataclass(frozen=True)
class Objective:
    """``kind``: a name of the table; ``noise``: its standard deviation; ``seed``: of the noise; how the model is computed."""

    kind: str
    noise: float
    label_smoothing: float
    seed: int
    computation: Computation = PLAIN

    @property
    def score_name(self) -> str:
        """``accuracy`` or ``psnr``."""
        return "accuracy" if self.kind == "classification" else "psnr"

    def __call__(
        self,
        model: Callable[[Tensor], Tensor],
        inputs: Tensor,
        labels: Tensor,
        peak: float,
        path: tuple[int, ...],
        smooth: bool,
        part: slice = slice(None),
    ) -> tuple[Tensor, Tensor]:
        """The mean loss, and the sum of the examples' scores, of a ``part`` of a batch.

        ``path``: the place of the batch, for its noise, which is drawn for the whole of it.
        """
        if self.kind == "classification":
            logits, labels = self.computation.outputs(model, inputs[part]), labels[part]
            loss = functional.cross_entropy(logits, labels, label_smoothing=self.label_smoothing if smooth else 0.0)
            return loss, (logits.detach().argmax(1) == labels).sum()
        noise = torch.randn(inputs.shape, generator=stream(self.seed, NOISE, *path))[part].to(inputs.device)
        inputs = inputs[part]
        errors = (self.computation.outputs(model, inputs + self.noise * noise) - inputs).square().flatten(1).mean(1)
        return errors.mean(), (10 * torch.log10(peak**2 / errors.detach())).sum()


def peak_of(found: Examples) -> float:
    """White less black, after normalisation."""
    return 1 / min(found.of.deviation)


@torch.no_grad()
def evaluate(model: nn.Module, objective: Objective, found: Examples, ranks: Ranks = ALONE) -> dict[str, float]:
    """Mean loss and score over all examples, in eval mode: nothing of the network changes. Ranks take parts in turn."""
    training = model.training
    model.eval()
    run, loss, score = objective.computation.evaluated(model), 0.0, 0.0
    try:
        for start in range(ranks.rank * EVALUATED, len(found), ranks.size * EVALUATED):
            part = found.take(torch.arange(start, min(start + EVALUATED, len(found))))
            of_part, scores = objective(
                run, part.normalised(), part.labels, peak_of(found), (0, 0, start), smooth=False
            )
            loss += float(of_part) * len(part)
            score += float(scores)
    finally:
        model.train(training)
    loss, score = ranks.total(torch.tensor([loss, score], dtype=torch.float64, device=found.labels.device)).tolist()
    return {"loss": loss / len(found), objective.score_name: score / len(found)}
