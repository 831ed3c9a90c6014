"""The command ``tension-sim``: list, show and run published networks."""

from .commands import app, main
from .sweep import sweep

app.command()(sweep)

__all__ = ["app", "main"]
