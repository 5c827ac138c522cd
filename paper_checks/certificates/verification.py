"""A stored certificate holds or does not: exact arithmetic in ℚ(parameters), no solver, no tolerance.

right − left − gain = Σ multiplier·inequality + Σ coefficient·‖·‖² is compared coefficient by coefficient. A multiplier is
≥ 0 for all admissible parameters because, with τ = limit/(1 + s) for each parameter that has a limit, it is a quotient of
polynomials with non-negative coefficients in the positive parameters and the s ≥ 0.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from . import function_classes
from .expressions import Scope, form, number, vector
from .gram import Form, Number, square
from .iteration import Iteration
from .record import Certificate, CertificateError, load


@dataclass(frozen=True)
class CertificateEvidence:
    """What the verification of one certificate found. ``steps`` are the facts that were checked, in words."""

    name: str
    claim: str
    statement: str
    parameters: tuple[str, ...]
    conditions: tuple[str, ...]
    steps: tuple[str, ...]
    failing: tuple[str, ...]

    @property
    def verified(self) -> bool:
        """True when every step holds."""
        return not self.failing


def verify(certificate: str | Certificate) -> CertificateEvidence:
    """Check the identity and the signs of a certificate, by name or as a record.

    Raises:
        CertificateError: there is none of this name, or it is malformed.
    """
    record = load(certificate) if isinstance(certificate, str) else certificate
    try:
        steps = _steps(record)
    except ZeroDivisionError as error:
        raise CertificateError(f"certificate {record.name!r} divides by 0") from error
    except CertificateError as error:
        raise CertificateError(f"certificate {record.name!r}: {error}") from error
    return CertificateEvidence(
        name=record.name,
        claim=record.claim,
        statement=record.statement,
        parameters=record.parameters,
        conditions=tuple(limit.words for limit in record.limits),
        steps=tuple(steps),
        failing=tuple(words for words, holds in steps.items() if not holds),
    )


def _steps(record: Certificate) -> dict[str, bool]:
    parameters, slacks, one = _parameters(record)
    at = Iteration(record, parameters, one)
    signs: dict[str, bool] = {}
    total = Form({})
    for use in record.uses:
        multiplier = number(use.multiplier, at.scope)
        total = total + function_classes.inequality(at, use).scaled(multiplier)
        where = ", ".join(use.at)
        signs[f"the multiplier {use.multiplier} of '{use.inequality}' at {where} is ≥ 0"] = _nonnegative(
            multiplier, slacks
        )
    for term in record.squares:
        coefficient = number(term.coefficient, at.scope)
        total = total + square(vector(term.of, at.scope)).scaled(coefficient)
        signs[f"the coefficient {term.coefficient} of ‖{term.of}‖² is ≥ 0"] = _nonnegative(coefficient, slacks)
    left, gain, right = (form(side, at.scope) for side in (record.left, record.gain, record.right))
    margin = right - left - gain
    if not margin.terms:
        raise CertificateError("left + gain ≤ right is empty: both sides are the same")
    size = len({*margin.terms, *total.terms})
    identity = (
        f"right − left is the sum of the inequalities and the squares, in each of {size} values and inner products"
    )
    return {identity: margin.terms == total.terms, **signs}


def _parameters(record: Certificate) -> tuple[dict[str, Number], frozenset[int], Any]:
    """The parameters as elements of ℚ(positive parameters, slacks), the positions of the slacks, and 1."""
    from sympy import QQ  # here, because importing it takes longer than the rest of the package
    from sympy.polys.fields import field

    limited = [limit.parameter for limit in record.limits]
    for parameter in limited:
        if parameter not in record.parameters or limited.count(parameter) > 1:
            raise CertificateError(f"a limit must be the only one of a parameter, got one of {parameter!r}")
    free = [parameter for parameter in record.parameters if parameter not in limited]
    slack_names = [f"slack_{parameter}" for parameter in limited]
    domain, *generators = field([*free, *slack_names], QQ)
    one = domain.one
    values = dict(zip(free, generators, strict=False))
    for limit, slack in zip(record.limits, generators[len(free) :], strict=True):
        values[limit.parameter] = number(limit.at_most, Scope(values, {}, one)) / (1 + slack)
        if not _nonnegative(values[limit.parameter], frozenset(range(len(free), len(generators)))):
            raise CertificateError(f"the limit {limit.at_most} of {limit.parameter} must be positive")
    return values, frozenset(range(len(free), len(generators))), one


def _nonnegative(value: Number, slacks: frozenset[int]) -> bool:
    """True when a rational function is ≥ 0 for positive parameters and slacks ≥ 0, as its coefficients show."""
    numerator, denominator = value.numer, value.denom
    signs = {coefficient > 0 for coefficient in (*numerator.coeffs(), *denominator.coeffs())}
    # The denominator must not vanish where all slacks do.
    defined = any(all(power[slack] == 0 for slack in slacks) for power in denominator.monoms())
    return len(signs) == 1 and defined


def raised(certificate: Certificate, factor: Fraction = Fraction(101, 100)) -> Certificate:
    """The certificate with its gain, or without a gain its limits, multiplied by ``factor``; it is never verified."""
    by = f"*{factor.numerator}/{factor.denominator}"
    if certificate.gain != "0":
        return replace(certificate, gain=f"({certificate.gain}){by}")
    limits = tuple(replace(limit, at_most=f"({limit.at_most}){by}") for limit in certificate.limits)
    return replace(certificate, limits=limits)


def certified_limit(name: str, parameter: str = "tau") -> float:
    """The largest step size that a certificate covers, in units of 1/𝖫 with 𝖫 = ℓδ; ∞ where it covers all.

    Raises:
        CertificateError: there is no such certificate, or its limit is not a multiple of 1/𝖫.
    """
    found = [limit for limit in load(name).limits if limit.parameter == parameter]
    if not found:
        return float("inf")
    text = found[0].at_most
    # A multiple of 1/𝖫 has the same value in all units: ℓ, δ and 𝖫 = ℓδ are set twice.
    try:
        first, second = (
            number(text, Scope({"ell": ell, "delta": delta, "L_rel": ell * delta}, {}, Fraction(1))) * ell * delta
            for ell, delta in ((Fraction(1), Fraction(1)), (Fraction(2), Fraction(3)))
        )
    except CertificateError as error:
        raise CertificateError(f"certificate {name!r}: the limit {text} is not a multiple of 1/𝖫") from error
    if first != second:
        raise CertificateError(f"certificate {name!r}: the limit {text} is not a multiple of 1/𝖫")
    return float(first)
