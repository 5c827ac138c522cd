"""How much memory a run will take, before its data are read: a run that cannot fit is refused, not killed after an hour.

part           | estimate
---------------|---------------------------------------------------------------------------------------------------------------
``weights``    | the parameters, and the network's other tensors
``gradients``  | as many as parameters
``optimizer``  | its state, by the share of the weights that one step on a small network leaves, and `_WORK` copies of the weights
               | while it takes a step
``activations`` | what autograd saves in a forward pass of a batch, counted on torch's meta device, and `_LIVE` times the
               | largest tensor for what passes by in the backward pass; or that of an evaluation, if it is more
``data``       | bytes of the training examples, `_READ` times: as they are read, split and kept
``checkpoint`` | weights and state once more, when a run is resumed
``libraries``  | what torch and the others take when they begin to work; of the CPU alone

Kernels have buffers of their own, and allocators keep what is free; neither is counted. Peaks that were measured on one CPU
(docs/training.md: digits, mnist-mlp, fashion-cnn with batches of 128 and 4096) lie within a factor of 1.5 of the estimate, either
way. A run is refused when the estimate itself is more than there is.
"""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, final

import torch
from torch import Tensor, nn

from ..data.catalogue import data_set
from ..networks.catalogue import NETWORKS
from .configuration import CONTROLLED, Configuration, ConfigurationError
from .methods import assemble
from .network_fit import check_fit
from .objectives import EVALUATED

_WORK, _LIVE, _READ = 2, 2, 3
_LIBRARIES = 128 * 2**20
#: Of the sparse kernels' borders and buffers: docs/sparse-cpu.md.
_SPARSE = 1.4
_EXAMPLES = {"digits": 1437, "mnist": 60_000, "fashion-mnist": 60_000, "cifar-10": 50_000, "tiny-imagenet": 100_000}
#: So many that every schedule fits.
_STEPS = 1_000_000


@final
@dataclass(frozen=True)
class MemoryEstimate:
    """The parts of the table, in bytes."""

    weights: int
    gradients: int
    optimizer: int
    activations: int
    data: int
    checkpoint: int
    libraries: int

    @property
    def total(self) -> int:
        """Their sum."""
        return sum(asdict(self).values())

    def __str__(self) -> str:
        return ", ".join(f"{name} {_readable(size)}" for name, size in asdict(self).items() if size)


def estimate(configuration: Configuration, device: torch.device, processes: int = 1) -> MemoryEstimate:
    """Of one of ``processes`` that share each batch. Raises a `ConfigurationError` for a network that does not fit the data."""
    c = configuration
    check_fit(c.network, data_set(c.data))
    with torch.device("meta"):
        model = NETWORKS[c.network].build()
    weights = _bytes(model.parameters())
    state = round(_state_share(c) * weights)
    half = c.precision == "bfloat16" and c.compute != "sparse"  # steps outside of its phases are float32
    saved, largest = _activations(model, c, -(-c.batch_size // processes))
    training = (saved + _LIVE * largest) * (_SPARSE if c.compute == "sparse" else 1)
    _, largest = _activations(model, c, EVALUATED)
    copied = weights // 2 if half else 0
    return MemoryEstimate(
        weights=weights + _bytes(model.buffers()),
        gradients=weights,
        optimizer=state + _WORK * weights,
        activations=round(max(training, _LIVE * largest) * (0.5 if half else 1)) + copied,
        data=_READ * _EXAMPLES[c.data] * int(torch.Size(data_set(c.data).shape).numel()),
        checkpoint=weights + state,
        libraries=_LIBRARIES if device.type == "cpu" else 0,
    )


def refuse_what_cannot_fit(
    configuration: Configuration, device: torch.device, available: int | None, processes: int = 1, here: int = 1
) -> None:
    """Raises a `ConfigurationError` where the estimate is more than the ``available`` bytes; None: unknown, nothing is refused.

    ``processes``: those that share each batch; ``here``: those of them on this machine, which share what is available on it.
    """
    if available is None:
        return
    found = estimate(configuration, device, processes)
    here = here if device.type == "cpu" else 1
    if found.total * here > available:
        each = f" in each of {here} processes" if here > 1 else ""
        raise ConfigurationError(
            f"batch_size must be small enough for the memory of {device}: this run takes about {_readable(found.total)}{each} "
            f"({found}), and {_readable(available)} are free; got {configuration.batch_size}. "
            "--no-memory-check tries it nevertheless"
        )


def available_memory(device: torch.device) -> int | None:
    """Bytes that are free for this process; None where the system does not tell."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    found = [size for size in (_of_system(), _of_container(Path("/sys/fs/cgroup"))) if size is not None]
    return min(found, default=None)


def _of_system() -> int | None:
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        return next(1024 * int(line.split()[1]) for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration):
        pass
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):  # not on Windows; macOS has no such name
        return None


def _of_container(group: Path) -> int | None:
    """What a container's limit leaves; files that are cached count as free."""
    try:
        limit, used = ((group / name).read_text(encoding="ascii").strip() for name in ("memory.max", "memory.current"))
        cached = dict(line.split() for line in (group / "memory.stat").read_text(encoding="ascii").splitlines())
        return None if limit == "max" else max(0, int(limit) - int(used) + int(cached.get("inactive_file", 0)))
    except (OSError, ValueError):
        return None


def _activations(model: nn.Module, configuration: Configuration, examples: int) -> tuple[int, int]:
    """Bytes that autograd saves for a batch, float32, and of the largest result of a module."""
    inputs = torch.empty(examples, *data_set(configuration.data).shape, device="meta")
    own = {p.untyped_storage()._cdata for p in (*model.parameters(), *model.buffers())}
    saved: dict[int, Tensor] = {}  # that keeps them alive, so that no address comes twice
    sizes = [_bytes([inputs])]

    def keep(x: Tensor) -> Tensor:
        if x.untyped_storage()._cdata not in own:
            saved[x.untyped_storage()._cdata] = x
        return x

    def measure(_module: nn.Module, _inputs: Any, result: Any) -> None:
        if isinstance(result, Tensor):
            sizes.append(_bytes([result]))

    hooks = [module.register_forward_hook(measure) for module in model.modules()]
    try:
        with torch.autograd.graph.saved_tensors_hooks(keep, lambda x: x):
            model(inputs)
    finally:
        for hook in hooks:
            hook.remove()
    return sum(x.untyped_storage().nbytes() for x in saved.values()), max(sizes)


def _state_share(configuration: Configuration) -> float:
    """Bytes of the optimizer's state for one byte of weights."""
    small = nn.Sequential(nn.Conv2d(16, 16, 3, bias=False), nn.Linear(64, 64, bias=False))
    # Nothing has to move λ here, and λ may be 0 for a kind of layer that the network itself does not have.
    target = None if configuration.method in CONTROLLED else configuration.target_sparsity
    c = replace(configuration, target_sparsity=target, density=1.0, criterion="always", mask_every=100)
    optimizer = assemble(c, small, _STEPS).optimizer
    for p in small.parameters():
        p.grad = torch.zeros_like(p)
    optimizer.step()
    return _bytes(_tensors(optimizer.state_dict())) / _bytes(small.parameters())


def _tensors(found: Any) -> list[Tensor]:
    if isinstance(found, Tensor):
        return [found]
    parts = found.values() if isinstance(found, dict) else found if isinstance(found, list | tuple) else ()
    return [tensor for part in parts for tensor in _tensors(part)]


def _bytes(tensors: Any) -> int:
    return sum(x.numel() * x.element_size() for x in tensors)


def _readable(size: int) -> str:
    return f"{size / 1e9:.2f} GB" if size >= 1e9 else f"{size / 1e6:.0f} MB"
