"""What the machine can do, measured."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytest.importorskip("torch")
pytest.importorskip("numba")

pytestmark = pytest.mark.torch


def test_measuring_leaves_the_number_of_threads_of_torch_alone() -> None:
    """In a process of its own: the first kernel starts numba's threads."""
    code = (
        "import torch; torch.set_num_threads(1)\n"
        "from mlbreg.experiments.sparse_benchmark.machine import peak_gflops\n"
        "print(peak_gflops(1) > 0.1, torch.get_num_threads())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "1"]
