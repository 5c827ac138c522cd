"""The slow obvious counter behind `flops`: the three passes of a layer, one product after the other.

Each function returns how often its pass multiplies with, or for, the weight at each kernel position, (kernel, kernel);
that is the same for all pairs of channels. The loops are those of the textbook formula in the first line.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from ....theory.costs import Layer


@cache
def forward_products(layer: Layer, count_padding: bool = True) -> np.ndarray:
    """out[o] += weight[k]·in[o·stride + k − padding], over all outputs o and kernel positions k."""
    found = np.zeros((layer.kernel, layer.kernel), dtype=int)
    for row, column in np.ndindex(layer.output_size):
        for i, j in np.ndindex(found.shape):
            y, x = row * layer.stride + i - layer.padding, column * layer.stride + j - layer.padding
            if count_padding or (0 <= y < layer.height and 0 <= x < layer.width):
                found[i, j] += 1
    return found


@cache
def input_gradient_products(layer: Layer, count_padding: bool = True) -> np.ndarray:
    """d_in[i] += weight[k]·d_out[(i + padding − k)/stride], over all inputs i and the k for which that is an output."""
    found, margin = np.zeros((layer.kernel, layer.kernel), dtype=int), layer.padding if count_padding else 0
    for y in range(-margin, layer.height + margin):
        for x in range(-margin, layer.width + margin):
            for i, j in np.ndindex(found.shape):
                row, off_row = divmod(y + layer.padding - i, layer.stride)
                column, off_column = divmod(x + layer.padding - j, layer.stride)
                if (
                    off_row == off_column == 0
                    and 0 <= row < layer.output_size[0]
                    and 0 <= column < layer.output_size[1]
                ):
                    found[i, j] += 1
    return found


@cache
def weight_gradient_products(layer: Layer, count_padding: bool = True) -> np.ndarray:
    """d_weight[k] += d_out[o]·in[o·stride + k − padding], for each weight over the outputs."""
    found = np.zeros((layer.kernel, layer.kernel), dtype=int)
    for i, j in np.ndindex(found.shape):
        for row in range(layer.output_size[0]):
            for column in range(layer.output_size[1]):
                y, x = row * layer.stride + i - layer.padding, column * layer.stride + j - layer.padding
                found[i, j] += count_padding or (0 <= y < layer.height and 0 <= x < layer.width)
    return found
