"""How many examples hypothesis draws for these tests; always the same ones."""

from hypothesis import settings

few = settings(max_examples=25, derandomize=True, deadline=None, database=None)
