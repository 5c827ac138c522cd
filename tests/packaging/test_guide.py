"""The snippets of the guide run, in its order, and do what the guide says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

pytestmark = pytest.mark.torch
GUIDE = (Path(__file__).parents[2] / "docs" / "guide.md").read_text(encoding="utf-8")


def test_the_snippets_of_the_guide_run(capsys: pytest.CaptureFixture[str]) -> None:
    three_lines, own = re.findall(r"```python\n(.*?)```", GUIDE, flags=re.DOTALL)
    namespace: dict[str, Any] = {"__name__": "guide"}
    exec(three_lines, namespace)
    assert "GroupL2(lam=0.05, layout='kernels')" in capsys.readouterr().out
    model, optimizer = namespace["model"], namespace["optimizer"]
    for _ in range(3):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model(torch.randn(4, 1, 8, 8)), torch.tensor([0, 1, 2, 3])).backward()
        optimizer.step()
    exec(own, namespace)
    from mlbreg.solvers.optim.linbreg import LinBreg

    theta = torch.nn.Parameter(torch.tensor([0.5, 0.0, 1.0]))
    optimizer = LinBreg([theta], lr=1.0, regularizer=namespace["NonNegative"]())
    theta.grad = torch.tensor([1.0, 1.0, 0.5])
    optimizer.step()
    assert theta.tolist() == [0.0, 0.0, 0.5]


@pytest.mark.parametrize("name", re.findall(r"`(mlbreg\.[\w.]+)`", GUIDE))
def test_the_modules_that_the_guide_names_exist(name: str) -> None:
    import importlib

    importlib.import_module(name)
