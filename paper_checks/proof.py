"""Symbolic proofs: a list of steps, each an identity that sympy reduces to zero, with the reasoning between them.

A step is an identity ``expression = 0`` between free symbols, so it holds for every value of them. The symbols stand for
values of functions (``J``, ``J_tilde``) and for inner products, which makes the steps independent of the dimension.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Step:
    """``expression`` must vanish identically; ``because`` says what it means and how it is used."""

    because: str
    expression: Any

    def holds(self) -> bool:
        """True when sympy reduces the expression to zero."""
        import sympy  # here, because importing it takes longer than the rest of the package

        return bool(sympy.simplify(sympy.expand(self.expression)) == 0)


@dataclass(frozen=True)
class Proof:
    """Steps that together give the claim; ``conclusion`` says how."""

    steps: tuple[Step, ...]
    conclusion: str

    def failing(self) -> list[str]:
        """The steps that do not hold."""
        return [step.because for step in self.steps if not step.holds()]


def symbols(*names: str, positive: bool | None = None) -> list[Any]:
    """Free real symbols with exactly these names, which may be anything: ``⟨p, θ⟩``."""
    import sympy

    return [sympy.Symbol(name, real=True, positive=positive) for name in names]
