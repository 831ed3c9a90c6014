"""The command ``tension-sim``: list, show and run published networks."""

from .entry import main

__all__ = ["main"]
