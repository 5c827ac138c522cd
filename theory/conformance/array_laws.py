"""Laws of arrays: one formula serves batches, float32, Fractions and torch tensors, and never touches its input.

They hold for regularizers, losses and references alike: a case names its methods and what to call them on (`calls`).
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, Protocol

import numpy as np

from ..arrays import Array, IrrationalError, exact, is_exact, to_float
from ..margins import equal
from .findings import Findings, NotApplicable

Method = Callable[..., Any]


class Call(NamedTuple):
    """A method, and arrays of shape (n, d) with n ≥ 9 to call it on; ``boolean`` says that it answers True or False."""

    name: str
    method: Method
    inputs: tuple[Array, ...]
    boolean: bool = False


class HasCalls(Protocol):
    """A case of any kind."""

    def calls(self) -> Iterator[Call]:
        """Every method of the object."""


def expect_same(findings: Findings, what: str, found: Any, wanted: Any, tolerance: float, *, size: float = 0.0) -> None:
    """Same shape, NaN and infinities at the same places, and numbers within the tolerance of the largest one.

    ``size``: that of the numbers from which these came, when it may have cancelled.
    """
    found, wanted = np.asarray(found, dtype=np.float64), np.asarray(wanted, dtype=np.float64)
    findings.require(found.shape == wanted.shape, f"{what}: shape {wanted.shape}, got {found.shape}")
    if found.shape == wanted.shape and found.size:
        nothing = np.isnan(wanted)
        findings.require(np.isnan(found) == nothing, f"{what} is NaN where it should be")
        found, wanted = np.where(nothing, 0, found), np.where(nothing, 0, wanted)
        largest = np.full(wanted.shape, max(size, np.max(np.abs(np.where(np.isfinite(wanted), wanted, 0)))))
        findings.expect(equal(found, wanted, largest), f"{what} agrees", tolerance=tolerance)


def methods_leave_their_input_alone(case: HasCalls, findings: Findings) -> None:
    """No method writes into its input, returns a view of it, or remembers an earlier call."""
    for name, method, inputs, _ in case.calls():
        given = tuple(x.copy() for x in inputs)
        first = method(*given)
        for x, kept in zip(given, inputs, strict=True):
            findings.require(np.array_equal(x, kept), f"{name} leaves its input as it was")
            findings.require(not np.shares_memory(first, x), f"{name} returns an array of its own")
        second = method(*(x.copy() for x in inputs))
        findings.require(np.array_equal(first, second, equal_nan=True), f"{name} gives the same result twice")


def batches_agree_with_single_vectors(case: HasCalls, findings: Findings) -> None:
    """Leading axes are a batch, empty ones included: every vector gets what it gets alone."""
    for name, method, inputs, _ in case.calls():
        together = np.asarray(method(*inputs))
        alone = np.stack([np.asarray(method(*(x[row] for x in inputs))) for row in range(len(inputs[0]))])
        expect_same(findings, f"{name} of a batch", together, alone, 1e-9)
        nested = np.asarray(method(*(np.stack([x[:6], x[3:9]])[:, :, None, :] for x in inputs)))
        wanted = np.stack([alone[:6], alone[3:9]])[:, :, None]
        expect_same(findings, f"{name} of a batch of shape (2, 6, 1)", nested, wanted, 1e-9)
        expect_same(findings, f"{name} of an empty batch", method(*(x[:0] for x in inputs)), alone[:0], 1e-9)
        if len(inputs) == 2:
            x, y = inputs
            table = np.asarray(method(x[:3, None, :], y[None, :4, :]))
            wanted = np.stack([[np.asarray(method(a, b)) for b in y[:4]] for a in x[:3]])
            expect_same(findings, f"{name} of shapes (3, 1, d) and (1, 4, d)", table, wanted, 1e-9)
            expect_same(findings, f"{name} of one vector and many", method(x[0], y[:4]), wanted[0], 1e-9)
            expect_same(findings, f"{name} of many vectors and one", method(x[:3], y[0]), wanted[:, 0], 1e-9)


def float32_stays_float32(case: HasCalls, findings: Findings) -> None:
    """float32 in, float32 out, and the same up to the smaller precision."""
    for name, method, inputs, boolean in case.calls():
        found = np.asarray(method(*(x.astype(np.float32) for x in inputs)))
        wanted = np.bool_ if boolean else np.float32
        findings.require(found.dtype == wanted, f"{name} of float32 is {np.dtype(wanted)}, got {found.dtype}")
        if not boolean:
            double = np.asarray(method(*inputs))
            same = np.isfinite(found) == np.isfinite(double)
            findings.require(np.mean(same) > 0.8, f"{name} of float32 is finite where that of float64 is")
            expect_same(findings, f"{name} of float32", np.where(same, found, 0), np.where(same, double, 0), 1e-4)


def nan_is_not_hidden(case: HasCalls, findings: Findings) -> None:
    """A NaN in a vector shows in the result (or raises a ValueError): a run that diverged must not look sound."""
    for name, method, inputs, boolean in case.calls():
        for coordinate in (0, -1):
            spoiled = inputs[0][:9].copy()
            spoiled[:, coordinate] = np.nan
            try:
                with np.errstate(all="ignore"):
                    result = np.asarray(method(spoiled, *(x[:9] for x in inputs[1:])))
            except ValueError:
                findings.require(True, f"{name} raises on NaN")
                continue
            hidden = result if boolean else np.isfinite(result)
            statement = f"{name} of a vector with NaN is {'False' if boolean else 'not finite'}"
            findings.require(~np.all(hidden.reshape(9, -1), axis=-1), statement)


def fractions_agree_with_floats(case: HasCalls, findings: Findings) -> None:
    """On Fractions a method gives Fractions, the numbers that floats give, or raises IrrationalError; no float slips in."""
    for name, method, inputs, boolean in case.calls():
        rational = 0
        for row in range(min(len(inputs[0]), 12)):
            given = tuple(exact(x[row]) for x in inputs)
            found = exactly(method, *given, boolean=boolean)
            if found is not None:
                rational += 1
                size = max(float(np.max(np.abs(x[row]))) for x in inputs)
                expect_same(findings, f"exact {name}", found, method(*map(to_float, given)), 1e-9, size=size)
        findings.require(True, f"{name} never gave a float")
        findings.remark(f"{name} is {'exact' if rational else 'irrational'}")


def exactly(method: Method, *inputs: Any, boolean: bool = False) -> Array | None:
    """The result when it is exact, None when it is irrational; a TypeError when a float slipped in."""
    try:
        result = np.asarray(method(*inputs))
    except IrrationalError:
        return None
    if boolean:
        return np.asarray(result, dtype=bool)
    for entry in result.ravel():
        if isinstance(entry, float) and np.isfinite(entry):
            raise TypeError(
                f"a Fraction was expected, got the float {entry!r}: take parameters as arrays.scalar(lam, like=theta), "
                "or raise IrrationalError where the formula is not rational"
            )
    # A single ∞ is a float of its own, without an array around it.
    if not is_exact(result) and np.isfinite(result).any():
        raise TypeError(f"an object array of Fractions was expected, got dtype {result.dtype}")
    return result


def torch_agrees_with_numpy(case: HasCalls, findings: Findings) -> None:
    """Torch tensors give torch tensors of the same dtype with the numbers that NumPy gives; needs torch."""
    if importlib.util.find_spec("torch") is None:
        raise NotApplicable("torch is not installed")
    torch: Any = importlib.import_module("torch")
    for name, method, inputs, boolean in case.calls():
        wanted = np.asarray(method(*inputs))
        for dtype, tolerance in ((torch.float64, 1e-9), (torch.float32, 1e-4)):
            given = tuple(torch.asarray(x.copy(), dtype=dtype) for x in inputs)
            found = method(*given)
            findings.require(
                isinstance(found, torch.Tensor), f"{name} of a tensor is a tensor, got {type(found).__name__}"
            )
            kind = torch.bool if boolean else dtype
            findings.require(found.dtype == kind, f"{name} of {dtype} is {kind}, got {found.dtype}")
            untouched = all(
                torch.equal(x, torch.asarray(kept, dtype=dtype)) for x, kept in zip(given, inputs, strict=True)
            )
            findings.require(untouched, f"{name} leaves its tensor as it was")
            numbers = found.numpy()
            same = np.isfinite(numbers) == np.isfinite(wanted)
            enough = 0.999 if dtype == torch.float64 else 0.8  # float32 rounds points over the edge of a domain
            findings.require(np.mean(same) > enough, f"{name} of {dtype} is finite where it should be")
            if not boolean or dtype == torch.float64:
                expect_same(
                    findings, f"{name} of {dtype}", np.where(same, numbers, 0), np.where(same, wanted, 0), tolerance
                )


ARRAY_LAWS = (
    methods_leave_their_input_alone,
    batches_agree_with_single_vectors,
    float32_stays_float32,
    nan_is_not_hidden,
    fractions_agree_with_floats,
    torch_agrees_with_numpy,
)
