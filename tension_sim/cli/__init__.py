"""The command ``tension-sim``: list, show and run published networks."""

from .commands import app, main

__all__ = ["app", "main"]
