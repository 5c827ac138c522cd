"""The points of a certificate: pairs (θᵢ, vᵢ) of a LinBreg iteration, points to compare with, and what is known at each.

quantity   | in a certificate | meaning
-----------|------------------|----------------------------------------------------------------
θᵢ, vᵢ     | theta(i), v(i)   | vᵢ ∈ ∂J_δ(θᵢ); vᵢ of a later point follows from its step
pᵢ         | p(i)             | vᵢ − θᵢ/δ ∈ ∂J(θᵢ)
∇L(θᵢ)     | g(i)             | 0 at the minimiser
ξ          | xi(a)            | arbitrary vectors, the noise in a gradient
L(θᵢ)      | L(i)             | the loss
J(θᵢ)      | J(i)             | the regularizer; J_δ(θᵢ) = J(θᵢ) + ‖θᵢ‖²/2δ
D(i, j)    |                  | D^{vⱼ}_{J_δ}(θᵢ, θⱼ)
sym(i, j)  |                  | D^sym_{J_δ}(θᵢ, θⱼ) = ⟨vᵢ − vⱼ, θᵢ − θⱼ⟩;  symJ(i, j) the same of J
sq, inner  |                  | ‖a‖², ⟨a, b⟩

With a coarse step the coordinates fall into two blocks: A, the selected groups, which the step moves, and B, which it
freezes. J is a sum over the blocks, so J(θ⁺) = J_A(θ⁺_A) + J_B(θ_B).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, final

from .expressions import Scope, number, vector
from .gram import Form, Vector, inner, square
from .record import Certificate, CertificateError, Step


@final
class Iteration:
    """The quantities at the points of a certificate, with the parameters' values in any field that contains ℚ."""

    def __init__(self, certificate: Certificate, parameters: Mapping[str, Any], one: Any) -> None:
        self.certificate = certificate
        self.parameters = parameters
        self.one = one
        self.blocks = ("A", "B") if any(step.coarse for step in certificate.steps) else ("",)
        self._theta: dict[str, Vector] = {}
        self._v: dict[str, Vector] = {}
        self._J: dict[str, Form] = {}
        functions: dict[str, Callable[..., Any]] = {
            "theta": self.theta, "v": self.v, "p": self.p, "g": self.g, "xi": self.xi, "L": self.L, "J": self.J,
            "D": self.bregman, "sym": self.symmetric, "symJ": self.symmetric_of_J, "sq": square, "inner": inner,
        }  # fmt: skip
        self.scope = Scope(parameters, functions, one)
        for point in ("0", *certificate.comparison):
            self._theta[point] = self._new("theta", point)
            self._J[point] = Form({f"{block}J{point}": one for block in self.blocks})
        self._v["0"] = self._new("v", "0")
        if certificate.minimiser and certificate.minimiser not in certificate.comparison:
            raise CertificateError(f"the minimiser {certificate.minimiser!r} must be one of the comparison points")
        for step in certificate.steps:
            self._take(step)

    @property
    def points(self) -> tuple[str, ...]:
        """All points, those of the iteration and those to compare with."""
        return tuple(self._theta)

    @property
    def pairs(self) -> tuple[str, ...]:
        """The points with a subgradient."""
        return tuple(self._v)

    def parameter(self, name: str) -> Any:
        """The value of a parameter that an inequality needs."""
        if name not in self.parameters:
            raise CertificateError(f"the parameter {name!r} is needed; there are {', '.join(self.parameters)}")
        return self.parameters[name]

    def theta(self, point: str) -> Vector:
        """θ."""
        return self._at(self._theta, point, "is not a point of the certificate")

    def v(self, point: str) -> Vector:
        """v ∈ ∂J_δ(θ)."""
        self.theta(point)
        return self._at(self._v, point, "has no subgradient")

    def p(self, point: str) -> Vector:
        """p = v − θ/δ ∈ ∂J(θ)."""
        return self.v(point) - self.theta(point).scaled(1 / self.parameter("delta"))

    def g(self, point: str) -> Vector:
        """∇L(θ)."""
        self.theta(point)
        return Vector({}) if point == self.certificate.minimiser else self._new("g", point)

    def xi(self, name: str) -> Vector:
        """A noise vector; on the coarse level it has selected coordinates alone."""
        if name not in self.certificate.noise:
            raise CertificateError(f"xi({name}) is not a noise of the certificate: {', '.join(self.certificate.noise)}")
        return self._new("xi", name).in_block(self.blocks[0])

    def L(self, point: str) -> Form:  # noqa: N802 - the loss is L in the papers
        """L(θ)."""
        self.theta(point)
        return Form({f"L{point}": self.one})

    def J(self, point: str) -> Form:  # noqa: N802
        """J(θ)."""
        self.theta(point)
        return self._J[point]

    def bregman(self, point: str, base: str) -> Form:
        """D^v_{J_δ}(θ_point, θ_base) with v the subgradient at the base."""
        half = 1 / (2 * self.parameter("delta"))
        elastic = self.J(point) - self.J(base)
        elastic = elastic + (square(self.theta(point)) - square(self.theta(base))).scaled(half)
        return elastic - inner(self.v(base), self.theta(point) - self.theta(base))

    def symmetric(self, first: str, second: str) -> Form:
        """⟨v₁ − v₂, θ₁ − θ₂⟩."""
        return inner(self.v(first) - self.v(second), self.theta(first) - self.theta(second))

    def symmetric_of_J(self, first: str, second: str) -> Form:  # noqa: N802
        """⟨p₁ − p₂, θ₁ − θ₂⟩."""
        return inner(self.p(first) - self.p(second), self.theta(first) - self.theta(second))

    def is_step(self, before: str, after: str, size: Any) -> bool:
        """True when v(after) = v(before) − size·∇L(θ_before)."""
        return not (self.v(before) - self.g(before).scaled(size) - self.v(after)).terms

    def _take(self, step: Step) -> None:
        before, after = step.before, step.after
        if after in self._theta:
            raise CertificateError(f"the point {after!r} is made twice")
        direction = vector(step.direction or f"g({before})", self.scope)
        if step.coarse:
            direction = direction.in_block("A")
            moved, frozen = self._new("theta", after).in_block("A"), self.theta(before).in_block("B")
            self._theta[after] = moved + frozen
            old = {name: c for name, c in self.J(before).terms.items() if str(name).startswith("B")}
            self._J[after] = Form({f"AJ{after}": self.one, **old})
        else:
            self._theta[after] = self._new("theta", after)
            self._J[after] = Form({f"{block}J{after}": self.one for block in self.blocks})
        self._v[after] = self.v(before) - direction.scaled(number(step.size, self.scope))

    def _new(self, letter: str, point: str) -> Vector:
        return Vector({f"{block}:{letter}{point}" if block else f"{letter}{point}": self.one for block in self.blocks})

    def _at(self, table: Mapping[str, Vector], point: str, complaint: str) -> Vector:
        if point not in table:
            raise CertificateError(f"{point!r} {complaint}; there are {', '.join(table)}")
        return table[point]
