"""What is kept on disk, and for whom."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from mlbreg.experiments.imaging.stored_results import Store, environment

RESULT = {"work": [0.0, 1.0], "reached": None}


def test_a_result_is_kept_for_the_same_configuration_and_environment_alone(tmp_path: Path) -> None:
    store = Store(tmp_path, {"side": 32, "steps": (1, 2)}, {"numpy": "2"})
    store.save("bpgd", RESULT)
    assert Store(tmp_path, {"side": 32, "steps": (1, 2)}, {"numpy": "2"}).load("bpgd") == RESULT
    assert Store(tmp_path, {"side": 64, "steps": (1, 2)}, {"numpy": "2"}).load("bpgd") is None
    assert Store(tmp_path, {"side": 32, "steps": (1, 2)}, {"numpy": "3"}).load("bpgd") is None
    assert store.load("ml-bpgd") is None
    store.forget("bpgd")
    assert store.load("bpgd") is None
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("content", ["", "{", "[]", '{"configuration": 1}', "\udcff"])
def test_a_damaged_file_is_no_result(tmp_path: Path, content: str) -> None:
    (tmp_path / "bpgd.json").write_bytes(content.encode("utf-8", "surrogateescape"))
    assert Store(tmp_path, {}, {}).load("bpgd") is None


def test_a_write_that_fails_leaves_the_old_result(tmp_path: Path) -> None:
    store = Store(tmp_path, {}, {})
    store.save("bpgd", RESULT)
    with pytest.raises(ValueError, match="JSON"):
        store.save("bpgd", {"objective": float("nan")})
    assert store.load("bpgd") == RESULT
    assert [path.name for path in tmp_path.iterdir()] == ["bpgd.json"]


def test_an_array_is_found_by_its_digest(tmp_path: Path) -> None:
    store = Store(tmp_path, {}, {})
    digest = store.save_array("bpgd", np.arange(3.0))
    loaded = store.load_array("bpgd", digest)
    assert loaded is not None
    np.testing.assert_array_equal(loaded, np.arange(3, dtype=np.float32))
    store.save_array("bpgd", np.arange(4.0))
    assert store.load_array("bpgd", digest) is None
    assert store.load_array("nothing", digest) is None


def test_the_environment_names_versions_source_and_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    found = environment()
    assert {"python", "mlbreg", "numpy", "scipy", "source", "processor", "processors"} <= found.keys()
    assert found["threads"]["OMP_NUM_THREADS"] == "1"
    assert found == environment()
