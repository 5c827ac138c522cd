"""Patterns of non-zeros, drawn and read."""

from __future__ import annotations

from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("numba")

from mlbreg.experiments.networks.catalogue import build  # noqa: E402
from mlbreg.experiments.sparse_benchmark.patterns import (  # noqa: E402
    Pattern,
    PatternError,
    densities,
    density,
    fits,
    read_state,
    weights,
)

pytestmark = pytest.mark.torch


def test_uniform_patterns_have_the_same_share_in_each_layer() -> None:
    state = weights("digits-mlp", Pattern("uniform", 0.9))
    for x in (x for x in state.values() if x.dim() > 1):
        assert int(x.count_nonzero()) == round(0.1 * x.numel())


def test_erk_patterns_have_it_in_the_whole_network_only() -> None:
    state = weights("digits-mlp", Pattern("erk", 0.9))
    assert density(state) == pytest.approx(0.1, abs=0.001)
    shares = [float((x != 0).float().mean()) for x in state.values() if x.dim() > 1]
    assert max(shares) > 1.2 * min(shares)


def test_the_densities_of_layers_make_up_that_of_the_network() -> None:
    state = weights("digits-mlp", Pattern("erk", 0.9))
    found = densities(state)
    assert list(found) == [name for name, x in state.items() if x.dim() > 1]
    whole = sum(share * state[name].numel() for name, share in found.items())
    assert density(state) == pytest.approx(whole / sum(state[name].numel() for name in found))


def test_two_processes_would_draw_the_same_weights() -> None:
    pattern = Pattern("erk", 0.8, seed=3)
    one, other = weights("digits-mlp", pattern), weights("digits-mlp", Pattern(**pattern.as_data()))
    assert all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("nested", [("state", "model"), ("model",), ()])
def test_a_checkpoint_is_read_whatever_it_holds_beside_the_model(tmp_path: Path, nested: tuple[str, ...]) -> None:
    content = state = build("digits-mlp", 1).state_dict()
    for key in reversed(nested):
        content = {key: content, "optimizer": {}}
    torch.save(content, tmp_path / "checkpoint.pt")
    pattern = Pattern("file", file=str(tmp_path / "checkpoint.pt"))
    found = weights("digits-mlp", pattern)
    assert all(torch.equal(found[name], state[name]) for name in state)
    assert not fits("mnist-mlp", found)
    with pytest.raises(PatternError, match="must hold the parameters of mnist-mlp"):
        weights("mnist-mlp", pattern)


def test_a_sparse_checkpoint_is_read(tmp_path: Path) -> None:
    pytest.importorskip("safetensors")
    from mlbreg.solvers.networks.sparse_checkpoint import save_sparse

    state = weights("digits-mlp", Pattern("uniform", 0.9))
    save_sparse(tmp_path / "model.safetensors", state)
    found = read_state(tmp_path / "model.safetensors")
    assert all(torch.equal(found[name], state[name]) for name in state)


def test_a_file_that_is_none_of_these_is_refused_with_its_name(tmp_path: Path) -> None:
    with pytest.raises(PatternError, match=r"must be a file, got .*missing"):
        read_state(tmp_path / "missing")
    (tmp_path / "text").write_text("no checkpoint")
    with pytest.raises(PatternError, match="text' is no checkpoint that can be read"):
        read_state(tmp_path / "text")
    torch.save([torch.zeros(1)], tmp_path / "list.pt")
    with pytest.raises(PatternError, match="must hold a state_dict"):
        read_state(tmp_path / "list.pt")


@pytest.mark.parametrize(
    "arguments", [("uniform",), ("file", 0.5), ("uniform", 0.5, "x"), ("uniform", 1.0), ("erk", 0.0)]
)
def test_a_pattern_that_is_half_drawn_or_half_read_is_refused(arguments: tuple[object, ...]) -> None:
    with pytest.raises(ValueError, match=r"a pattern must have|sparsity must be"):
        Pattern(*arguments)  # type: ignore[arg-type]
