"""The imaging studies: multilevel against single-level Bregman proximal gradient, and LinBreg's phase diagram."""
