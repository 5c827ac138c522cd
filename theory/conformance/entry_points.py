"""`check_regularizer`, `check_loss`, `check_reference`, and the pytest decorator over all three."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import Any

from ..losses.base import Loss
from ..references import Reference
from ..regularizers import Regularizer
from .array_laws import ARRAY_LAWS
from .boundary_laws import BOUNDARY_LAWS
from .checks import Check, Law, checks_for, label
from .conjugate_laws import CONJUGATE_LAWS
from .constant_laws import CONSTANT_LAWS
from .domain_laws import DOMAIN_LAWS
from .exact_laws import EXACT_LAWS
from .group_laws import GROUP_LAWS
from .loss_case import LossCase
from .loss_laws import LOSS_LAWS
from .membership_laws import MEMBERSHIP_LAWS
from .prox_laws import PROX_LAWS
from .reference_case import ReferenceCase
from .reference_laws import REFERENCE_LAWS
from .regularizer_case import RegularizerCase
from .report import Report
from .sparsity_laws import SPARSITY_LAWS
from .subdifferential_laws import SUBDIFFERENTIAL_LAWS

_REGULARIZER_LAWS = (
    *DOMAIN_LAWS,
    *PROX_LAWS,
    *SUBDIFFERENTIAL_LAWS,
    *MEMBERSHIP_LAWS,
    *CONJUGATE_LAWS,
    *SPARSITY_LAWS,
    *GROUP_LAWS,
    *EXACT_LAWS,
    *ARRAY_LAWS,
)
_LOSS_LAWS = (*LOSS_LAWS, *CONSTANT_LAWS, *ARRAY_LAWS)
_REFERENCE_LAWS = (*REFERENCE_LAWS, *BOUNDARY_LAWS, *ARRAY_LAWS)

#: Separable references act in any dimension.
_REFERENCE_DIMENSION = 4


def checks_of(
    subject: Regularizer | Loss | Reference,
    *,
    dimension: int | None = None,
    seed: int = 0,
    without: Collection[str] = (),
) -> tuple[Check, ...]:
    """All checks for one object, not yet run; a check that is called raises when its law does not hold.

    ``dimension``: where to try a regularizer or a reference; None finds one that it accepts. ``seed``: of all points.
    ``without``: names of checks to leave out, such as ``torch_agrees_with_numpy`` for what is meant for NumPy alone.
    """
    build: Callable[[], Any]
    laws: tuple[Law, ...]
    if isinstance(subject, Regularizer):
        build, laws = partial(RegularizerCase.build, subject, dimension, seed), _REGULARIZER_LAWS
    elif isinstance(subject, Loss):
        build, laws = partial(LossCase, subject, seed), _LOSS_LAWS
    elif isinstance(subject, Reference):
        build, laws = partial(ReferenceCase, subject, dimension or _REFERENCE_DIMENSION, seed), _REFERENCE_LAWS
    else:
        raise TypeError(
            f"subject must be a Regularizer, a Loss or a Reference (a class derived from it), got {subject!r}"
        )
    names = [law.__name__ for law in laws]
    unknown = [name for name in without if name not in names]
    if unknown:
        raise ValueError(f"without must name checks of {label(subject)}, which are {names}, got {unknown[0]!r}")
    return checks_for(subject, [law for law in laws if law.__name__ not in without], build)


def _report(subject: Any, kind: type[Any], dimension: int | None, seed: int, without: Collection[str]) -> Report:
    if not issubclass(type(subject), kind):
        raise TypeError(f"{kind.__name__.lower()} must be of a class derived from {kind.__name__}, got {subject!r}")
    checks = checks_of(subject, dimension=dimension, seed=seed, without=without)
    return Report(label(subject), tuple(check.result() for check in checks))


def check_regularizer(
    regularizer: Regularizer, *, dimension: int | None = None, seed: int = 0, without: Collection[str] = ()
) -> Report:
    """Whether value, prox, conjugate, subdifferential, domain and groups of a regularizer belong to one function.

    ``dimension``: the d in which to look; None takes the first that the regularizer accepts. ``seed``: of all points.
    ``without``: names of checks to leave out. Nothing that the regularizer does stops the run: an exception or a
    numerical warning is a failed check.
    """
    return _report(regularizer, Regularizer, dimension, seed, without)


def check_loss(loss: Loss, *, seed: int = 0, without: Collection[str] = ()) -> Report:
    """Whether the gradient, the infimum and the constants of a loss are those of its value."""
    return _report(loss, Loss, None, seed, without)


def check_reference(
    reference: Reference, *, dimension: int | None = None, seed: int = 0, without: Collection[str] = ()
) -> Report:
    """Whether mirror map, conjugate, divergence and domain of a reference belong to one Legendre function."""
    return _report(reference, Reference, dimension, seed, without)


def parametrize_with_checks(
    subjects: Sequence[Regularizer | Loss | Reference],
    *,
    dimension: int | None = None,
    seed: int = 0,
    without: Collection[str] = (),
) -> Any:
    """A pytest decorator: the test gets one ``check`` at a time, and calls it.

    >>> @parametrize_with_checks([MyNorm(lam=0.1)])        # doctest: +SKIP
    ... def test_my_norm(check):
    ...     check()
    """
    import pytest  # only here: the package works without pytest

    options: dict[str, Any] = {"dimension": dimension, "seed": seed, "without": without}
    checks = [check for subject in subjects for check in checks_of(subject, **options)]
    return pytest.mark.parametrize("check", checks, ids=[str(check) for check in checks])
