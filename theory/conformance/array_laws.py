"""Laws of arrays: one formula serves batches, float32, Fractions and torch tensors, and never touches its input."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any

import numpy as np

from ..arrays import Array, IrrationalError, exact, inner, is_exact, to_float
from ..margins import equal, equal_vectors
from .findings import Findings, NotApplicable
from .regularizer_case import RegularizerCase

Method = Callable[..., Any]


def _calls(case: RegularizerCase) -> Iterator[tuple[str, Method, tuple[Array, ...]]]:
    """Every method with arrays to call it on; the last axis of each array has length d."""
    J, t = case.regularizer, 1 / case.slope
    theta = case.inside[case.rng(80).permutation(len(case.inside))[:12]]
    q = case.duals[case.rng(81).integers(0, len(case.duals), size=len(theta))]
    yield "value", J.value, (case.points,)
    yield "prox", lambda z: J.prox(z, t), (case.points,)
    yield "conjugate", J.conjugate, (case.duals,)
    yield "project_subdifferential", J.project_subdifferential, (theta, q)
    yield "subdifferential_distance", J.subdifferential_distance, (theta, q)
    yield "in_domain", J.in_domain, (case.points,)


def _expect_same(findings: Findings, what: str, found: Any, wanted: Any, tolerance: float) -> None:
    found, wanted = np.asarray(found, dtype=np.float64), np.asarray(wanted, dtype=np.float64)
    findings.require(found.shape == wanted.shape, f"{what}: shape {wanted.shape}, got {found.shape}")
    if found.shape == wanted.shape and found.size:
        nothing = np.isnan(wanted)
        findings.require(np.isnan(found) == nothing, f"{what} is NaN where it should be")
        found, wanted = np.where(nothing, 0, found), np.where(nothing, 0, wanted)
        largest = np.full(wanted.shape, np.max(np.abs(np.where(np.isfinite(wanted), wanted, 0))))
        findings.expect(equal(found, wanted, largest), f"{what} agrees", tolerance=tolerance)


def methods_leave_their_input_alone(case: RegularizerCase, findings: Findings) -> None:
    """No method writes into its input, returns a view of it, or remembers an earlier call."""
    for name, method, inputs in _calls(case):
        given = tuple(x.copy() for x in inputs)
        first = method(*given)
        for x, kept in zip(given, inputs, strict=True):
            findings.require(np.array_equal(x, kept), f"{name} leaves its input as it was", input=kept.ravel()[: case.dimension])
            findings.require(not np.shares_memory(first, x), f"{name} returns an array of its own")
        second = method(*(x.copy() for x in inputs))
        findings.require(np.array_equal(first, second, equal_nan=True), f"{name} gives the same result twice")


def batches_agree_with_single_vectors(case: RegularizerCase, findings: Findings) -> None:
    """Leading axes are a batch, empty ones included: every vector gets what it gets alone."""
    for name, method, inputs in _calls(case):
        together = np.asarray(method(*inputs))
        alone = np.stack([np.asarray(method(*(x[row] for x in inputs))) for row in range(len(inputs[0]))])
        _expect_same(findings, f"{name} of a batch", together, alone, 1e-9)
        nested = np.asarray(method(*(np.stack([x[:6], x[3:9]])[:, :, None, :] for x in inputs)))
        wanted = np.stack([alone[:6], alone[3:9]])[:, :, None]
        _expect_same(findings, f"{name} of a batch of shape (2, 6, 1)", nested, wanted, 1e-9)
        _expect_same(findings, f"{name} of an empty batch", method(*(x[:0] for x in inputs)), alone[:0], 1e-9)
        if len(inputs) == 2:
            theta, q = inputs
            table = np.asarray(method(theta[:3, None, :], q[None, :4, :]))
            wanted = np.stack([[np.asarray(method(a, b)) for b in q[:4]] for a in theta[:3]])
            _expect_same(findings, f"{name} of θ (3, 1, d) and q (1, 4, d)", table, wanted, 1e-9)
            _expect_same(findings, f"{name} of one θ and many q", method(theta[0], q[:4]), table[0], 1e-9)
            _expect_same(findings, f"{name} of many θ and one q", method(theta[:3], q[0]), table[:, 0], 1e-9)


def float32_stays_float32(case: RegularizerCase, findings: Findings) -> None:
    """float32 in, float32 out, and the same up to the smaller precision."""
    for name, method, inputs in _calls(case):
        found = np.asarray(method(*(x.astype(np.float32) for x in inputs)))
        wanted = np.bool_ if name == "in_domain" else np.float32
        findings.require(found.dtype == wanted, f"{name} of float32 is {np.dtype(wanted)}, got {found.dtype}")
        if name == "in_domain":
            continue
        double = np.asarray(method(*inputs))
        same = np.isfinite(found) == np.isfinite(double)
        findings.require(np.mean(same) > 0.8, f"{name} of float32 is finite where that of float64 is")
        _expect_same(findings, f"{name} of float32", np.where(same, found, 0), np.where(same, double, 0), 1e-4)


def step_may_be_any_real_number(case: RegularizerCase, findings: Findings) -> None:
    """An int, a Fraction and a NumPy scalar are steps like the float of the same value."""
    z = case.points
    for t in (1, 2, Fraction(1, 4), Fraction(3, 8), np.float64(0.5), np.float32(2.0)):
        found, wanted = case.regularizer.prox(z, t), case.regularizer.prox(z, float(t))
        findings.expect(equal_vectors(found, wanted, z), f"prox with the step {t!r}", tolerance=1e-12, z=z)


def fractions_give_the_exact_result(case: RegularizerCase, findings: Findings) -> None:
    """On Fractions every method is exact (and agrees with floats), or raises IrrationalError; no float slips in."""
    t = Fraction(1 / case.slope).limit_denominator(64) or Fraction(1, 64)
    J, count = case.regularizer, 0
    points = exact(np.round(8 * case.points[:30]) / 8)
    step = Fraction(case.slope).limit_denominator(16) or Fraction(1, 16)
    duals = exact(np.round(8 * case.duals[:30] / case.slope) / 8) * step
    for z, q in zip(points, duals, strict=True):
        theta = _exactly(J.prox, z, t)
        if theta is not None:
            count += 1
            findings.expect(equal_vectors(to_float(theta), J.prox(to_float(z), float(t))), "exact prox", tolerance=1e-9, z=to_float(z))
            p = (z - theta) / t
            nearest = _exactly(J.project_subdifferential, theta, p)
            findings.require(nearest is None or np.all(nearest == p), "(z − û)/t ∈ ∂J(û) exactly", z=to_float(z))
            gap = [_exactly(J.value, theta), _exactly(J.conjugate, p)]
            if gap[0] is not None and gap[1] is not None:
                findings.require(gap[0] + gap[1] == inner(p, theta), "J(û) + J*(p) = ⟨p, û⟩ exactly", z=to_float(z))
        for name, method, inputs in (("value", J.value, (z,)), ("conjugate", J.conjugate, (q,)), ("project_subdifferential", J.project_subdifferential, (z, q))):
            found = _exactly(method, *inputs)
            if found is not None:
                _expect_same(findings, f"exact {name}", found, method(*map(to_float, inputs)), 1e-9)
        claimed = _exactly(lambda x: np.asarray(J.in_domain(x), dtype=object), z)
        findings.require(claimed is None or claimed == J.in_domain(to_float(z)), "in_domain on Fractions agrees with floats", theta=to_float(z))
    findings.remark(f"{count} of {len(points)} proxes are rational")


def _exactly(method: Method, *inputs: Any) -> Array | None:
    """The result when it is exact, None when it is irrational; a TypeError when a float slipped in."""
    try:
        result = np.asarray(method(*inputs))
    except IrrationalError:
        return None
    for entry in result.ravel():
        if isinstance(entry, float) and np.isfinite(entry):
            raise TypeError(f"a Fraction was expected, got the float {entry!r}")
    if not is_exact(result):
        raise TypeError(f"an object array of Fractions was expected, got dtype {result.dtype}")
    return result


def torch_agrees_with_numpy(case: RegularizerCase, findings: Findings) -> None:
    """Torch tensors give torch tensors of the same dtype with the numbers that NumPy gives; needs torch."""
    if importlib.util.find_spec("torch") is None:
        raise NotApplicable("torch is not installed")
    torch: Any = importlib.import_module("torch")
    for name, method, inputs in _calls(case):
        wanted = np.asarray(method(*inputs))
        for dtype, tolerance in ((torch.float64, 1e-9), (torch.float32, 1e-4)):
            given = tuple(torch.asarray(x.copy(), dtype=dtype) for x in inputs)
            found = method(*given)
            findings.require(isinstance(found, torch.Tensor), f"{name} of a tensor is a tensor, got {type(found).__name__}")
            kind = torch.bool if name == "in_domain" else dtype
            findings.require(found.dtype == kind, f"{name} of {dtype} is {kind}, got {found.dtype}")
            untouched = all(torch.equal(x, torch.asarray(kept, dtype=dtype)) for x, kept in zip(given, inputs, strict=True))
            findings.require(untouched, f"{name} leaves its tensor as it was")
            if dtype == torch.float64 or name not in ("conjugate", "in_domain"):
                _expect_same(findings, f"{name} of a tensor", found.numpy(), wanted, tolerance)


ARRAY_LAWS = (
    methods_leave_their_input_alone,
    batches_agree_with_single_vectors,
    float32_stays_float32,
    step_may_be_any_real_number,
    fractions_give_the_exact_result,
    torch_agrees_with_numpy,
)
