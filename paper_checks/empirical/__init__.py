"""The claims of the papers' experiments, judged from stored runs: supported, refuted, undecided or not run.

They are siblings of the claims about mathematics and not of their kind: there is nothing to draw instances from and no
hypothesis to drop, and what stands in for a margin is a mean over seeds. So they have records of their own (TOML files in this
folder), a rule in the place of a margin function, and a judge that reads numbers; command, report and the idea of a recorded
verdict are shared. The runs are read as data: nothing here imports the experiments, or torch.

    claims.toml's conditions ─┐
    stored runs ──────────────┴─ judge ─→ evidence ─→ report, and the comparison with recorded.toml
"""
