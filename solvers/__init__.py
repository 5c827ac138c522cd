"""The algorithms: NumPy references and, beside each, the torch optimizer that is the same update.

`trace` what a run returns · `step_sizes` schedules · `oracles` gradients and their estimates · `linbreg` · `momentum` ·
`adabreg` · `proxgd` · `bregman_iteration` · `mirror_descent` · `multilevel` with `selections` and `criteria` ·
`variance_reduced` · `inverse_scale_space` · `bregman_proximal_gradient` · `multilevel_bpgd` (ML BPGD, MGOPT) on `levels`
with `armijo`, `coarse_model`, `coarse_correction` and `progress`

    from mlbreg.solvers import linbreg

    start = linbreg.init(problem.elastic_net, theta)
    trace = linbreg.run(problem, start, step_sizes=0.1, iterations=100)
"""
