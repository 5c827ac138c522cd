"""The expressions in a certificate's file: +, −, *, / and ** of numbers, vectors and forms, and named quantities.

A number is whatever the scope makes of integers and parameter names: elements of ℚ(parameters) to verify a certificate,
Fractions to solve its worst case. Nothing but the scope's names can be called.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from .gram import Form, Vector
from .record import CertificateError

Quantity = Any  # a number, a Vector or a Form


@dataclass(frozen=True)
class Scope:
    """What the names in an expression stand for; ``functions`` take the names of points, or quantities (sq, inner)."""

    numbers: Mapping[str, Any]
    functions: Mapping[str, Callable[..., Quantity]]
    one: Any


def number(text: str, scope: Scope) -> Any:
    """The value of an expression in the parameters."""
    value = _evaluate(text, scope)
    if isinstance(value, (Vector, Form)):
        raise CertificateError(f"{text!r} must be a number, not a {type(value).__name__.lower()}")
    return value


def vector(text: str, scope: Scope) -> Vector:
    """The value of an expression that is a vector."""
    value = _evaluate(text, scope)
    if not isinstance(value, Vector):
        raise CertificateError(f"{text!r} must be a vector")
    return value


def form(text: str, scope: Scope) -> Form:
    """The value of an expression that is a form; "0" is one."""
    value = _evaluate(text, scope)
    if isinstance(value, Form):
        return value
    if not isinstance(value, Vector) and value == 0:
        return Form({})
    raise CertificateError(f"{text!r} must be a form: a combination of function values and inner products")


def _evaluate(text: str, scope: Scope) -> Quantity:
    try:
        tree = ast.parse(text, mode="eval")
    except SyntaxError as error:
        raise CertificateError(f"{text!r} is not an expression: {error.msg}") from error
    return _node(tree.body, scope, text)


def _node(node: ast.expr, scope: Scope, text: str) -> Quantity:
    match node:
        case ast.Constant(value=int(value)):
            return value * scope.one
        case ast.Name(id=name):
            if name not in scope.numbers:
                raise CertificateError(f"{text!r}: {name!r} is not a parameter; there are {', '.join(scope.numbers)}")
            return scope.numbers[name]
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return _product(-scope.one, _node(operand, scope, text), text)
        case ast.BinOp(left=base, op=ast.Pow(), right=ast.Constant(value=int(exponent))):
            value = _node(base, scope, text)
            if isinstance(value, (Vector, Form)):
                raise CertificateError(f"{text!r}: only a number has powers; ‖x‖² is sq(x)")
            return value**exponent
        case ast.BinOp(left=left, op=op, right=right):
            return _binary(op, _node(left, scope, text), _node(right, scope, text), text)
        case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]):
            return _call(name, arguments, scope, text)
    raise CertificateError(f"{text!r}: {ast.unparse(node)!r} is not allowed in a certificate")


def _binary(op: ast.operator, left: Quantity, right: Quantity, text: str) -> Quantity:
    match op:
        case ast.Mult():
            return _product(left, right, text)
        case ast.Div():
            if isinstance(right, (Vector, Form)) or right == 0:
                raise CertificateError(f"{text!r} divides by what is not a number other than 0")
            return _product(1 / right, left, text)
        case ast.Add() | ast.Sub():
            if isinstance(right, Form) and _is_zero(left):
                left = Form({})
            if isinstance(left, Form) and _is_zero(right):
                right = Form({})
            if _kind(left) is not _kind(right):
                raise CertificateError(f"{text!r} adds quantities of different kinds")
            return left + right if isinstance(op, ast.Add) else left - right
    raise CertificateError(f"{text!r}: the operator {type(op).__name__} is not allowed in a certificate")


def _call(name: str, arguments: list[ast.expr], scope: Scope, text: str) -> Quantity:
    if name not in scope.functions:
        raise CertificateError(f"{text!r}: {name!r} is not a quantity; there are {', '.join(scope.functions)}")
    # A point is named by an integer or a word, in θ(0), L(star); sq and inner take quantities.
    values = [_node(a, scope, text) if name in ("sq", "inner") else ast.unparse(a) for a in arguments]
    try:
        return scope.functions[name](*values)
    except (TypeError, AttributeError) as error:
        raise CertificateError(f"{text!r}: {name} cannot take ({', '.join(map(ast.unparse, arguments))})") from error


def _product(left: Quantity, right: Quantity, text: str) -> Quantity:
    if isinstance(left, (Vector, Form)):
        left, right = right, left
    if isinstance(left, (Vector, Form)):
        raise CertificateError(f"{text!r} multiplies two vectors or forms; write inner(a, b) or sq(a)")
    return right.scaled(left) if isinstance(right, (Vector, Form)) else left * right


def _is_zero(value: Quantity) -> bool:
    return not isinstance(value, (Vector, Form)) and value == 0


def _kind(value: Quantity) -> type | None:
    return next((kind for kind in (Vector, Form) if isinstance(value, kind)), None)
