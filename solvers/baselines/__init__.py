"""The methods that LinBreg is compared with, as torch optimizers that are used as it is.

optimizer                                     | masks                                   | source
----------------------------------------------|-----------------------------------------|---------------------------------
`lasso.Lasso`                                 | none: a subgradient, then a threshold   | bungert2021 section 4.4
`static_sparse.StaticSparse`                  | drawn once                              | Evci et al. 2020, "static"
`sparse_evolutionary_training.SET`            | smallest dropped, others grown at random | Mocanu et al. 2018
`rigl.RigL`                                   | smallest dropped, steepest grown        | Evci et al. 2020
`gradual_pruning.GradualPruning`              | pruned step by step, cubic schedule     | Zhu & Gupta 2017
`prune_and_fine_tune.PruneAndFineTune`        | pruned once                             | lunk2026 section 4
`ac_dc.ACDC`                                  | compressed and decompressed in turns    | Peste et al. 2021
`granet.GraNet`                               | pruned step by step and regenerated     | Liu et al. 2021

Dense SGD and Adam are torch.optim's. Each optimizer here lets one of torch's own take the steps, see `wrapped`.
"""
