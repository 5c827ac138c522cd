"""Regularizers of whole parameters: J(θ) for a tensor θ of any shape, and its prox, in place and on lists of tensors.

regularizer   | J(θ)                                            | name in ``param_groups``
--------------|-------------------------------------------------|-------------------------
`Zero`        | 0                                               | ``zero``
`L1`          | λ‖θ‖₁                                           | ``l1``
`GroupL2`     | λ Σ_g √n_g ‖θ_g‖₂                               | ``group_l2``
`Nuclear`     | λ‖θ‖_*, θ as the matrix (axis 0, all the others) | ``nuclear``

bungert2021 (1.2), lunk2026 (8). `theory` gives the same J as an object of `mlbreg.theory.regularizers`, which acts on the
flattened parameter, knows conjugate and subdifferential, and is what the tests hold these against.

An optimizer keeps in ``param_groups`` the name and the fields of its regularizer, plain data that is saved and loaded with
``weights_only=True``; ``group["lam"]`` may be changed between steps, as ``group["lr"]`` may. For a regularizer of your own
write one frozen dataclass with plain fields, derive it from `ParameterRegularizer`, and put `register("its_name")` above it.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, TypeVar, final

import torch
from torch import Tensor

from ...theory import regularizers as theory
from ...theory.arrays import check_number
from ...theory.groups import Groups
from .layouts import axes, check_layout, check_shape, group_size, split

# Each function that torch offers for lists has a loop as its twin in `ParameterRegularizer`.
_foreach_clamp_min_: Any = torch._foreach_clamp_min_
_foreach_clamp_max_: Any = torch._foreach_clamp_max_


class ParameterRegularizer(ABC):
    """A convex J ≥ 0 of one parameter. Subclasses are frozen dataclasses whose fields are numbers, strings or booleans."""

    @abstractmethod
    def value(self, theta: Tensor) -> Tensor:
        """J(θ), a 0-d tensor."""

    @abstractmethod
    def prox_(self, z: Tensor, step: float) -> Tensor:
        """z ← prox_{step·J}(z) in place, step > 0; z is floating point and of any shape that `check` accepts."""

    def prox_all_(self, zs: list[Tensor], step: float) -> None:
        """`prox_` for each of a list; subclasses may have something faster that gives the same numbers."""
        for z in zs:
            self.prox_(z, step)

    @abstractmethod
    def subgradient(self, theta: Tensor, p: Tensor) -> Tensor:
        """The point of ∂J(θ) nearest to p: a new tensor of the shape of θ."""

    def support(self, theta: Tensor) -> Tensor:
        """The entries of the groups with θ_g ≠ 0, bool of the shape of θ: what lunk2026 keeps on the coarse level."""
        return theta != 0

    def splits(self, mask: Tensor) -> bool:
        """Whether the mask, bool of the shape of θ, takes some entries of a group and leaves others."""
        return False

    def restricted(self) -> tuple[ParameterRegularizer, str] | None:
        """J of some of the groups: the regularizer of a matrix whose rows they are, and the `layouts` name that cuts them.

        None where J is no sum over such groups; then a step that moves some of them computes with the whole parameter.
        """
        return None

    @abstractmethod
    def theory(self, shape: tuple[int, ...]) -> theory.Regularizer:
        """J as a function of the parameter flattened in C order."""

    def check(self, shape: tuple[int, ...]) -> None:  # noqa: B027 - most accept every shape
        """A `ValueError` when J is not defined for parameters of this shape."""


R = TypeVar("R", bound=type[ParameterRegularizer])
_BY_NAME: dict[str, type[ParameterRegularizer]] = {}
#: The names of the fields of each: torch.compile cannot look into dataclasses.fields.
_FIELDS: dict[str, tuple[str, ...]] = {}
#: Keys of ``param_groups`` that no field may take.
_RESERVED = frozenset(
    {"params", "param_names", "lr", "initial_lr", "delta", "momentum", "betas", "regularizer", "initial_lam"}
)


def register(name: str) -> Callable[[R], R]:
    """Make a regularizer known under the name that stands for it in ``param_groups``."""

    def add(kind: R) -> R:
        taken = {field.name for field in fields(kind)} & _RESERVED  # type: ignore[arg-type]
        if taken:
            raise ValueError(
                f"a field of {kind.__name__} must not be named {sorted(taken)[0]!r}: optimizers use that name"
            )
        if _BY_NAME.setdefault(name, kind) is not kind:
            raise ValueError(f"name must be new, got {name!r}, which is {_BY_NAME[name].__name__}")
        _FIELDS[name] = tuple(field.name for field in fields(kind))  # type: ignore[arg-type]
        return kind

    return add


def to_group(regularizer: ParameterRegularizer) -> dict[str, Any]:
    """The entries of a parameter group that describe J: its name under ``"regularizer"`` and its fields."""
    for name, kind in _BY_NAME.items():
        if kind is type(regularizer):
            own = {field: getattr(regularizer, field) for field in _FIELDS[name]}
            return {"regularizer": name, **own}
    known = ", ".join(sorted(kind.__name__ for kind in _BY_NAME.values()))
    raise TypeError(f"regularizer must be one of {known} or of a class with @register, got {regularizer!r}")


def from_group(group: Mapping[str, Any]) -> ParameterRegularizer:
    """J as a parameter group describes it now."""
    name = group["regularizer"]
    if name not in _BY_NAME:
        raise ValueError(
            f"regularizer must be one of {', '.join(sorted(_BY_NAME))}, got {name!r}; "
            "import the module that registers it before loading"
        )
    for field in _FIELDS[name]:
        if field not in group:
            raise ValueError(f"a parameter group with regularizer {name!r} must have an entry {field!r}")
    return _BY_NAME[name](**{field: group[field] for field in _FIELDS[name]})


@register("zero")
@final
@dataclass(frozen=True)
class Zero(ParameterRegularizer):
    """J = 0: mirror descent is gradient descent."""

    def value(self, theta: Tensor) -> Tensor:
        return theta.new_zeros(())

    def prox_(self, z: Tensor, step: float) -> Tensor:
        return z

    def subgradient(self, theta: Tensor, p: Tensor) -> Tensor:
        return torch.zeros_like(theta)

    def support(self, theta: Tensor) -> Tensor:
        """Everything: nothing is sparse here, and an entry that happens to be 0 is not frozen."""
        return torch.ones_like(theta, dtype=torch.bool)

    def restricted(self) -> tuple[ParameterRegularizer, str]:
        return self, "entries"

    def theory(self, shape: tuple[int, ...]) -> theory.Regularizer:
        return theory.Zero()


@register("l1")
@final
@dataclass(frozen=True)
class L1(ParameterRegularizer):
    """J = λ‖θ‖₁."""

    lam: float

    def __post_init__(self) -> None:
        check_number("lam", self.lam, at_least=0)

    def value(self, theta: Tensor) -> Tensor:
        return self.lam * theta.abs().sum()

    def prox_(self, z: Tensor, step: float) -> Tensor:
        return z.sub_(z.clamp(-step * self.lam, step * self.lam))

    def prox_all_(self, zs: list[Tensor], step: float) -> None:
        inside = torch._foreach_clamp_max(zs, step * self.lam)
        _foreach_clamp_min_(inside, -step * self.lam)
        torch._foreach_sub_(zs, inside)

    def subgradient(self, theta: Tensor, p: Tensor) -> Tensor:
        return torch.where(theta == 0, p.clamp(-self.lam, self.lam), self.lam * theta.sign())

    def restricted(self) -> tuple[ParameterRegularizer, str]:
        return self, "entries"

    def theory(self, shape: tuple[int, ...]) -> theory.Regularizer:
        return theory.L1(self.lam)


@register("group_l2")
@final
@dataclass(frozen=True)
class GroupL2(ParameterRegularizer):
    """J = λ Σ_g √n_g ‖θ_g‖₂ over the groups of a `layouts` name."""

    lam: float
    layout: str = "rows"

    def __post_init__(self) -> None:
        check_number("lam", self.lam, at_least=0)
        check_layout(self.layout)

    def check(self, shape: tuple[int, ...]) -> None:
        check_shape(self.layout, shape)

    def _radius(self, x: Tensor) -> float:
        return self.lam * math.sqrt(group_size(self.layout, tuple(x.shape)))

    def value(self, theta: Tensor) -> Tensor:
        return self._radius(theta) * group_norms(self.layout, theta).sum()

    def prox_(self, z: Tensor, step: float) -> Tensor:
        norms = group_norms(self.layout, z)
        radius = step * self._radius(z)
        # 0/0 where a group is 0 already: it is inside the ball, and its factor is 0.
        factor = torch.where(norms > radius, 1 - radius / norms, 0.0)
        split(self.layout, z).mul_(factor)
        return z

    def subgradient(self, theta: Tensor, p: Tensor) -> Tensor:
        radius = self._radius(theta)
        of_theta, of_p = group_norms(self.layout, theta), group_norms(self.layout, p)
        moving = of_theta > 0
        unit = split(self.layout, theta) * torch.where(moving, radius / of_theta, 0.0)
        inside = split(self.layout, p) * torch.where(of_p > radius, radius / of_p, 1.0)
        return torch.where(moving, unit, inside).reshape(theta.shape)

    def support(self, theta: Tensor) -> Tensor:
        return in_nonzero_groups(self.layout, theta)

    def splits(self, mask: Tensor) -> bool:
        return not torch.equal(in_nonzero_groups(self.layout, mask), mask)

    def restricted(self) -> tuple[ParameterRegularizer, str]:
        return (self if self.layout == "entries" else GroupL2(self.lam, "rows")), self.layout

    def theory(self, shape: tuple[int, ...]) -> theory.Regularizer:
        return theory.GroupL2(self.lam, groups(self.layout, shape))


@register("nuclear")
@final
@dataclass(frozen=True)
class Nuclear(ParameterRegularizer):
    """J = λ‖θ‖_*: low rank. A singular value decomposition at each step; parameters of two axes or more."""

    lam: float

    def __post_init__(self) -> None:
        check_number("lam", self.lam, at_least=0)

    def check(self, shape: tuple[int, ...]) -> None:
        check_shape("columns", shape)

    def value(self, theta: Tensor) -> Tensor:
        total: Tensor = torch.linalg.svdvals(theta.flatten(1)).sum()
        return self.lam * total

    def prox_(self, z: Tensor, step: float) -> Tensor:
        u, s, vh = torch.linalg.svd(z.flatten(1), full_matrices=False)
        shrunk: Tensor = (u * (s - step * self.lam).clamp(min=0).unsqueeze(-2)) @ vh
        return z.copy_(shrunk.reshape(z.shape))

    def subgradient(self, theta: Tensor, p: Tensor) -> Tensor:
        """λ(UVᵀ + W), ‖W‖₂ ≤ 1, with W the part of p/λ off the row and column space of θ, its singular values clipped at 1."""
        matrix, other = theta.flatten(1), p.flatten(1)
        u, s, vh = torch.linalg.svd(matrix, full_matrices=False)
        s_max = s.amax(dim=-1, keepdim=True) if s.numel() else s
        kept = (s > s_max * max(matrix.shape) * torch.finfo(s.dtype).eps).to(s.dtype)
        u, vh = u * kept, vh * kept.unsqueeze(-1)
        off = other - u @ (u.mT @ other)
        off = off - (off @ vh.mT) @ vh
        left, size, right = torch.linalg.svd(off, full_matrices=False)
        rest: Tensor = (left * size.clamp(max=self.lam).unsqueeze(-2)) @ right
        total: Tensor = rest + self.lam * (u @ vh)
        return total.reshape(theta.shape)

    def support(self, theta: Tensor) -> Tensor:
        """Everything, unless θ = 0: low rank freezes no entry."""
        return (theta != 0).any().expand(theta.shape)

    def splits(self, mask: Tensor) -> bool:
        return bool(mask.any()) and not bool(mask.all())

    def theory(self, shape: tuple[int, ...]) -> theory.Regularizer:
        return theory.Nuclear(self.lam, (shape[0], math.prod(shape[1:])))


def group_norms(layout: str, x: Tensor) -> Tensor:
    """‖x_g‖₂ of each group, with axes of length 1 where the group spans the axis: it broadcasts against `split`'s view."""
    view = split(layout, x)
    spanned = axes(layout, view.dim())
    if not spanned:
        return view.abs()
    norms: Tensor = torch.linalg.vector_norm(view, dim=spanned, keepdim=True)
    return norms


def in_nonzero_groups(layout: str, theta: Tensor) -> Tensor:
    """The entries of the groups with θ_g ≠ 0, bool of the shape of θ."""
    view = split(layout, theta != 0)
    spanned = axes(layout, view.dim())
    return view.sum(spanned, keepdim=True).ne(0).expand(view.shape).reshape(theta.shape) if spanned else view


def groups(layout: str, shape: tuple[int, ...]) -> Groups:
    """The partition of the parameter, flattened in C order, that the layout stands for."""
    check_shape(layout, shape)
    index = torch.arange(math.prod(shape)).reshape(shape)
    view = split(layout, index)
    spanned = axes(layout, view.dim())
    # The smallest index of a group names it.
    first = view.amin(spanned, keepdim=True).expand(view.shape) if spanned and view.numel() else view
    _, labels = torch.unique(first.reshape(-1), return_inverse=True)
    return Groups(tuple(labels.tolist()), int(labels.max()) + 1 if labels.numel() else 0)
