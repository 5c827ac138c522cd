"""Sparse layers on the CPU: networks whose weights are mostly zero, forward and backward, at the cost of the others."""
