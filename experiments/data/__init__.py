"""The data sets: where their files are, what must be in them, and batches of tensors out of memory."""
