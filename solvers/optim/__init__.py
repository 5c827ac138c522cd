"""The torch side: optimizers that are LinBreg and its relatives, step for step, and fit where torch.optim.SGD fits."""
