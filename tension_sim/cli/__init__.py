"""The command ``tension-sim``: list, show and run published networks."""

from .commands import app, main
from .plot import plot
from .sweep import sweep
from .tune import tune

app.command()(sweep)
app.command()(tune)
app.command()(plot)

__all__ = ["app", "main"]
