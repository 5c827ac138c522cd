"""check_regularizer, check_loss, check_reference, and the pytest decorator over all three."""
from __future__ import annotations
