"""Checks that tell whether a regularizer or a loss is right."""
