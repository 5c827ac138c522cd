"""Solve again what the stored certificates are about: ``mlbreg certify``, or ``python -m`` this module.

For each: does the stored certificate verify, the worst case over the class, the same with the bound raised by 1 %, the
largest step size for which the worst case is 0 (by bisection), and how far the solver's multipliers are from the stored.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from .expressions import Scope, number
from .record import Certificate, CertificateError, Limit, load, names
from .verification import raised, verify
from .worst_case import (
    TOLERANCE,
    SolverError,
    solver_multipliers,
    stored_multipliers,
    trial_parameters,
    worst_case,
)

# Of the critical value; an inequality this little beyond its limit is violated by more than the solver's TOLERANCE.
RESOLUTION = Fraction(1, 500)
# How far beyond a limit to look.
REACH = 4


@dataclass(frozen=True)
class Solved:
    """What the solver found. ``critical``: for the limit of τ, the largest value that holds, in its units (None: ≥ 4)."""

    name: str
    verified: bool
    worst: float
    raised: float
    critical: tuple[tuple[Limit, float | None], ...]
    multiplier_difference: float

    @property
    def sharp(self) -> bool:
        """True when the bound fails once it is raised by 1 %."""
        return self.raised > TOLERANCE


def solve(certificate: Certificate) -> Solved:
    """Solve all problems of one certificate.

    Raises:
        SolverError: the extra ``certificates`` is not installed, or the solver fails.
    """
    parameters = trial_parameters(certificate)
    more = raised(certificate)
    _, multipliers = solver_multipliers(certificate, parameters)
    stored = stored_multipliers(certificate, parameters)
    return Solved(
        name=certificate.name,
        verified=verify(certificate).verified,
        worst=worst_case(certificate, parameters),
        raised=worst_case(more, trial_parameters(more)),
        critical=tuple(
            (limit, critical(certificate, limit)) for limit in certificate.limits if limit.parameter == "tau"
        ),
        multiplier_difference=max((abs(a - b) for a, b in zip(multipliers, stored, strict=True)), default=0.0),
    )


def critical(certificate: Certificate, limit: Limit) -> float | None:
    """The largest value of a limited parameter, in units of the stored limit, for which the worst case is 0.

    None: beyond `REACH` times the limit. The worst case is taken to be monotone in the parameter.
    """

    stored = number(limit.at_most, Scope(trial_parameters(certificate), {}, Fraction(1)))

    def holds(factor: Fraction) -> bool:
        value = stored * factor
        return worst_case(certificate, trial_parameters(certificate, **{limit.parameter: value})) <= TOLERANCE

    low, high = Fraction(0), Fraction(REACH)
    if holds(high):
        return None
    while high - low > RESOLUTION:
        middle = (low + high) / 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return float(low + high) / 2


def certify(
    chosen: Annotated[list[str] | None, typer.Argument(metavar="[NAME]…", help="Certificates; all by default.")] = None,
) -> None:
    """Find the worst cases again that the stored certificates prove (needs the extra certificates)."""
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 120)
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("certificate", no_wrap=True)
    for title in (
        "verified",
        "worst case",
        "raised by 1 %",
        "stored limit",
        "critical/stored",
        "multipliers differ by",
    ):
        table.add_column(title, justify="right")
    try:
        for solved in _solve_all([load(name) for name in chosen or names()]):
            table.add_row(
                solved.name,
                "yes" if solved.verified else "[red]no[/]",
                f"{solved.worst:.0e}",
                f"{solved.raised:.0e}{'' if solved.sharp else ' (not sharp)'}",
                *_limit(solved),
                f"{solved.multiplier_difference:.0e}",
            )
    except (CertificateError, SolverError) as error:
        Console(stderr=True, highlight=False).print(f"error: {error}", style="red", soft_wrap=True, markup=False)
        raise typer.Exit(2) from error
    console.print(table)


def _solve_all(certificates: list[Certificate]) -> Iterator[Solved]:
    for certificate in certificates:
        yield solve(certificate)


def _limit(solved: Solved) -> tuple[str, str]:
    if not solved.critical:
        return "none", ""
    ((limit, value),) = solved.critical
    return limit.words, f"> {REACH}" if value is None else f"{value:.3f}"


if __name__ == "__main__":
    typer.run(certify)
