"""A training that is killed with −9 half-way and resumed is the training that was not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

pytestmark = pytest.mark.torch

_SCRIPT = """
import sys, time
from pathlib import Path
import torch
from mlbreg.solvers.criteria import Magma
from mlbreg.solvers.networks.rules import regularize
from mlbreg.solvers.optim.multilevel import MultilevelAdaBreg
from mlbreg.solvers.optim.regularizers import L1, GroupL2

folder, steps, pause = Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
torch.set_num_threads(1)
torch.manual_seed(0)
model = torch.nn.Sequential(
    torch.nn.Conv2d(1, 6, 3), torch.nn.BatchNorm2d(6), torch.nn.ReLU(), torch.nn.Dropout(0.2),
    torch.nn.Flatten(), torch.nn.Linear(6 * 36, 4),
)
groups = regularize(model, conv=GroupL2(0.02, "kernels"), linear=L1(0.02), verbose=False)
optimizer = MultilevelAdaBreg(groups, lr=0.02, coarse_steps=3, criterion=Magma(0.3, 0.01, 0))
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
first, losses, checkpoint = 0, [], folder / "checkpoint"
if checkpoint.exists():
    saved = torch.load(checkpoint, weights_only=True)
    model.load_state_dict(saved["model"]), optimizer.load_state_dict(saved["optimizer"])
    scheduler.load_state_dict(saved["scheduler"]), torch.set_rng_state(saved["random"])
    first, losses = saved["step"], saved["losses"]
for step in range(first, steps):
    x = torch.randn(8, 1, 8, 8)
    loss = torch.nn.functional.cross_entropy(model(x), (x.mean((1, 2, 3)) > 0).long())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    scheduler.step()
    losses.append(loss.item())
    torch.save({
        "model": model.state_dict(), "optimizer": optimizer.state_dict(), "scheduler": scheduler.state_dict(),
        "random": torch.get_rng_state(), "step": step + 1, "losses": losses,
    }, folder / "new")
    (folder / "new").replace(checkpoint)
    time.sleep(pause)
"""


def _train(folder: Path, steps: int, pause: float = 0.0) -> subprocess.Popen[bytes]:
    folder.mkdir(exist_ok=True)
    script = folder / "train.py"
    script.write_text(_SCRIPT, encoding="utf-8")
    return subprocess.Popen([sys.executable, str(script), str(folder), str(steps), str(pause)])


def test_killed_and_resumed_it_has_the_losses_and_parameters_of_the_uninterrupted_run(tmp_path: Path) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    uninterrupted = _train(whole, 14)
    process = _train(killed, 14, pause=0.2)
    checkpoint = killed / "checkpoint"
    while not (checkpoint.exists() and torch.load(checkpoint, weights_only=True)["step"] >= 6):
        assert process.poll() is None
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    reached = torch.load(checkpoint, weights_only=True)["step"]
    assert 6 <= reached < 14
    assert _train(killed, 14).wait() == 0
    assert uninterrupted.wait() == 0
    expected, found = (torch.load(folder / "checkpoint", weights_only=True) for folder in (whole, killed))
    assert found["losses"] == expected["losses"]
    assert all(torch.equal(found["model"][name], value) for name, value in expected["model"].items())
