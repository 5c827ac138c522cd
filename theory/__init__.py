"""What the papers talk about: regularizers, mirror map, divergences, losses, assumptions and inequalities as margins."""
