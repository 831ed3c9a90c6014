"""All commands of ``tension-sim``."""

from .commands import app
from .plot import plot
from .sweep import sweep
from .tune import tune

app.command()(sweep)
app.command()(tune)
app.command()(plot)

__all__ = ["app"]
