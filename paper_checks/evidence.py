"""What judging a claim produces. These records are the schema of ``report.json`` (documented in docs/report.md)."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from typing import Any

from .certificates import CertificateEvidence
from .empirical.evidence import EmpiricalEvidence
from .verdicts import Verdict


@dataclass(frozen=True)
class Counterexample:
    """An instance that violates a claim; ``exact`` when all its numbers are rationals."""

    conclusion: str
    margin: str
    margin_value: float
    words: str
    values: dict[str, Any]
    python: str
    exact: bool


@dataclass(frozen=True)
class ConclusionEvidence:
    """Margins of one conclusion over all random instances."""

    name: str
    instances: int
    smallest_margin: float
    median_margin: float
    equality_share: float
    histogram: list[int]
    violations: int
    not_a_number: int
    counterexample: Counterexample | None = None


@dataclass(frozen=True)
class AdversaryEvidence:
    """The smallest margin by chance, after evolution, and after descent too, over all conclusions.

    ``decades``: how many powers of ten closer to zero the margins came, in the median of the instances it started from;
    None where all of them were equalities.
    """

    evaluations: int
    by_chance: float
    by_evolution: float
    by_search: float
    decades: float | None


@dataclass(frozen=True)
class ExactEvidence:
    """Instances judged in rational arithmetic."""

    instances: int
    irrational: int


@dataclass(frozen=True)
class ProofEvidence:
    """Steps verified by sympy; ``failing`` is empty when the proof stands."""

    steps: list[str]
    failing: list[str]
    conclusion: str


@dataclass(frozen=True)
class VoidEvidence:
    """Instances on which an explicit witness shows that the hypotheses cannot hold, and the simplest of them."""

    instances: int
    exact: int
    smallest_margin: float
    witness: str


@dataclass(frozen=True)
class MeasurementEvidence:
    """A number beside the paper's."""

    quantity: str
    paper: str
    measured: str
    how: str


@dataclass(frozen=True)
class HypothesisEvidence:
    """What happens without one hypothesis: needed True, False (not found to be needed) or None (cannot be dropped)."""

    name: str
    statement: str
    needed: bool | None
    instances: int
    witness: Counterexample | None
    remark: str


@dataclass(frozen=True)
class TightnessEvidence:
    """A step-size limit in its unit: the paper's, the measured critical value, the certified one, the curve between them."""

    parameter: str
    unit: str
    conclusion: str
    paper_limit: float
    critical: float | None
    certified: float | None
    searched_up_to: float
    shares: list[float]
    smallest_margins: list[float]


@dataclass(frozen=True)
class MutantEvidence:
    """A planted bug and whether the check noticed."""

    name: str
    killed: bool
    smallest_margin: float | None


@dataclass(frozen=True)
class ClaimEvidence:
    """Everything about one claim."""

    id: str
    title: str
    statement: str
    source: str
    note: str
    reconstructed: bool
    verdict: Verdict
    reason: str
    instances: int
    smallest_margin: float | None
    conclusions: list[ConclusionEvidence] = field(default_factory=list)
    adversary: AdversaryEvidence | None = None
    exact: ExactEvidence | None = None
    proof: ProofEvidence | None = None
    disproof: ProofEvidence | None = None
    void: VoidEvidence | None = None
    certificates: list[CertificateEvidence] = field(default_factory=list)
    counterexample: Counterexample | None = None
    hypotheses: list[HypothesisEvidence] = field(default_factory=list)
    rechecked: str | None = None
    tightness: TightnessEvidence | None = None
    measurements: list[MeasurementEvidence] = field(default_factory=list)
    mutants: list[MutantEvidence] = field(default_factory=list)
    reproduce: str = ""
    seconds: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)


_NESTED: dict[str, type] = {
    "conclusions": ConclusionEvidence,
    "hypotheses": HypothesisEvidence,
    "mutants": MutantEvidence,
    "adversary": AdversaryEvidence,
    "exact": ExactEvidence,
    "proof": ProofEvidence,
    "disproof": ProofEvidence,
    "void": VoidEvidence,
    "certificates": CertificateEvidence,
    "measurements": MeasurementEvidence,
    "counterexample": Counterexample,
    "tightness": TightnessEvidence,
    "witness": Counterexample,
}


def from_json(data: dict[str, Any], kind: type = ClaimEvidence) -> Any:
    """The record that `ClaimEvidence.to_json` wrote."""
    values: dict[str, Any] = {}
    for f in fields(kind):
        value = data[f.name]
        nested = _NESTED.get(f.name)
        if nested is not None and isinstance(value, list):
            value = [from_json(entry, nested) for entry in value]
        elif nested is not None and isinstance(value, dict):
            value = from_json(value, nested)
        values[f.name] = Verdict(value) if f.name == "verdict" else value
    return kind(**values)


@dataclass(frozen=True)
class RunEvidence:
    """A whole run: its settings and the claims that were judged. ``recorded`` are the reviewed verdicts of all claims.

    ``experiments``: the claims about experiments; they bring their reviewed verdicts along.
    """

    effort: str
    seed: int
    version: str
    planned: list[str]
    claims: list[ClaimEvidence]
    recorded: dict[str, str]
    seconds: float
    experiments: list[EmpiricalEvidence] = field(default_factory=list)

    @property
    def instances(self) -> int:
        """How many instances were judged in all."""
        return sum(claim.instances for claim in self.claims)

    @property
    def changed(self) -> list[tuple[str, str | None, str]]:
        """(id, recorded verdict or None, verdict found) where the two differ.

        For a claim about experiments None also means that the verdict on record was set on other runs.
        """
        pairs = [(claim.id, self.recorded.get(claim.id), str(claim.verdict)) for claim in self.claims]
        of_experiments = [
            (found.id, None if found.fresh else found.recorded, str(found.verdict))
            for found in self.experiments
            if found.fresh or found.changed
        ]
        return [entry for entry in pairs if entry[1] != entry[2]] + of_experiments
