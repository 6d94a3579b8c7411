"""Is a model good enough for a line? Contracts, the thresholds that keep them, and what can be proven of it."""
