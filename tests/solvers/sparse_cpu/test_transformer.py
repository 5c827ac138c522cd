"""Transformer layers of torch, run sparsely, against themselves; dropout with the same seed included."""

from __future__ import annotations

import copy
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("numba")

from mlbreg.solvers.optim.multilevel import MultilevelLinBreg  # noqa: E402
from mlbreg.solvers.optim.regularizers import L1, Zero  # noqa: E402
from mlbreg.solvers.sparse_cpu.network import SparseNetwork  # noqa: E402
from mlbreg.solvers.sparse_cpu.training import sparse_compute  # noqa: E402
from torch import nn  # noqa: E402

from .network_examples import sparse  # noqa: E402

pytestmark = pytest.mark.torch

_CAUSAL = nn.Transformer.generate_square_subsequent_mask(7)
_PADDING = torch.arange(7) >= torch.tensor([[7], [5], [6]])


class Encoder(nn.Module):
    """Two layers and a classifier of tokens; ``settings``: of the layers."""

    def __init__(self, **settings: Any) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(16, 2, 24, **settings)
        self.encoder = nn.TransformerEncoder(layer, 2, nn.LayerNorm(16), enable_nested_tensor=False)
        self.head = nn.Linear(16, 5)

    def forward(self, x: Any, mask: Any = None, padding: Any = None) -> Any:
        return self.head(self.encoder(x, mask=mask, src_key_padding_mask=padding))


class Both(nn.Module):
    """Encoder and decoder."""

    def __init__(self) -> None:
        super().__init__()
        self.model = nn.Transformer(16, 2, 1, 1, 24, dropout=0.2, batch_first=True)

    def forward(self, x: Any, mask: Any = None, padding: Any = None) -> Any:
        return self.model(x, x[:, :5], src_mask=mask, src_key_padding_mask=padding)


class WithWeights(nn.Module):
    """Self-attention whose weights are a result, too; of all heads with ``separate``."""

    def __init__(self, separate: bool = False) -> None:
        super().__init__()
        self.separate, self.attention = separate, nn.MultiheadAttention(16, 2, dropout=0.3)

    def forward(self, x: Any, mask: Any = None, padding: Any = None) -> Any:
        settings = {"attn_mask": mask, "key_padding_mask": padding, "average_attn_weights": not self.separate}
        y, weights = self.attention(x, x, x, **settings)
        return torch.cat([y.flatten(), weights.flatten()])


def _assert_same_steps(model: Any, arguments: Any, layers: int) -> None:
    twin, network = copy.deepcopy(model), SparseNetwork(model, break_even=1.0)
    results = []
    for f in (network, twin):
        torch.manual_seed(3)
        y = f(*arguments)
        y.square().sum().backward()
        results.append(y)
    torch.testing.assert_close(*results, rtol=1e-4, atol=2e-5)
    assert len(network.sparse_layers) == layers
    sparsely = {f"{name}.weight" for name in network.sparse_layers} | {*network.sparse_layers}
    for (name, p), q in zip(model.named_parameters(), twin.parameters(), strict=True):
        exact = q.grad * (q != 0) if name in sparsely else q.grad
        torch.testing.assert_close(p.grad, exact, rtol=1e-3, atol=2e-4, msg=name)


@pytest.mark.parametrize(
    ("settings", "mask", "padding"),
    [
        ({"dropout": 0.3, "batch_first": True, "activation": "gelu"}, None, None),
        ({"dropout": 0.3, "norm_first": True}, _CAUSAL, None),
        ({"dropout": 0.0, "batch_first": True, "bias": False}, torch.ones(7, 7).triu(2).bool(), _PADDING),
        ({"dropout": 0.3, "batch_first": True, "norm_first": True}, None, _PADDING),
    ],
)
def test_the_linear_layers_of_an_encoder_run_sparsely_and_its_dropout_is_that_of_torch(
    settings: Any, mask: Any, padding: Any
) -> None:
    x = torch.randn(3, 7, 16, generator=torch.Generator().manual_seed(1))
    x = x if settings.get("batch_first") else x.transpose(0, 1)
    # Two projections and two layers of each block, and the head.
    _assert_same_steps(sparse(lambda: Encoder(**settings)), (x, mask, padding), 9)


@pytest.mark.filterwarnings("ignore:Both has sparse layers that are not supported")
def test_a_decoder_runs_sparsely_but_for_attention_to_the_encoder() -> None:
    x = torch.randn(3, 7, 16, generator=torch.Generator().manual_seed(1))
    _assert_same_steps(sparse(Both), (x, _CAUSAL, None), 8)


@pytest.mark.parametrize("separate", [False, True])
@pytest.mark.parametrize("one", [False, True])
def test_the_weights_of_attention_are_those_of_torch(one: bool, separate: bool) -> None:
    x = torch.randn(7, 3, 16, generator=torch.Generator().manual_seed(1))
    arguments = (x[:, 1], _CAUSAL, _PADDING[1].float()) if one else (x, None, _PADDING)
    _assert_same_steps(sparse(lambda: WithWeights(separate)), arguments, 2)


def test_evaluation_is_left_to_torch() -> None:
    model = sparse(lambda: Encoder(batch_first=True)).eval()
    network = SparseNetwork(model, break_even=1.0)
    with torch.no_grad():
        x = torch.randn(3, 7, 16)
        torch.testing.assert_close(network(x), model(x))
    assert network.sparse_layers == ["head"]


def test_wrong_masks_get_the_error_of_torch() -> None:
    model = sparse(lambda: Encoder(batch_first=True))
    x = torch.randn(3, 7, 16)
    with pytest.warns(UserWarning, match="runs dense"), pytest.raises(RuntimeError, match="2D attn_mask"):
        SparseNetwork(model, break_even=1.0)(x, torch.zeros(1, 7))


def test_coarse_phases_of_an_encoder_give_the_run_of_the_dense_encoder() -> None:
    runs = []
    for sparsely in (True, False):
        model = sparse(lambda: Encoder(dropout=0.0, batch_first=True))
        weights = [p for p in model.parameters() if p.dim() > 1]
        others = [p for p in model.parameters() if p.dim() < 2]
        groups = [{"params": weights, "regularizer": L1(0.01)}, {"params": others, "regularizer": Zero()}]
        optimizer = MultilevelLinBreg(groups, coarse_steps=3)
        generator = torch.Generator().manual_seed(5)
        for _ in range(8):
            x = torch.randn(4, 7, 16, generator=generator)
            optimizer.zero_grad()
            if sparsely:
                with sparse_compute(model, optimizer, break_even=1.0):
                    model(x).square().mean().backward()
            else:
                model(x).square().mean().backward()
            optimizer.step()
        runs.append([p.detach() for p in model.parameters()])
    for p, q in zip(*runs, strict=True):
        torch.testing.assert_close(p, q, rtol=1e-4, atol=2e-6)
