"""The command ``tension-sim``: list, show and run published networks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from .._version import __version__
from ..errors import InvalidValueError, TensionError, message
from ..recipes.protocol import Forecast, Outcome
from ..recipes.recipe import Recipe, list_recipes, load_recipe
from .arguments import RECIPE, Name, Protocols, Set, Target, Tasks, recipe_settings
from .cache import cache_app
from .checkpoint import check_words, checkpoint_of, with_checkpoints
from .compare import compare
from .groups import grouped
from .job import Job, perform, say_dry_run
from .options import json_wanted, short_wanted, stored_run, with_from, with_json, with_short
from .remarks import say_remarks
from .report import report
from .resume import resume_by
from .terminal import OUT, plain, say, say_json
from .watch import WORDS, Words, going, refuse_words

if TYPE_CHECKING:
    from ..run import simulation

app: typer.Typer = typer.Typer(
    name="tension-sim",
    help="FORCE learning of spiking and rate networks in generated C++: published networks by one command.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.add_typer(cache_app, name="cache")
app.command()(report)
app.command()(compare)


def _load(command: str, name: str, settings: dict[str, str], protocols: Path | None, tasks: Path | None) -> Recipe:
    """Load a recipe; errors speak of the command's words."""
    try:
        return load_recipe(name, settings, short=short_wanted(), protocols=protocols, tasks=tasks)
    except TensionError as error:
        raise type(error)(str(error).replace("load_recipe.name", f"{command} NAME")) from None


@app.command("list")
@with_json
def list_command() -> None:
    """List recipes, protocols, neurons, rate units, synaptic filters, synapses and tasks."""
    from ..declare.equations import list_neurons, list_rate_units, list_synapses, load_neuron, load_synapse
    from ..recipes.protocol import list_protocols, load_protocol
    from ..tasks import list_tasks, list_trial_tasks, task_summary

    groups = {
        "recipes": [(name, load_recipe(name).summary) for name in list_recipes()],
        "protocols": [(name, load_protocol(name).summary) for name in list_protocols()],
        "neurons": [(name, load_neuron(name).summary) for name in list_neurons()],
        "rate units": [(name, load_neuron(name).summary) for name in list_rate_units()],
        "synaptic filters": [(name, load_synapse(name).summary) for name in list_synapses()],
        "synapses": [(name, load_synapse(name).summary) for name in list_synapses("synapse")],
        "tasks": [(name, task_summary(name)) for name in list_tasks()],
        "tasks in trials": [(name, task_summary(name)) for name in list_trial_tasks()],
    }
    if json_wanted():
        say_json(
            {
                heading.replace(" ", "_"): [{"name": name, "summary": text} for name, text in rows]
                for heading, rows in groups.items()
            }
        )
        return
    width = max(len(name) for rows in groups.values() for name, _ in rows)
    for heading, rows in groups.items():
        say(heading, style="bold")
        for name, summary in rows:
            say(f"  {name:{width}}  {summary}")


@app.command()
@with_short
@with_json
def show(name: Name, set_: Set = None, protocols: Protocols = None, tasks: Tasks = None) -> None:
    """Show a recipe: parameters, source, expected result, forecast."""
    from ..recipes.run import forecast, remarks
    from .settings_shown import expected_shown, recipe_shown, settings_shown

    recipe = _load("show", name, recipe_settings(set_), protocols, tasks)
    if json_wanted():
        forecasted = {"forecast": asdict(forecast(recipe)), "remarks": remarks(recipe)}
        say_json(recipe_shown(recipe) | forecasted)
        return
    say(recipe.name, style="bold")
    for label, text in (
        ("summary", recipe.summary),
        ("protocol", f"{recipe.protocol.name}: {recipe.protocol.summary}"),
        ("source", recipe.source),
        ("script", recipe.script),
        ("notes", recipe.notes),
    ):
        if text:
            say(f"{label}: {text}")
    table = Table(box=None, pad_edge=False, show_header=False)
    for setting, value, note in settings_shown(recipe):
        table.add_row(plain(setting), plain(value), plain(note))
    for name, shown in expected_shown(recipe):
        table.add_row(plain(name), plain(shown))
    OUT.print(table)
    _print_forecast(forecast(recipe), "cpp_standalone", recipe)


def _print_forecast(expected: Forecast, target: str, recipe: Recipe) -> None:
    """Say what a run will take, and what it will lack."""
    minutes = expected.seconds / 60
    duration = f"{expected.seconds:.0f} s"
    if minutes >= 2:
        duration = f"{minutes:.0f} min" if minutes < 120 else f"{minutes / 60:.1f} h"
    memory = expected.memory / 1e6
    size = f"{memory:.0f} MB" if memory < 1e4 else f"{memory / 1e3:.6g} GB"
    say(f"forecast: about {duration} on {target} once built, {size} of memory")
    if recipe.short is not None and not short_wanted():
        say(f"a shorter run of it: tension-sim run {recipe.name} --short")
    say_remarks(recipe)


@app.command()
@with_checkpoints
@with_short
@with_json
@with_from
@grouped
def run(
    name: Annotated[str | None, RECIPE] = None,
    set_: Set = None,
    target: Target = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Seed of all random draws.")] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for the figure, results and summary.json (default: results/NAME); other files stay."),
    ] = None,
    overwrite: Annotated[
        bool,
        typer.Option("--overwrite", help="Replace results of other settings; those of the same ones always are."),
    ] = False,
    format_: Annotated[
        list[str] | None,
        typer.Option("--format", help="Of the results: h5 (default), nwb, nix, npz, or another; may be repeated."),
    ] = None,
    protocols: Protocols = None,
    tasks: Tasks = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check everything, run nothing.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Run even if memory or time may not suffice.")] = False,
    words: Words = WORDS,
) -> None:
    """Run a recipe, or go on with a stored run, and leave figure, numbers and results in a folder."""
    from ..recipes import run as runs
    from .continued import run_from

    known = _checked_words(name, target, seed)
    formats = runs.check_formats(format_ or ())
    if (stored := stored_run()) is not None:
        refuse_words(words)
        chosen = {"target": target, "out": out, "overwrite": overwrite, "formats": formats, "dry_run": dry_run}
        run_from(stored, recipe_settings(set_), chosen, protocols, tasks)
        return
    recipe = _load("run", name or "", recipe_settings(set_, seed), protocols, tasks)
    goes = going(words, recipe)
    folder = out if out is not None else Path("results") / recipe.name.rpartition("/")[2].removesuffix(".toml")
    folder = runs.check_folder(folder, recipe, overwrite=overwrite)
    expected = runs.forecast(recipe, target or "cpp_standalone")
    told: dict[str, object] = {"recipe": recipe.name, "forecast": asdict(expected), "remarks": runs.remarks(recipe)}
    if not json_wanted():
        _print_forecast(expected, target or "cpp_standalone", recipe)
    options = {"target": known, "force": force, "expected": expected}
    if dry_run:
        goes.check(recipe, **options)
        say_dry_run(recipe.name, expected.steps, folder, told)
        return
    runs.check_forecast(recipe, known, force, expected)  # before there is a folder
    note: dict[str, object] = {"name": name, "set": set_ or [], "seed": seed, "target": target, "formats": formats}
    note |= {"short": short_wanted(), "protocols": protocols, "tasks": tasks, **goes.note}
    checkpoint = checkpoint_of(folder, expected, note, overwrite=overwrite)

    def compute(progress: Callable[[int, int], None]) -> Outcome:
        return goes.run(recipe, progress=progress, checkpoint=checkpoint, **options)

    told |= {"expected": recipe.expected, "dry_run": False}
    numbers = (recipe.protocol.expected, recipe.expected)
    perform(Job(recipe.name, expected.steps, folder, formats, compute, *numbers, told, checkpoint, goes.above))


def _checked_words(name: str | None, target: str | None, seed: int | None) -> simulation.Target | None:
    """Refuse words that do not go together, and a target that there is not; return the target."""
    from ..run.simulation import target_named

    check_words()
    stored = stored_run()
    if (name is None) == (stored is None):
        received, fix = {"NAME": name, "--from": stored and str(stored)}, "e.g. tension-sim run lif_sine."
        raise InvalidValueError(message("run", "NAME, or --from FILE", received, fix))
    if stored is not None and short_wanted():
        fix = "leave it out, or choose a duration by --set duration=..."
        raise InvalidValueError(message("run --from", "no --short", "--short", fix))
    if stored is not None and seed is not None:
        raise InvalidValueError(message("run --from", "no --seed", seed, "leave it out: it is that of the file."))
    return target_named("run --target", target)


app.command("resume")(with_json(resume_by(run)))


@app.callback(invoke_without_command=True)
def callback(
    version: Annotated[bool, typer.Option("--version", help="Show the version.", is_eager=True)] = False,
) -> None:
    """FORCE learning of spiking and rate networks in generated C++: published networks by one command."""
    if version:
        say(f"tension-sim {__version__}")
        raise typer.Exit
