"""The target ``"tensorflow"`` of declared networks: a circuit as one loop over time steps."""
