"""Callbacks of ``fit`` and ``predict``."""
