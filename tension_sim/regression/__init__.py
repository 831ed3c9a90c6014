"""Fit weights to recorded rates by regression, without running the network; numpy and scipy alone."""
