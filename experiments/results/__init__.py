"""Stored runs: what a table or a figure needs of a run, as text; the reviewed ones lie here as JSON lines."""
