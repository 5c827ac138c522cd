"""SparseProp (Nikdan et al. 2023, https://arxiv.org/abs/2302.04852), where the package ``sparseprop`` is installed.

Its ``swap_modules_with_sparse`` replaces convolutions and linear layers of more than 80 % zeros (80 % and less: none) by its
own modules, unless torch's was faster in the one trial that it makes. Between them activations are torch's, NCHW.
It is no dependency: without it this contender's rows say "not installed".
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import io
from typing import Any

import torch
from torch import nn

PACKAGE = "sparseprop"


def is_installed() -> bool:
    """Whether it can be imported."""
    return importlib.util.find_spec(PACKAGE) is not None


def swap(model: nn.Module, shape: tuple[int, ...]) -> nn.Module:
    """A copy of a model with SparseProp's modules; ``shape``: of a batch."""
    utils = importlib.import_module(f"{PACKAGE}.utils")
    with contextlib.redirect_stdout(io.StringIO()):  # it prints a line for each layer
        swapped: nn.Module = utils.swap_modules_with_sparse(model, shape)
    return swapped


def layer(module: nn.Module, shape: tuple[int, ...]) -> nn.Module:
    """SparseProp's module for a convolution, the faster of its two, or for a linear layer."""
    modules: Any = importlib.import_module(f"{PACKAGE}.modules")
    made: nn.Module = modules.sparsify_if_faster(module, shape, include_dense=False)
    return made


def count(model: nn.Module) -> int:
    """How many of a model's modules are SparseProp's."""
    return sum(type(module).__module__.startswith(f"{PACKAGE}.") for module in model.modules())


def gradient(module: nn.Module) -> torch.Tensor:
    """Of the non-zero weights of one of its modules."""
    found = module.get_parameter("W_val").grad
    assert found is not None
    return found
