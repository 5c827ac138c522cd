"""Losses with known constants."""
