"""The optimizers inside Lightning's and Hugging Face's trainers, and what TensorBoard gets to see."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from mlbreg.solvers.integrations.scalars import scalars  # noqa: E402
from mlbreg.solvers.integrations.tensorboard import log_scalars  # noqa: E402
from mlbreg.solvers.networks.rules import regularize  # noqa: E402
from mlbreg.solvers.optim.adabreg import AdaBreg  # noqa: E402
from mlbreg.solvers.optim.linbreg import LinBreg  # noqa: E402
from mlbreg.solvers.optim.multilevel import MultilevelLinBreg  # noqa: E402
from mlbreg.solvers.optim.regularizers import L1  # noqa: E402

# The trainers warn about their own dependencies and about small batches; none of that is ours.
pytestmark = [pytest.mark.torch, pytest.mark.filterwarnings("ignore")]


def _network() -> Any:
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(6, 12), torch.nn.ReLU(), torch.nn.Linear(12, 3))


def _data() -> tuple[Any, Any]:
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(64, 6, generator=generator)
    return x, (x[:, :3].argmax(1))


def _by_hand(make: Any, batches: int) -> Any:
    """The same training without a trainer: batches of 16 in order, over and over."""
    network, (x, y) = _network(), _data()
    optimizer = make(network)
    for i in range(batches):
        rows = slice(16 * (i % 4), 16 * (i % 4) + 16)
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(network(x[rows]), y[rows]).backward()
        optimizer.step()
    return network


OPTIMIZERS = {
    "linbreg": lambda network: LinBreg(regularize(network, linear=L1(0.05), verbose=False), lr=0.2, momentum=0.9),
    "adabreg": lambda network: AdaBreg(regularize(network, linear=L1(0.05), verbose=False), lr=0.01),
    "ml-linbreg": lambda network: MultilevelLinBreg(
        regularize(network, linear=L1(0.05), verbose=False), lr=0.2, coarse_steps=3
    ),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_lightning_trains_as_a_loop_by_hand_and_logs(name: str, tmp_path: Path) -> None:
    pytest.importorskip("lightning")
    from lightning.pytorch import LightningModule, Trainer
    from lightning.pytorch.loggers import CSVLogger
    from mlbreg.solvers.integrations.lightning import SparsityCallback

    class Module(LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.network = _network()

        def training_step(self, batch: Any, _: int) -> Any:
            return torch.nn.functional.cross_entropy(self.network(batch[0]), batch[1])

        def configure_optimizers(self) -> Any:
            return OPTIMIZERS[name](self.network)

    module = Module()
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(*_data()), batch_size=16)
    trainer = Trainer(
        max_epochs=3,
        accelerator="cpu",
        default_root_dir=tmp_path,
        logger=CSVLogger(tmp_path),
        callbacks=[SparsityCallback(every=2)],
        enable_progress_bar=False,
        enable_model_summary=False,
        log_every_n_steps=2,
    )
    trainer.fit(module, loader)
    for ours, expected in zip(module.network.parameters(), _by_hand(OPTIMIZERS[name], 12).parameters(), strict=True):
        assert torch.equal(ours, expected)
    expected_sparsity = scalars(_by_hand(OPTIMIZERS[name], 12))["sparsity/linear"]
    assert expected_sparsity > 0
    assert float(trainer.logged_metrics["sparsity/linear"]) == pytest.approx(expected_sparsity, rel=1e-6)
    assert (Path(trainer.log_dir) / "metrics.csv").read_text().count("\n") >= 6


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_trainer_of_hugging_face_trains_as_a_loop_by_hand_and_logs(name: str, tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    pytest.importorskip("accelerate")
    from mlbreg.solvers.integrations.transformers import SparsityCallback
    from transformers import Trainer, TrainingArguments

    class WithLoss(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = _network()

        def forward(self, x: Any, labels: Any) -> dict[str, Any]:
            logits = self.network(x)
            return {"loss": torch.nn.functional.cross_entropy(logits, labels), "logits": logits}

    x, y = _data()
    model = WithLoss()
    optimizer = OPTIMIZERS[name](model.network)

    class InOrder(Trainer):
        def _get_train_sampler(self, *_: Any) -> Any:
            return torch.utils.data.SequentialSampler(range(64))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        arguments = TrainingArguments(
            output_dir=str(tmp_path),
            per_device_train_batch_size=16,
            max_steps=12,
            use_cpu=True,
            report_to=[],
            max_grad_norm=0.0,
            save_strategy="no",
            disable_tqdm=True,
            logging_steps=1000,
        )
    trainer = InOrder(
        model=model,
        args=arguments,
        train_dataset=[{"x": a, "labels": b} for a, b in zip(x, y, strict=True)],
        optimizers=(optimizer, torch.optim.lr_scheduler.LambdaLR(optimizer, lambda _: 1.0)),
    )
    trainer.add_callback(SparsityCallback(trainer, every=4))
    trainer.train()
    for ours, expected in zip(model.network.parameters(), _by_hand(OPTIMIZERS[name], 12).parameters(), strict=True):
        torch.testing.assert_close(ours, expected, rtol=1e-6, atol=1e-7)
        assert torch.equal(ours == 0, expected == 0)
    logged = [entry for entry in trainer.state.log_history if "sparsity/linear" in entry]
    assert [entry["step"] for entry in logged] == [4, 8, 12]


def test_scalars_say_what_is_sparse_and_how_it_is_steered() -> None:
    network = _by_hand(OPTIMIZERS["ml-linbreg"], 0)
    with torch.no_grad():
        network[0].weight[:6] = 0
    optimizer = MultilevelLinBreg(regularize(network, linear=L1(0.05), verbose=False), lr=0.2, coarse_steps=3)
    found = scalars(network, optimizer)
    assert found["density/0.weight"] == pytest.approx(0.5)
    assert found["sparsity/linear"] == pytest.approx(36 / 108)
    assert found["lam/0"] == 0.05
    assert found["lr/1"] == 0.2
    assert "lam/1" not in found
    assert found["coarse"] == 0.0
    value = 0.05 * float(network[0].weight.abs().sum() + network[2].weight.abs().sum())
    assert found["regularizer/value"] == pytest.approx(value)
    assert "density/0.bias" not in found
    assert "density/0.bias" in scalars(network)
    for parameter in network.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    assert scalars(network, optimizer)["coarse"] == 1.0
    assert "regularizer/value" not in scalars(network, torch.optim.SGD(network.parameters(), lr=0.1))


def test_tensorboard_gets_every_scalar_at_its_step() -> None:
    seen: list[tuple[str, float, int]] = []

    class Writer:
        def add_scalar(self, tag: str, scalar_value: float, global_step: int) -> None:
            seen.append((tag, scalar_value, global_step))

    network = _network()
    optimizer = OPTIMIZERS["linbreg"](network)
    log_scalars(Writer(), network, optimizer, 7)
    assert {tag: value for tag, value, _ in seen} == {f"mlbreg/{k}": v for k, v in scalars(network, optimizer).items()}
    assert {step for *_, step in seen} == {7}
