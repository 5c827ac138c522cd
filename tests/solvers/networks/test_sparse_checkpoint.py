"""Sparse checkpoints: every bit comes back, damaged and foreign files are told apart, no half file is ever seen."""

from __future__ import annotations

import builtins
import json
import struct
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
safetensors_torch = pytest.importorskip("safetensors.torch")

from mlbreg.solvers.networks import sparse_checkpoint  # noqa: E402
from mlbreg.solvers.networks.sparse_checkpoint import CheckpointError, load_sparse, save_sparse  # noqa: E402
from torch import Tensor, nn  # noqa: E402

pytestmark = pytest.mark.torch

DTYPES = (
    "float32",
    "float64",
    "float16",
    "bfloat16",
    "int64",
    "int32",
    "int8",
    "uint8",
    "bool",
    "complex64",
    "float8_e4m3fn",
)


def bits(x: Tensor) -> bytes:
    return bytes(x.contiguous().flatten().view(torch.uint8).numpy()) if x.numel() else b""


def sparse_tensor(*shape: int, density: float = 0.05) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(shape, generator=generator).where(torch.rand(shape, generator=generator) < density, 0.0)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("density", [0.0, 0.02, 1.0])
def test_every_bit_of_every_dtype_comes_back(tmp_path: Path, dtype: str, density: float) -> None:
    x = sparse_tensor(8, 5, 5, density=density).to(getattr(torch, dtype))
    save_sparse(tmp_path / "file", {"x": x})
    back = load_sparse(tmp_path / "file").model["x"]
    assert back.dtype == x.dtype
    assert back.shape == x.shape
    assert bits(back) == bits(x)


def test_minus_zero_nan_and_infinity_come_back(tmp_path: Path) -> None:
    x = torch.zeros(100)
    x[3], x[5], x[7], x[99] = -0.0, float("nan"), float("inf"), 1e-45
    size = save_sparse(tmp_path / "file", {"x": x})
    assert (size.sparse, size.dense) == (1, 0)
    assert bits(load_sparse(tmp_path / "file").model["x"]) == bits(x)


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16", "float8_e5m2"])
def test_the_signs_of_zeros_that_a_mask_leaves_behind_cost_one_bit_each(tmp_path: Path, dtype: str) -> None:
    mask = torch.arange(1001) % 50 == 0
    x = (torch.randn(1001, generator=torch.Generator().manual_seed(1)) * mask).to(getattr(torch, dtype))
    save_sparse(tmp_path / "file", {"x": x})
    stored = safetensors_torch.load_file(tmp_path / "file")
    assert stored["signs/model/x"].shape == (126,)
    assert len(stored["values/model/x"]) == 21
    assert bits(load_sparse(tmp_path / "file").model["x"]) == bits(x)


@pytest.mark.parametrize(("nonzeros", "way"), [(49, "values"), (50, "dense")])
def test_a_tensor_is_stored_in_the_shorter_way(tmp_path: Path, nonzeros: int, way: str) -> None:
    x = torch.zeros(100)
    x[:nonzeros] = 1.0
    save_sparse(tmp_path / "file", {"x": x})
    assert f"{way}/model/x" in safetensors_torch.load_file(tmp_path / "file")


def test_a_network_comes_back_in_a_much_smaller_file(tmp_path: Path) -> None:
    net = nn.Sequential(nn.Linear(100, 80), nn.BatchNorm1d(80), nn.Linear(80, 10))
    with torch.no_grad():
        net[0].weight.copy_(sparse_tensor(80, 100))
    size = save_sparse(tmp_path / "file", net.state_dict(), metadata={"epoch": "3"})
    loaded = load_sparse(tmp_path / "file")
    assert list(loaded.model) == list(net.state_dict())
    assert all(bits(loaded.model[name]) == bits(x) for name, x in net.state_dict().items())
    net.load_state_dict(loaded.model)
    assert loaded.metadata == {"epoch": "3"}
    assert loaded.optimizer is None
    assert size.tensors == sum(x.numel() * x.element_size() for x in net.state_dict().values())
    assert size.file == (tmp_path / "file").stat().st_size < size.tensors / 2
    assert (size.sparse, size.dense) == (4, 5), "the weight; batch normalisation's bias, mean and counter, all 0"


def test_the_state_of_an_optimizer_comes_back_and_trains_on(tmp_path: Path) -> None:
    net = nn.Linear(3, 2)
    optimizer = torch.optim.Adam(net.parameters(), lr=0.1, betas=(0.8, 0.9))
    net(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    save_sparse(tmp_path / "file", net.state_dict(), optimizer=optimizer.state_dict())
    loaded = load_sparse(tmp_path / "file")
    assert loaded.optimizer is not None
    assert loaded.optimizer["param_groups"] == optimizer.state_dict()["param_groups"]
    twin = nn.Linear(3, 2)
    twin.load_state_dict(loaded.model)
    other = torch.optim.Adam(twin.parameters(), lr=0.5)
    other.load_state_dict(loaded.optimizer)
    for model, method in ((net, optimizer), (twin, other)):
        method.zero_grad()
        model(torch.ones(1, 3)).square().sum().backward()
        method.step()
    assert torch.equal(net.weight, twin.weight)


def test_empty_and_scalar_tensors_strided_views_and_shared_memory_come_back(tmp_path: Path) -> None:
    shared = torch.arange(6.0)
    state = {"empty": torch.empty(0, 3), "scalar": torch.tensor(2.0), "view": shared.reshape(2, 3).T, "shared": shared}
    save_sparse(tmp_path / "file", state)
    back = load_sparse(tmp_path / "file").model
    assert all(torch.equal(back[name], x) and back[name].shape == x.shape for name, x in state.items())


def _file(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    save_sparse(path, {"x": sparse_tensor(20, 20), "b": torch.ones(3)})
    return path


def test_a_file_cut_off_anywhere_is_refused(tmp_path: Path) -> None:
    data = _file(tmp_path).read_bytes()
    cut = tmp_path / "cut"
    for length in {0, 4, 8, 100, len(data) // 2, len(data) - 1}:
        cut.write_bytes(data[:length])
        with pytest.raises(CheckpointError, match="truncated, damaged or no safetensors file"):
            load_sparse(cut)


def test_a_flipped_byte_anywhere_is_found(tmp_path: Path) -> None:
    path = _file(tmp_path)
    data = path.read_bytes()
    expected = load_sparse(path).model
    refused = 0
    for position in range(8, len(data), 17):
        damaged = bytearray(data)
        damaged[position] ^= 1
        path.write_bytes(damaged)
        try:
            back = load_sparse(path).model
        except CheckpointError:
            refused += 1
        else:  # white space of the header
            assert all(bits(back[name]) == bits(x) for name, x in expected.items())
    assert refused > 0.9 * len(range(8, len(data), 17))


def test_files_of_others_are_refused_by_name(tmp_path: Path) -> None:
    foreign = tmp_path / "foreign"
    safetensors_torch.save_file({"x": torch.ones(2)}, foreign)
    with pytest.raises(CheckpointError, match="not a mlbreg sparse checkpoint: its format is None"):
        load_sparse(foreign)
    torch.save({"x": torch.ones(2)}, foreign)
    with pytest.raises(CheckpointError, match="no safetensors file"):
        load_sparse(foreign)
    with pytest.raises(FileNotFoundError, match="no checkpoint at"):
        load_sparse(tmp_path / "absent")


def _rewrite(path: Path, tensors: dict[str, Tensor] | None = None, **changes: str) -> None:
    """The file with other tensors or another header, checksums of the file format intact."""
    data = path.read_bytes()
    header = json.loads(data[8 : 8 + struct.unpack("<Q", data[:8])[0]])["__metadata__"]
    stored = safetensors_torch.load_file(path)
    safetensors_torch.save_file(stored if tensors is None else tensors, path, metadata=header | changes)


def test_other_versions_missing_tensors_and_wrong_indices_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = _file(tmp_path)
    _rewrite(path, version="2")
    with pytest.raises(CheckpointError, match="version '2' of the format, known is '1'"):
        load_sparse(path)
    path = _file(tmp_path)
    stored = safetensors_torch.load_file(path)
    _rewrite(path, {name: x for name, x in stored.items() if name != "dense/model/b"})
    with pytest.raises(CheckpointError, match=r"not complete: \['dense/model/b'\]"):
        load_sparse(path)
    path = _file(tmp_path)
    monkeypatch.setattr(sparse_checkpoint, "_checksum", lambda _data: "same")
    path = _file(tmp_path)
    for indices in (stored["indices/model/x"].flip(0), stored["indices/model/x"] + 400, stored["indices/model/x"][1:]):
        _rewrite(path, stored | {"indices/model/x": indices.clone()})
        with pytest.raises(CheckpointError, match=r"indices of model/x do not fit shape \(20, 20\)"):
            load_sparse(path)


def test_a_write_that_fails_leaves_the_old_file_and_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = _file(tmp_path)
    before = path.read_bytes()

    def full(tensors: Any, place: Path, metadata: Any) -> None:
        place.write_bytes(b"half of it")
        raise OSError(f"disk full, {len(tensors)} tensors and {len(metadata)} fields lost")

    monkeypatch.setattr(safetensors_torch, "save_file", full)
    with pytest.raises(OSError, match="disk full"):
        save_sparse(path, {"x": torch.ones(2)})
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (object(), "model/x must be a tensor or plain data .* got object"),
        ({(1, 2): 3}, r"model/x must have text or integers as keys, got \(1, 2\)"),
        (torch.ones(2).to_sparse(), "model/x must be an ordinary dense tensor, got layout torch.sparse_coo"),
        (torch.ones(2, device="meta"), "on meta"),
    ],
)
def test_what_cannot_be_stored_is_named(tmp_path: Path, value: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        save_sparse(tmp_path / "file", {"x": value})
    assert not list(tmp_path.iterdir())


def test_two_names_that_become_one_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="two tensors would be stored as 'model/a/b'"):
        save_sparse(tmp_path / "file", {"a/b": torch.ones(1), "a": {"b": torch.ones(1)}})


def test_without_safetensors_the_error_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def absent(name: str, *_args: Any) -> Any:
        raise ModuleNotFoundError(f"No module named {name!r}")

    monkeypatch.setattr("importlib.import_module", absent)
    with pytest.raises(ImportError, match=r"a sparse checkpoint needs safetensors, .* pip install 'mlbreg\[export\]'"):
        save_sparse(tmp_path / "file", {})
    assert builtins.__import__ is real


@pytest.mark.parametrize("lost", [-(2**31), 0])
def test_losing_the_signs_of_zeros_is_caught(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lost: int) -> None:
    """The planted bug restores another number than −0.0 under the mask of signs."""
    x = torch.full((100,), -0.0)
    save_sparse(tmp_path / "file", {"x": x})
    monkeypatch.setattr(sparse_checkpoint, "_sign", lambda _dtype: lost)
    assert (bits(load_sparse(tmp_path / "file").model["x"]) == bits(x)) == (lost != 0)


def test_a_folder_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"path must be in a folder that exists, got .*absent"):
        save_sparse(tmp_path / "absent" / "file", {})
