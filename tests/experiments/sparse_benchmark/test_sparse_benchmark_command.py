"""``python -m mlbreg.experiments.sparse_benchmark``: options, tables, the file of results."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("numba")

from mlbreg.experiments.sparse_benchmark import command, machine  # noqa: E402
from mlbreg.experiments.sparse_benchmark.layers import Layer  # noqa: E402
from mlbreg.experiments.sparse_benchmark.results import FORMAT  # noqa: E402

from .tiny_network import tiny  # noqa: E402, F401

pytestmark = pytest.mark.torch

SMALL = ["--sparsities", "80", "--repeats", "1", "--batch", "4", "--error-batch", "2", "--data", "random"]


@pytest.fixture
def _quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "_TRIAL", 1e-5)
    monkeypatch.setattr(machine, "READ_KIB", {"L1": 16})
    monkeypatch.setattr(command, "LAYERS", (Layer(3, 4, 6, 3), Layer(6, 4)))


@pytest.mark.usefixtures("_quickly")
def test_a_run_prints_its_tables_and_writes_them_whole(
    tiny: str,  # noqa: F811
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "results.json"
    contenders = ["--contenders", "ours", "dense", "--no-memory", "--epoch-steps", "3", "--coarse-steps", "2"]
    command.main([*SMALL, *contenders, "--networks", tiny, "--threads", "1", "--out", str(out)])
    printed = capsys.readouterr().out
    for expected in ("FMA peak", "linear 6 → 4", f"{tiny}, 80 % uniform", f"{tiny}, 80 % erk", "float64", "3 steps of"):
        assert expected in printed
    found = json.loads(out.read_text(encoding="utf-8"))
    assert found["format"] == FORMAT
    assert found["complete"] is True
    assert set(found) == {
        *("format", "complete", "options", "software", "machine", "layers", "networks", "memory", "gradient_error"),
        "epoch",
    }
    assert found["options"]["networks"] == [tiny]
    assert found["software"]["torch"] == torch.__version__
    assert found["machine"]["fma_gflops"] > 0
    assert found["machine"]["read_gb_per_second"]["L1"] > 0
    assert len(found["layers"]) == 2
    assert [record["pattern"]["kind"] for record in found["networks"]] == ["uniform", "erk"]
    assert len(found["gradient_error"]) == 2
    assert found["memory"] == []
    assert found["epoch"]["steps"] == 3
    assert [path.name for path in tmp_path.iterdir()] == ["results.json"]


@pytest.mark.usefixtures("_quickly")
def test_a_pattern_that_fits_no_network_ends_the_run_before_it_measures(
    tiny: str,  # noqa: F811
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    torch.save({"a": torch.zeros(2, 2)}, tmp_path / "checkpoint.pt")
    with pytest.raises(SystemExit) as ended:
        command.main([*SMALL, "--networks", tiny, "--pattern", str(tmp_path / "checkpoint.pt"), "--no-epoch"])
    assert ended.value.code == 1
    shown = capsys.readouterr()
    assert "must fit one of tiny" in " ".join(shown.err.split())
    assert "FMA" not in shown.out


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--networks", "alexnet"], "invalid choice: 'alexnet'"),
        (["--sparsities", "100"], r"--sparsities must be in (0, 100), in %, got 100"),
        (["--sparsities", "nan"], r"--sparsities must be in (0, 100), in %, got nan"),
        (["--sparsities", "many"], "invalid float value: 'many'"),
        (["--repeats", "0"], "--repeats must be an integer ≥ 1, got 0"),
        (["--batch", "-3"], "--batch must be an integer ≥ 1, got -3"),
        (["--threads", "0"], "--threads must be an integer ≥ 1, got 0"),
        (["--epoch-steps", "0"], "--epoch-steps must be an integer ≥ 1, got 0"),
        (["--lam", "-1"], "--lam must be a finite number > 0, got -1"),
        (["--learning-rate", "inf"], "--learning-rate must be a finite number > 0, got inf"),
        (["--initial-sparsity", "0"], "--initial-sparsity must be in (0, 100), in %, got 0"),
        (["--contenders", "ours", "--without", "ours"], "--without must leave a contender"),
        (["--out", "no/such/folder/x.json"], "--out must be in a folder that exists"),
        (["--out", "."], "--out must be a file, got the folder '.'"),
    ],
)
def test_an_option_that_makes_no_sense_is_named_with_its_value(
    options: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        command.parse(options)
    assert ended.value.code == 2
    assert sentence in capsys.readouterr().err


def test_a_quick_run_takes_less_unless_something_else_is_asked_for() -> None:
    quick, full = command.parse(["--quick", "--batch", "8"]), command.parse([])
    assert (quick.batch, quick.networks, quick.epoch_steps) == (8, ["resnet18"], 4)
    assert "compile" not in quick.contenders
    assert (full.batch, full.networks) == (128, ["resnet18", "vgg16", "wrn-28-10"])
    assert full.sparsities == [80, 90, 95, 98, 99, 99.5]
    assert "compile" in full.contenders


@pytest.mark.usefixtures("_quickly")
def test_the_machines_bounds_are_measured_on_the_threads_of_torch() -> None:
    found = machine.bounds()
    assert found["threads"] == torch.get_num_threads()
    assert min(found["fma_gflops"], found["fma_gflops_one_thread"], *found["read_gb_per_second"].values()) > 0
