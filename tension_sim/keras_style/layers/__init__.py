"""Layers that FORCE learning can train: rate units and spiking neurons, of equation files or of a user's code."""
