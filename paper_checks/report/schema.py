"""The schema of ``report.json`` as data: what docs/report.md prints and what `violations` checks.

A type is one of ``string``, ``integer``, ``number`` (a JSON number, or the strings "inf", "-inf" and "nan", which JSON has
no numbers for), ``boolean``, ``any``, the name of an object below, ``list of T``, ``map of T`` (by string keys) and
``T or null``.
"""

from __future__ import annotations

from typing import Any

#: Raised when a field changes its meaning or goes; a new field does not raise it.
VERSION = 2

Fields = dict[str, tuple[str, str]]

SCHEMA: dict[str, Fields] = {
    "Report": {
        "schema": ("integer", "version of this schema"),
        "mlbreg": ("string", "version of mlbreg that judged"),
        "effort": ("string", "quick, standard or thorough"),
        "seed": ("integer", "seed of the run; the same seed, effort and version give the same evidence"),
        "planned": ("list of string", "ids of the claims that the run was asked to judge"),
        "complete": ("boolean", "every planned claim was judged"),
        "instances": ("integer", "instances judged in all"),
        "instances_per_second": ("number or null", "instances by the seconds of all claims: the rate of one worker"),
        "seconds": ("number", "wall time of the run"),
        "verdicts": ("map of integer", "how many claims have each verdict"),
        "mutants": ("Tally", "mutants over all claims"),
        "changed": ("list of Change", "claims whose verdict is not the recorded one"),
        "histogram_edges": ("list of number", "bin edges of every histogram of margins; see Conclusion"),
        "tolerance": ("number", "a margin in floating point counts as violated below minus this"),
        "claims": ("map of Claim", "the evidence by claim id, in the order of judging"),
        "experiments": ("map of Experiment", "claims about experiments by claim id, judged from stored runs"),
        "experiment_verdicts": ("map of integer", "how many of them have each verdict"),
        "assumptions": ("Assumptions", "which assumptions hold for which loss and regularizer"),
        "rates": ("list of RateStudy", "measured decay of the solvers on toy problems beside the rates of theorems"),
    },
    "Tally": {
        "killed": ("integer", "planted bugs that the check noticed"),
        "of": ("integer", "planted bugs"),
    },
    "Change": {
        "id": ("string", "claim id"),
        "recorded": (
            "string or null",
            "the reviewed verdict; null when none is recorded, or for an experiment none on the same runs",
        ),
        "found": ("string", "the verdict of this run"),
    },
    "Claim": {
        "paper": ("string", "the part of the id before the slash"),
        "title": ("string", "a short name"),
        "statement": ("string", "the statement in LaTeX"),
        "source": ("string", "paper and place"),
        "note": ("string", "what is judged, in words"),
        "reconstructed": ("boolean", "the statement is our reconstruction of a garbled source"),
        "verdict": ("string", "proved, certified, supported, refuted, assumption void or undecided"),
        "recorded_verdict": ("string or null", "the reviewed verdict; null when none is recorded"),
        "reason": ("string", "why this verdict"),
        "instances": ("integer", "instances judged, at random, by the adversary and exactly"),
        "smallest_margin": ("number or null", "smallest margin in floating point; null when it is not finite"),
        "conclusions": ("list of Conclusion", "margins by conclusion"),
        "adversary": ("Adversary or null", "minimising the margin; null where nothing is continuous"),
        "exact": ("Exact or null", "instances in rational arithmetic"),
        "proof": ("Proof or null", "symbolic proof"),
        "disproof": ("Proof or null", "for a refuted statement about a limit: why no other constant helps"),
        "void": ("Void or null", "a witness against the hypotheses"),
        "certificates": ("list of Certificate", "stored dual certificates about this claim"),
        "counterexample": ("Counterexample or null", "an instance that violates the claim"),
        "hypotheses": ("list of Hypothesis", "what happens when each hypothesis is dropped"),
        "rechecked": (
            "string or null",
            "right minus left side of a stored counterexample, by plain arithmetic outside the engine",
        ),
        "tightness": ("Tightness or null", "how far the step size can be pushed"),
        "measurements": ("list of Measurement", "numbers beside the paper's"),
        "mutants": ("Mutants", "planted bugs of this claim"),
        "command": ("string", "command that judges this claim again"),
        "seconds": ("number", "time spent on the claim"),
        "figures": ("Figures", "figures of this claim"),
    },
    "Conclusion": {
        "name": ("string", "name of the conclusion; empty when the claim has one"),
        "instances": ("integer", "random instances"),
        "smallest_margin": ("number", "smallest margin; negative means violated"),
        "median_margin": ("number", "median margin"),
        "equality_share": ("number", "share of the instances on which both sides agree to rounding"),
        "histogram": (
            "list of integer",
            "instances by sign(m)·max(0, 12 + log₁₀|m|), m the margin, in bins of histogram_edges",
        ),
        "violations": ("integer", "instances with a margin below minus the tolerance"),
        "not_a_number": ("integer", "instances on which the margin is not a number"),
        "counterexample": ("Counterexample or null", "a minimal exact instance that violates this conclusion"),
    },
    "Adversary": {
        "evaluations": ("integer", "margins evaluated"),
        "by_chance": ("number", "smallest margin among the random instances"),
        "by_evolution": ("number", "smallest margin after an evolution strategy from the worst of them"),
        "by_search": ("number", "smallest margin after descent along gradients, too"),
        "decades": (
            "number or null",
            "powers of ten by which margins came closer to zero, in the median; null when all were equalities",
        ),
    },
    "Exact": {
        "instances": ("integer", "instances judged in rational arithmetic"),
        "irrational": ("integer", "instances drawn again because a root was not rational"),
    },
    "Proof": {
        "steps": ("list of string", "steps, each an identity verified by sympy"),
        "failing": ("list of string", "steps that do not hold; empty when the proof stands"),
        "conclusion": ("string", "how the steps give the claim"),
    },
    "Void": {
        "instances": ("integer", "random problems on which the witness was tried"),
        "exact": ("integer", "problems in rational arithmetic on which it was tried"),
        "smallest_margin": ("number", "smallest margin of the witness; negative means that it fails"),
        "witness": ("string", "the simplest problem on which it works"),
    },
    "Certificate": {
        "name": ("string", "name of the certificate"),
        "claim": ("string", "claim id"),
        "statement": ("string", "the inequality that it proves, which may be a part of the claim"),
        "parameters": ("list of string", "the parameters that it holds for"),
        "conditions": ("list of string", "what they must fulfil"),
        "steps": ("list of string", "identities and signs that were verified"),
        "failing": ("list of string", "those that do not hold; empty when the certificate stands"),
    },
    "Measurement": {
        "quantity": ("string", "what is measured"),
        "paper": ("string", "the paper's value; empty where there is none"),
        "measured": ("string", "ours"),
        "how": ("string", "how it came about"),
    },
    "Counterexample": {
        "conclusion": ("string", "the conclusion that is violated"),
        "margin": ("string", "the margin, a fraction when exact"),
        "margin_value": ("number", "the margin as a decimal number"),
        "words": ("string", "the instance in one line"),
        "values": ("map of any", "the instance by name: exact numbers as strings, arrays as lists, objects as Python"),
        "python": ("string", "the instance as Python keyword arguments of the claim's margin function"),
        "exact": ("boolean", "all numbers are rational and the margin is exact"),
        "command": ("string", "command that finds it again"),
    },
    "Hypothesis": {
        "name": ("string", "name of the hypothesis"),
        "statement": ("string", "what it asks for"),
        "needed": (
            "boolean or null",
            "true: the claim fails without it; false: no failure found; null: cannot be dropped",
        ),
        "instances": ("integer", "instances judged without it"),
        "witness": ("Counterexample or null", "an instance without the hypothesis on which the conclusion fails"),
        "remark": ("string", "why it cannot be dropped, or how hard was looked"),
    },
    "Tightness": {
        "parameter": ("string", "the step size that is varied"),
        "unit": ("string", "what step sizes are multiples of: 1/𝖫 or another"),
        "conclusion": ("string", "the conclusion that is watched"),
        "paper_limit": ("number", "the paper's limit in that unit"),
        "critical": ("number or null", "where the margin first turns negative, same units; null when it never does"),
        "certified": ("number or null", "the limit that a certificate covers, same units"),
        "searched_up_to": ("number", "the largest step size tried, same units"),
        "shares": ("list of number", "step sizes of the curve, same units"),
        "smallest_margins": ("list of number", "smallest margin at each of them"),
    },
    "Mutants": {
        "killed": ("integer", "planted bugs that the check noticed"),
        "of": ("integer", "planted bugs"),
        "list": ("list of Mutant", "each of them"),
    },
    "Mutant": {
        "name": ("string", "the planted bug"),
        "killed": ("boolean", "a conclusion that held turned negative"),
        "smallest_margin": ("number or null", "smallest margin with the bug in place"),
    },
    "Figures": {
        "margins": ("string or null", "distribution of the margins; null when every margin is zero to rounding"),
        "tightness": ("string or null", "smallest margin against the step size"),
    },
    "Experiment": {
        "paper": ("string", "the part of the id before the slash"),
        "title": ("string", "a short name"),
        "quote": ("string", "what the paper says; of a table, its row"),
        "source": ("string", "paper and place"),
        "rule": ("string", "the acceptance rule in words, made of the conditions that are judged"),
        "why": ("string", "where its tolerances come from"),
        "chosen": ("string", "what the paper does not say, and what was taken"),
        "verdict": ("string", "supported, refuted, undecided or not run"),
        "reason": ("string", "why this verdict"),
        "indicative": ("string or null", "what runs that do not count would say; null where there are none"),
        "conditions": ("list of Condition", "the rule, condition by condition; empty where runs are missing"),
        "measured": ("list of Measured", "means over seeds beside the paper's numbers"),
        "epochs": ("list of integer", "of the runs; one number where all were trained as long"),
        "runs": ("list of string", "names of the stored runs"),
        "missing": ("list of string", "commands for the runs that would decide"),
        "digest": ("string", "of the runs; empty without any"),
        "command": ("string", "command that judges this claim again"),
        "recorded_verdict": ("string or null", "the reviewed verdict; null when none is recorded"),
        "changed": ("boolean", "another verdict than the reviewed one, from the same runs"),
        "reviewed": ("boolean", "the verdict on record was set on these runs, or there is nothing to review"),
    },
    "Condition": {
        "condition": ("string", "in words"),
        "margin": ("number", "by how much it holds, in percent or points; negative when it does not"),
        "error": ("number or null", "standard error of the margin over the seeds; null with one seed"),
        "needed": ("number", "how far from 0 the margin must be: Student's one-sided 95 % quantile times the error"),
        "outcome": ("string", "supported, refuted or undecided"),
    },
    "Measured": {
        "quantity": ("string", "what is measured, in percent but for seconds"),
        "paper": ("number or null", "the paper's number; null where it has none"),
        "mean": ("number", "over seeds"),
        "deviation": ("number or null", "sample standard deviation over seeds; null with one"),
        "seeds": ("integer", "how many"),
    },
    "Assumptions": {
        "statements": ("map of string", "the assumptions by name"),
        "table": ("list of AssumptionRow", "a row for each pair of loss and regularizer"),
        "coverage": ("list of Coverage", "which theorems cover which experiment"),
    },
    "AssumptionRow": {
        "loss": ("string", "kind of loss"),
        "regularizer": ("string", "kind of regularizer"),
        "delta": ("number", "δ"),
        "entries": ("list of AssumptionEntry", "in the order of statements"),
    },
    "AssumptionEntry": {
        "assumption": ("string", "name of the assumption"),
        "status": ("string", "holds, holds on search, fails or unknown"),
        "reason": ("string", "why"),
        "constants": ("list of AssumptionConstant", "empty where it fails"),
        "witness": ("AssumptionWitness or null", "points that contradict it"),
    },
    "AssumptionConstant": {
        "symbol": ("string", "its symbol"),
        "value": ("number or null", "the value that is guaranteed"),
        "formula": ("string", "where it comes from"),
        "searched": ("number or null", "the bound from the other side, by search"),
        "sharp": ("boolean", "the two agree to 1 %"),
    },
    "AssumptionWitness": {
        "words": ("string", "the points in words"),
        "theta": ("list of number or null", "θ"),
        "theta_tilde": ("list of number or null", "θ̃"),
        "v": ("list of number or null", "v"),
        "tau": ("number or null", "τ"),
    },
    "Coverage": {
        "experiment": ("string", "what is run"),
        "source": ("string", "paper and place"),
        "loss": ("string", "loss of the stand-in"),
        "regularizer": ("string", "regularizer of the stand-in"),
        "stand_in": ("string", "what stands for it"),
        "theorems": ("list of Covered", "each theorem"),
    },
    "Covered": {
        "theorem": ("string", "name of the theorem"),
        "covered": ("boolean", "all its assumptions hold"),
        "missing": ("list of string", "those that do not"),
        "why": ("string", "the reasons"),
    },
    "RateStudy": {
        "name": ("string", "short name"),
        "title": ("string", "one line"),
        "problem": ("string", "the problems in words"),
        "constants": ("map of number", "the constants that the predictions are made of"),
        "cases": ("list of RateCase", "solvers on these problems"),
    },
    "RateCase": {
        "name": ("string", "short name, unique in its study"),
        "solver": ("string", "name of the solver"),
        "settings": ("string", "the problem of the study, and the solver's settings, in words"),
        "quantity": ("string", "what is measured"),
        "counted": ("string", "what k counts"),
        "prediction": ("RatePrediction or null", "the theorem's rate; null where no theorem gives one"),
        "fit": ("RateFit or null", "the measured law; null when none could be fitted"),
        "curves": ("list of RateCurve", "what was measured; several for several step sizes"),
        "worst_ratio": ("number or null", "largest value by its bound after step 0; null where no bound is drawn"),
        "verdict": (
            "string",
            "as predicted, faster, slower, not covered (an assumption is void), no prediction or not determined",
        ),
        "remark": ("string", "what is worth knowing about the outcome"),
        "error": ("string or null", "why the run stopped; null when it ended well"),
        "figure": ("string", "figure of this case"),
    },
    "RatePrediction": {
        "statement": ("string", "the rate in LaTeX"),
        "source": ("string", "where it is proved"),
        "claim": ("string", "id of the claim; empty when it is not a statement of the papers"),
        "law": ("string", "linear: qᵏ; stretched: exp(−c kˢ); power: k⁻ᵖ; plateau: a level ∝ (step size)ᵉ"),
        "value": ("number or null", "q, c, p or e; null where the theorem gives no number"),
        "covered": ("boolean", "false when an assumption of the theorem is void here"),
    },
    "RateFit": {
        "law": ("string", "as in RatePrediction"),
        "value": ("number", "q, c, p or e"),
        "low": ("number", "lower end of its interval"),
        "high": ("number", "upper end of its interval"),
        "first": ("integer", "first k of the fit"),
        "last": ("integer", "last k of the fit"),
        "how": ("string", "what the interval is"),
        "stretch": ("number or null", "s of a stretched exponential"),
    },
    "RateCurve": {
        "label": ("string", "what tells it from the others of its case"),
        "step_size": ("number or null", "the step size that is varied"),
        "steps": ("list of integer", "k"),
        "values": ("list of number", "the mean over starts or random runs, or the exact expectation"),
        "half_widths": ("list of number", "half of Student's 95 % interval of the mean; empty where nothing is random"),
        "bound": ("list of number", "the theorem's bound at the same k; empty where there is none"),
        "level": ("number or null", "mean over the last quarter of the run of a curve that comes to rest"),
        "bound_level": ("number or null", "the bound at the last step of such a curve"),
    },
}


def violations(document: Any, kind: str = "Report", path: str = "report") -> list[str]:
    """Where ``document`` departs from the schema, as sentences; empty when it does not."""
    if kind.endswith(" or null"):
        return [] if document is None else violations(document, kind.removesuffix(" or null"), path)
    if kind.startswith("list of "):
        if not isinstance(document, list):
            return [f"{path} must be a list, got {document!r}"]
        return [line for i, entry in enumerate(document) for line in violations(entry, kind[8:], f"{path}[{i}]")]
    if kind.startswith("map of "):
        if not isinstance(document, dict):
            return [f"{path} must be a map, got {document!r}"]
        return [line for key, entry in document.items() for line in violations(entry, kind[7:], f"{path}[{key!r}]")]
    if kind in SCHEMA:
        return _object_violations(document, kind, path)
    fits = {
        "string": isinstance(document, str),
        "integer": isinstance(document, int) and not isinstance(document, bool),
        "number": (isinstance(document, int | float) and not isinstance(document, bool))
        or document in ("inf", "-inf", "nan"),
        "boolean": isinstance(document, bool),
        "any": True,
    }[kind]
    return [] if fits else [f"{path} must be of type {kind}, got {document!r}"]


def _object_violations(document: Any, kind: str, path: str) -> list[str]:
    if not isinstance(document, dict):
        return [f"{path} must be an object {kind}, got {document!r}"]
    fields = SCHEMA[kind]
    found = [f"{path} lacks {name}" for name in fields if name not in document]
    found += [f"{path} has {name}, which {kind} does not know" for name in document if name not in fields]
    for name, (type_, _) in fields.items():
        if name in document:
            found += violations(document[name], type_, f"{path}.{name}")
    return found


def tables() -> str:
    """The schema in Markdown, as docs/report.md has it."""
    parts = []
    for kind, fields in SCHEMA.items():
        rows = [f"| `{name}` | {type_} | {meaning} |" for name, (type_, meaning) in fields.items()]
        parts.append("\n".join([f"### {kind}", "", "| field | type | meaning |", "|---|---|---|", *rows]))
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    print(tables(), end="")
