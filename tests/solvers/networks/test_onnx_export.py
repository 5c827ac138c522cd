"""ONNX files of compact networks compute what the network computes, and files that do not are not written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from mlbreg.solvers.networks import onnx_export  # noqa: E402
from mlbreg.solvers.networks.compact import compact  # noqa: E402
from mlbreg.solvers.networks.onnx_export import OnnxExportError, export_onnx  # noqa: E402
from torch import nn  # noqa: E402

pytestmark = pytest.mark.torch


def _network() -> tuple[nn.Module, nn.Module]:
    """A network with dead filters, and the compact one."""
    torch.manual_seed(0)
    net = nn.Sequential(
        *(nn.Conv2d(1, 6, 3), nn.BatchNorm2d(6), nn.ReLU(), nn.Conv2d(6, 4, 3, padding=1), nn.ReLU()),
        *(nn.Flatten(), nn.Linear(4 * 9, 3)),
    ).eval()
    with torch.no_grad():
        net[0].weight[:3] = 0
        net[3].weight[2] = 0
        net[1].bias.normal_()
    return net, compact(net, torch.randn(1, 1, 5, 5)).model


def _packages() -> None:
    for package in ("onnx", "onnxscript", "onnxruntime"):
        pytest.importorskip(package)


@pytest.mark.slow
def test_the_file_of_a_compact_network_computes_what_the_sparse_network_computes(tmp_path: Path) -> None:
    _packages()
    onnxruntime = pytest.importorskip("onnxruntime")
    net, small = _network()
    path = tmp_path / "small.onnx"
    report = export_onnx(small, torch.randn(1, 1, 5, 5), path)
    assert report.largest_difference <= 1e-5
    assert report.checked_with == "onnxruntime"
    assert report.batches == (1, 3)
    assert report.file == path.stat().st_size
    session = onnxruntime.InferenceSession(path.read_bytes(), providers=["CPUExecutionProvider"])
    x = torch.randn(7, 1, 5, 5)
    (found,) = session.run(None, {session.get_inputs()[0].name: x.numpy()})
    assert abs(found - net(x).detach().numpy()).max() <= 1e-5
    fixed = export_onnx(small, x, tmp_path / "fixed.onnx", dynamic_batch=False, runtime="reference")
    assert fixed.batches == (7,)
    assert fixed.largest_difference <= 1e-5


@pytest.mark.slow
def test_a_file_that_computes_something_else_is_not_left_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The planted bug writes the weights of another network."""
    _packages()
    path = tmp_path / "small.onnx"
    path.write_bytes(b"what was there before")
    write = onnx_export._write

    def other_weights(network: nn.Module, *rest: Any) -> None:
        other = nn.Sequential(nn.Linear(3, 2))
        assert len(list(network.parameters())) == 2
        write(other, *rest)

    monkeypatch.setattr(onnx_export, "_write", other_weights)
    with pytest.raises(OnnxExportError, match=r"output 0 of the file differs by"):
        export_onnx(nn.Sequential(nn.Linear(3, 2)), torch.randn(2, 3), path)
    assert path.read_bytes() == b"what was there before"
    assert [file.name for file in tmp_path.iterdir()] == ["small.onnx"]


@pytest.mark.slow
def test_a_network_that_torch_cannot_write_is_refused(tmp_path: Path) -> None:
    _packages()

    class Asks(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x if x.sum() > 0 else -x

    with pytest.raises(OnnxExportError, match=r"torch\.onnx cannot write Asks"):
        export_onnx(Asks(), torch.randn(2, 2), tmp_path / "file.onnx", dynamic_batch=False)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("absent", ["onnx", "onnxscript", "onnxruntime"])
def test_without_its_packages_the_error_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, absent: str
) -> None:
    def find(name: str, *_args: Any) -> Any:
        if name == absent:
            raise ModuleNotFoundError(f"No module named {name!r}")

    monkeypatch.setattr("importlib.import_module", find)
    with pytest.raises(ImportError, match=rf"the export to ONNX needs {absent}, .* pip install 'mlbreg\[export\]'"):
        export_onnx(nn.Linear(1, 1), torch.randn(1, 1), tmp_path / "file.onnx")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"runtime": "gpu"}, "runtime must be 'onnxruntime' or 'reference', got 'gpu'"),
        ({"tolerance": -1.0}, "tolerance must be positive and finite, got -1.0"),
        ({"example_input": torch.randn(0, 1)}, "at least one example each"),
        ({"example_input": torch.tensor(1.0)}, "at least one example each"),
    ],
)
def test_arguments_outside_their_range_are_refused(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    arguments = {"example_input": torch.randn(1, 1)} | options
    with pytest.raises(ValueError, match=message):
        export_onnx(nn.Linear(1, 1), path=tmp_path / "file.onnx", **arguments)


def test_a_folder_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"path must be in a folder that exists, got .*absent"):
        export_onnx(nn.Linear(1, 1), torch.randn(1, 1), tmp_path / "absent" / "file.onnx")
