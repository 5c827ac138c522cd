"""A run made by hand with every verdict, every kind of evidence, missing parts, and hostile text."""

import math
from dataclasses import replace
from pathlib import Path

import pytest
from mlbreg.paper_checks.certificates import CertificateEvidence
from mlbreg.paper_checks.empirical.evidence import ConditionEvidence, EmpiricalEvidence, Measured
from mlbreg.paper_checks.empirical.outcomes import Outcome
from mlbreg.paper_checks.evidence import (
    AdversaryEvidence,
    ClaimEvidence,
    ConclusionEvidence,
    Counterexample,
    ExactEvidence,
    HypothesisEvidence,
    MeasurementEvidence,
    MutantEvidence,
    ProofEvidence,
    RunEvidence,
    TightnessEvidence,
    VoidEvidence,
)
from mlbreg.paper_checks.report import write
from mlbreg.paper_checks.verdicts import Verdict

HOSTILE = "<script>alert('x')</script> & \"$\\frac{\" </style> --> ]]> \ud800"

COUNTEREXAMPLE = Counterexample(
    conclusion="",
    margin="−5/8",
    margin_value=-0.625,
    words="d = 1, L = ½θ², J = 0, δ = 1, θ = 1, τ = 5/2",
    values={"tau": ["5/2"], "pair": {"theta": [["1"]], "v": [["1"]]}, "problem": "Problem(…)"},
    python="pair=PrimalDual(exact([[1]]), exact([[1]])), tau=exact([F(5, 2)])",
    exact=True,
)


def conclusion(name: str, *, below: int = 0, equal: int = 0) -> ConclusionEvidence:
    histogram = [0] * 48
    histogram[2], histogram[24], histogram[40] = below, equal, 0 if equal else 500
    return ConclusionEvidence(
        name=name,
        instances=sum(histogram),
        smallest_margin=-0.3 if below else 0.0 if equal else 1e-4,
        median_margin=math.nan if below else 0.01,
        equality_share=1.0 if equal else 0.0,
        histogram=histogram,
        violations=below,
        not_a_number=0,
        counterexample=COUNTEREXAMPLE if below else None,
    )


def tightness(paper: float, critical: float | None) -> TightnessEvidence:
    shares = [0.5, 1.0, 1.5, 2.0, 2.5, 3.0]
    margins = [1e-3 if critical is None or share < critical else -0.1 * share for share in shares]
    return TightnessEvidence("tau", "1/𝖫", "descent", paper, critical, None, 3.0, shares, [*margins[:-1], -math.inf])


FULL = ClaimEvidence(
    id="lunk2026/lemma-A.2-descent",
    title="One step decreases the loss",
    statement=r"\mathcal L(\theta^+) \le \hat{\mathcal{L}}(\tilde\theta) + \frac{1}{2\delta}\sum_{g} \partial J_g",
    source="lunk2026, proof of lemma A.2",
    note="The fine level.",
    reconstructed=True,
    verdict=Verdict.SUPPORTED,
    reason="smallest margin 0.0001",
    instances=12_345,
    smallest_margin=1e-4,
    conclusions=[conclusion("descent"), conclusion("identity", equal=7)],
    adversary=AdversaryEvidence(640, 1e-3, 2e-4, 1e-4, 1.5),
    exact=ExactEvidence(200, 3),
    proof=ProofEvidence(["first step", "second step"], ["second step"], "hence the claim"),
    hypotheses=[
        HypothesisEvidence("smooth", "∇L is Lipschitz", True, 400, COUNTEREXAMPLE, ""),
        HypothesisEvidence("convex", "L is convex", False, 4000, None, "not found to be needed"),
        HypothesisEvidence("subgradient", "v ∈ ∂J_δ(θ)", None, 0, None, "nothing is defined without it"),
    ],
    tightness=tightness(1.0, 1.998),
    mutants=[MutantEvidence("soft threshold δλ", True, -0.3), MutantEvidence("wrong sign", False, None)],
    reproduce="mlbreg verify lunk2026/lemma-A.2-descent --effort quick --seed 0",
    seconds=1.5,
)


def bare(id_: str, verdict: Verdict) -> ClaimEvidence:
    """A claim with no evidence beyond its verdict."""
    return ClaimEvidence(id_, id_, "x", "a conjecture", "", False, verdict, "", 0, None)


CLAIMS = [
    FULL,
    replace(
        FULL,
        id="bungert2021/remark-3.1",
        title="Refuted",
        verdict=Verdict.REFUTED,
        reconstructed=False,
        conclusions=[conclusion("formula", below=20), conclusion("zero", below=3)],
        counterexample=replace(COUNTEREXAMPLE, conclusion="formula"),
        rechecked="−1",
        disproof=ProofEvidence(["it grows"], [], "so no constant helps"),
        smallest_margin=-0.3,
        tightness=tightness(3.0, 2.0),
    ),
    replace(
        FULL, id="bungert2021/eq-2.9", conclusions=[conclusion("equality", equal=500)], tightness=tightness(1.0, None)
    ),
    bare("bungert2021/example-3.6", Verdict.PROVED),
    replace(
        bare("lunk2026/thm-4.1", Verdict.CERTIFIED),
        certificates=[
            CertificateEvidence("descent", "a/b", "L(θ⁺) ≤ L(θ)", ("tau",), ("τ ≤ 1/𝖫",), ("a", "b", "c"), ()),
        ],
        measurements=[MeasurementEvidence("plateau", "0.1", "0.02", "enumeration")],
        tightness=replace(tightness(1.0, 1.0), certified=1.0, unit="μ/(ℓ²δ)"),
    ),
    replace(bare("lunk2026/assumption-2", Verdict.ASSUMPTION_VOID), void=VoidEvidence(10, 5, 0.1, "d = 1")),
    replace(
        bare("mine/hostile", Verdict.UNDECIDED),
        title=HOSTILE,
        statement=r"\text{<script>alert(1)</script>} \href{javascript:alert(1)}{x}",
        source=HOSTILE,
        note=HOSTILE,
        reason=HOSTILE,
        conclusions=[conclusion(HOSTILE)],
        hypotheses=[
            HypothesisEvidence(
                HOSTILE, HOSTILE, True, 1, replace(COUNTEREXAMPLE, words=HOSTILE, python=HOSTILE), HOSTILE
            )
        ],
        mutants=[MutantEvidence(HOSTILE, False, math.nan)],
        proof=ProofEvidence([HOSTILE], [HOSTILE], HOSTILE),
        reproduce=HOSTILE,
    ),
]


EXPERIMENTS = [
    EmpiricalEvidence(
        id="bungert2021/sec-4.2-ten-percent",
        title="Few weights",
        quote="only 10% of the weights",
        source="bungert2021, section 4.2",
        rule="non-zero weights of LinBreg ≤ 11",
        why="a tenth",
        chosen="λ",
        verdict=Outcome.REFUTED,
        reason="margin −2",
        conditions=[ConditionEvidence("non-zero weights of LinBreg ≤ 11", -2.0, 0.1, 0.29, Outcome.REFUTED)],
        measured=[Measured("non-zero weights of LinBreg", 10, 13.0, 0.17, 3), Measured("x", None, 1.0, None, 1)],
        epochs=[100],
        runs=["one", "two"],
        digest="1",
        recorded="supported",
        recorded_on="1",
        command="mlbreg verify bungert2021/sec-4.2-ten-percent",
    ),
    EmpiricalEvidence(
        id="lunk2026/table-2-hostile",
        title=HOSTILE,
        quote=HOSTILE,
        source=HOSTILE,
        rule=HOSTILE,
        why=HOSTILE,
        chosen=HOSTILE,
        verdict=Outcome.NOT_RUN,
        reason=HOSTILE,
        indicative=Outcome.SUPPORTED,
        runs=[HOSTILE],
        missing=[HOSTILE],
        command=HOSTILE,
    ),
]


@pytest.fixture(scope="session")
def run() -> RunEvidence:
    """Seven claims of eight that were planned; one verdict changed, one claim has no record."""
    recorded = {claim.id: str(claim.verdict) for claim in CLAIMS if claim.id != "mine/hostile"}
    return RunEvidence(
        effort="quick",
        seed=3,
        version="0.1.0",
        planned=[*(claim.id for claim in CLAIMS), "lunk2026/missing"],
        claims=CLAIMS,
        recorded={**recorded, "bungert2021/remark-3.1": "supported"},
        seconds=12.0,
        experiments=EXPERIMENTS,
    )


@pytest.fixture(scope="session")
def folder(run: RunEvidence, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of that run."""
    path: Path = tmp_path_factory.mktemp("report")
    write(run, path)
    return path
