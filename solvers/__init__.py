"""The algorithms: NumPy references and, beside each, the torch optimizer that is the same update."""
