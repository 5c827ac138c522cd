"""An object with a planted bug, and what it means that a check kills it."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from mlbreg.theory.conformance import checks_of
from mlbreg.theory.losses import Loss
from mlbreg.theory.references import Reference
from mlbreg.theory.regularizers import Regularizer

HAS_TORCH = importlib.util.find_spec("torch") is not None


class Planted(NamedTuple):
    """``changes`` replace methods or constants of the original, which they get as their first argument."""

    original: Any
    changes: Mapping[str, Callable[..., Any]]
    #: The checks that must fail; others may.
    killers: set[str]

    def mutant(self) -> Any:
        kinds = {Regularizer: RegularizerMutant, Loss: LossMutant, Reference: ReferenceMutant}
        return next(mutant for kind, mutant in kinds.items() if isinstance(self.original, kind))(
            self.original, self.changes
        )

    def sound(self) -> Any:
        """The same wrapper around the original, without the bug."""
        return self._replace(changes={}).mutant()


def expect_killed(planted: Planted) -> None:
    """Every check that is named fails, and says why."""
    for check in checks_of(planted.mutant()):
        if check.name in planted.killers and (HAS_TORCH or check.name != "torch_agrees_with_numpy"):
            result = check.result()
            assert not result.passed, f"the mutant survives {result}"
            assert result.message


def expect_sound(planted: Planted) -> None:
    """The original passes what kills its mutant: it is the bug that the checks see."""
    for check in checks_of(planted.sound()):
        if check.name in planted.killers:
            check()


class _Changed:
    def __init__(self, original: Any, changes: Mapping[str, Callable[..., Any]]) -> None:
        self.original, self.changes = original, changes

    def _call(self, name: str, *inputs: Any) -> Any:
        if name in self.changes:
            return self.changes[name](self.original, *inputs)
        return getattr(self.original, name)(*inputs)

    def _get(self, name: str) -> Any:
        return self.changes[name](self.original) if name in self.changes else getattr(self.original, name)


class RegularizerMutant(_Changed, Regularizer):
    """A regularizer with some methods replaced; `restrict` gives restrictions of the original."""

    def value(self, theta):
        return self._call("value", theta)

    def prox(self, z, step):
        return self._call("prox", z, step)

    def conjugate(self, p):
        return self._call("conjugate", p)

    def project_subdifferential(self, theta, p):
        return self._call("project_subdifferential", theta, p)

    def in_domain(self, theta):
        return self._call("in_domain", theta)

    def separable_groups(self, dimension):
        return self._call("separable_groups", dimension)

    def restrict(self, restriction):
        return self._call("restrict", restriction)


class LossMutant(_Changed, Loss):
    """A loss with some methods and constants replaced."""

    dimension = property(lambda self: self._get("dimension"))
    infimum = property(lambda self: self._get("infimum"))
    lipschitz = property(lambda self: self._get("lipschitz"))
    strong_convexity = property(lambda self: self._get("strong_convexity"))
    pl_constant = property(lambda self: self._get("pl_constant"))

    def value(self, theta):
        return self._call("value", theta)

    def gradient(self, theta):
        return self._call("gradient", theta)

    def minimizer(self):
        return self._call("minimizer")


class ReferenceMutant(_Changed, Reference):
    """A reference with some methods replaced."""

    def value(self, x):
        return self._call("value", x)

    def gradient(self, x):
        return self._call("gradient", x)

    def conjugate(self, p):
        return self._call("conjugate", p)

    def conjugate_gradient(self, p):
        return self._call("conjugate_gradient", p)

    def in_domain(self, x):
        return self._call("in_domain", x)

    def divergence(self, x, y):
        return self._call("divergence", x, y)
