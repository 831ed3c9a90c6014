"""The command ``tension-sim cache``: show the compiled programs that are kept, and clear them."""

from __future__ import annotations

import time
from typing import Annotated

import typer
from rich.table import Table

from ..errors import InvalidValueError, message, unknown_name
from .options import json_wanted, with_json
from .terminal import OUT, plain, say, say_json

__all__ = ["cache_app"]

cache_app: typer.Typer = typer.Typer(
    help="Show the compiled programs that are kept, or clear them.",
    invoke_without_command=True,
    rich_markup_mode=None,
)

_DAY = 86400.0


@cache_app.callback()
@with_json
def show(context: typer.Context) -> None:
    """Show folder, size and programs: key, recipe, target, size, built when, last used."""
    if context.invoked_subcommand is not None:
        return
    from ..run.cache import cache_folder
    from ..run.entries import list_entries

    entries, folder = list_entries(), cache_folder()
    size = sum(entry.size for entry in entries)
    if json_wanted():
        described = [entry.describe() for entry in entries]
        say_json({"folder": str(folder), "size": size, "programs": described})
        return
    say(f"folder: {folder}")
    say(f"size: {_size(size)} in {len(entries)} programs")
    if not entries:
        return
    table = Table("key", "for", "target", "size", "built", "last used", box=None, pad_edge=False, header_style="bold")
    for entry in entries:
        days = (time.strftime("%Y-%m-%d", time.localtime(when)) for when in (entry.built, entry.used))
        name, target = entry.made_for or "an earlier version", entry.target or "?"
        table.add_row(entry.folder.name[:12], plain(name), plain(target), _size(entry.size), *days)
    OUT.print(table)


@cache_app.command()
@with_json
def clear(
    older_than: Annotated[
        float | None, typer.Option("--older-than", metavar="DAYS", help="Those not used for so many days.")
    ] = None,
    recipe: Annotated[str | None, typer.Option("--recipe", metavar="NAME", help="Those built for a recipe.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="All of them.")] = False,
) -> None:
    """Remove compiled programs, by age, by recipe, or all; a run that goes on is not disturbed."""
    from ..run.entries import list_entries, remove_entries, sweep

    if everything == (older_than is not None or recipe is not None):
        received = {"--older-than": older_than, "--recipe": recipe, "--all": everything}
        fix = "e.g. tension-sim cache clear --older-than 30, or tension-sim cache clear --all."
        raise InvalidValueError(message("cache clear", "--older-than or --recipe or both, or --all", received, fix))
    if older_than is not None and not older_than >= 0:
        raise InvalidValueError(message("cache clear --older-than", "a number of days, at least 0", older_than))
    entries = list_entries()
    if recipe is not None:
        known = {entry.made_for for entry in entries if entry.made_for}
        if recipe not in known:
            raise unknown_name("cache clear --recipe", "recipe of a compiled program", recipe, known)
        entries = [entry for entry in entries if entry.made_for == recipe]
    if older_than is not None:
        entries = [entry for entry in entries if time.time() - entry.used >= older_than * _DAY]
    removed, left = remove_entries(entries)
    drafts, size = sweep(), sum(entry.size for entry in removed)
    if json_wanted():
        described = {"removed": [entry.describe() for entry in removed], "left": [entry.describe() for entry in left]}
        say_json(described | {"size": size, "unfinished": drafts})
        return
    say(f"removed: {len(removed)} programs, {_size(size)}" + (f"; {drafts} unfinished builds" if drafts else ""))
    for entry in left:
        say(f"left: {entry.folder} belongs to another user")


def _size(size: int) -> str:
    return f"{size / 1e6:.1f} MB" if size < 1e9 else f"{size / 1e9:.2f} GB"
