"""A network as an ONNX file whose outputs have been compared with the network's own.

Made for what `compact` returns: ONNX has no sparse layers that runtimes are fast on, so remove dead parts first and export
the small dense network.
"""

from __future__ import annotations

import copy
import math
import secrets
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_flatten

from .export_extra import require


class OnnxExportError(Exception):
    """The network could not be written as ONNX, or the file computes something else."""


@final
@dataclass(frozen=True)
class OnnxReport:
    """The file and how it was checked.

    attribute              | meaning
    -----------------------|--------------------------------------------------------------------------
    ``file``               | bytes
    ``opset``              | version of the ONNX operators
    ``checked_with``       | onnxruntime, or onnx's own reference evaluator
    ``batches``            | numbers of examples that were compared
    ``largest_difference`` | of an output, |network − file|
    """

    path: Path
    file: int
    opset: int
    checked_with: str
    batches: tuple[int, ...]
    largest_difference: float


def export_onnx(
    model: nn.Module,
    example_input: Tensor | tuple[Tensor, ...],
    path: str | Path,
    *,
    dynamic_batch: bool = True,
    tolerance: float = 1e-5,
    runtime: str = "onnxruntime",
) -> OnnxReport:
    """Write a network in eval mode as one ONNX file, run the file, and compare.

    argument          | meaning
    ------------------|-------------------------------------------------------------------------------------------
    ``example_input`` | one tensor, or one for each argument; the first axis of each is the batch
    ``dynamic_batch`` | whether the file takes any number of examples, or exactly as many as the example has
    ``tolerance``     | largest |network − file| of an output, relative to max(1, largest |output|)
    ``runtime``       | ``onnxruntime``, or ``reference``: the slow evaluator that comes with onnx

    A file of this name is replaced only by one that has passed. Raises `ImportError` without the packages of the extra
    ``export`` (onnx, onnxscript, which torch.onnx needs, onnxruntime), `OnnxExportError` when torch cannot write the network
    or the outputs differ, `ValueError` for arguments outside their range.
    """
    if runtime not in ("onnxruntime", "reference"):
        raise ValueError(f"runtime must be 'onnxruntime' or 'reference', got {runtime!r}")
    if not 0 < tolerance < math.inf:
        raise ValueError(f"tolerance must be positive and finite, got {tolerance}")
    inputs = example_input if isinstance(example_input, tuple) else (example_input,)
    if not all(isinstance(x, Tensor) and x.ndim > 0 and len(x) > 0 for x in inputs):
        raise ValueError("example_input must be tensors with at least one example each")
    path = Path(path)
    if not path.parent.is_dir():
        raise FileNotFoundError(f"path must be in a folder that exists, got {path}")
    for module in ("onnx", "onnxscript", *(["onnxruntime"] if runtime == "onnxruntime" else [])):
        require(module, "the export to ONNX")
    network = copy.deepcopy(model).eval().cpu()
    inputs = tuple(x.detach().cpu() for x in inputs)
    batches = [inputs]
    if dynamic_batch:
        # torch.export takes a length of 1 for a constant, and a second length shows that the axis is free.
        batches = [inputs, tuple(torch.cat([x, x.flip(0), x[:1]]) for x in inputs)]
    place = path.with_name(f".{path.name}.{secrets.token_hex(8)}.part")
    try:
        _write(network, batches[-1], place, dynamic_batch)
        gaps = [_largest_difference(network, batch, place, runtime, tolerance) for batch in batches]
        opset = _opset(place)
        place.replace(path)
    finally:
        place.unlink(missing_ok=True)
    return OnnxReport(path, path.stat().st_size, opset, runtime, tuple(len(batch[0]) for batch in batches), max(gaps))


def _write(network: nn.Module, inputs: tuple[Tensor, ...], place: Path, dynamic_batch: bool) -> None:
    # A tuple for the positional arguments, whatever their names: what torch.export takes for *args would be one deeper.
    shapes = tuple({0: torch.export.Dim.DYNAMIC} for _ in inputs) if dynamic_batch else None
    with warnings.catch_warnings():
        # torch warns of its own deprecated internals; nothing in them depends on the network.
        warnings.simplefilter("ignore")
        try:
            program = torch.onnx.export(network, inputs, dynamo=True, dynamic_shapes=shapes, verbose=False)
        except Exception as error:
            hint = " (with dynamic_batch=False the batch is written down as it is)" if dynamic_batch else ""
            raise OnnxExportError(f"torch.onnx cannot write {type(network).__name__}{hint}: {error}") from error
    if program is None:
        raise OnnxExportError(f"torch.onnx gave nothing for {type(network).__name__}")
    program.save(place, external_data=False)


def _largest_difference(
    network: nn.Module, inputs: tuple[Tensor, ...], place: Path, runtime: str, tolerance: float
) -> float:
    with torch.no_grad():
        expected = [x.numpy() for x in tree_flatten(network(*(x.clone() for x in inputs)))[0] if isinstance(x, Tensor)]
    found = _run(place, inputs, runtime)
    if [x.shape for x in expected] != [x.shape for x in found]:
        raise OnnxExportError(
            f"the file gives shapes {[x.shape for x in found]} instead of {[x.shape for x in expected]}"
        )
    largest = 0.0
    for number, (one, other) in enumerate(zip(expected, found, strict=True)):
        if not one.size:
            continue
        gap = float(abs(one.astype(float) - other.astype(float)).max())
        scale = max(1.0, float(abs(one).max()))
        if not gap <= tolerance * scale:  # so that NaN fails
            raise OnnxExportError(
                f"output {number} of the file differs by {gap:.3g}, allowed is {tolerance * scale:.3g}"
            )
        largest = max(largest, gap)
    return largest


def _run(place: Path, inputs: tuple[Tensor, ...], runtime: str) -> list[Any]:
    """The outputs of the file, as NumPy arrays."""
    if runtime == "reference":
        evaluator = require("onnx.reference", "the check of the ONNX file").ReferenceEvaluator(str(place))
        names = evaluator.input_names
    else:
        evaluator = require("onnxruntime", "the check of the ONNX file").InferenceSession(
            place.read_bytes(), providers=["CPUExecutionProvider"]
        )
        names = [given.name for given in evaluator.get_inputs()]
    return list(evaluator.run(None, dict(zip(names, (x.numpy() for x in inputs), strict=True))))


def _opset(place: Path) -> int:
    model = require("onnx", "the check of the ONNX file").load(str(place))
    return int(next(entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")))
