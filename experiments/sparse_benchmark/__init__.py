"""``make bench-sparse``: what the sparse layers of the CPU gain, measured side by side with what else there is."""
