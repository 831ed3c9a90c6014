"""What a run will not show because of its settings, told before it begins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .options import json_wanted
from .terminal import ERR, say

if TYPE_CHECKING:
    from ..recipes.recipe import Recipe

__all__ = ["say_remarks"]


def say_remarks(recipe: Recipe) -> None:
    """Print that a run of these settings learns nothing, or has no test; nothing where JSON is wanted."""
    from ..recipes.verdict import remarks

    if not json_wanted():
        for remark in remarks(recipe):
            say(remark, ERR, "yellow")
