"""The command ``tension-sim``: list, show and run published networks."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from .._version import __version__
from ..declare.checkpoint import Checkpoint
from ..errors import DivergenceError, InvalidValueError, OutputError, TensionError, message, unknown_name
from ..recipes.protocol import Forecast, Number, Outcome
from ..recipes.recipe import Recipe, list_recipes, load_recipe
from ..system.interrupts import Interrupts, exit_status
from .cache import cache_app
from .checkpoint import checkpoint_of, with_checkpoints
from .resume import resume_by
from .terminal import ERR, OUT, plain, say

app = typer.Typer(
    name="tension-sim",
    help="FORCE learning of spiking and rate networks in generated C++: published networks by one command.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.add_typer(cache_app, name="cache")


def _complete(incomplete: str) -> list[str]:
    """Return the recipes that begin so, by their full or short names."""
    names = list_recipes()
    return [name for full in names for name in (full, full.rpartition("/")[2]) if name.startswith(incomplete)]


Name = Annotated[
    str,
    typer.Argument(help="Recipe, e.g. lif_sine, or the path of a recipe file.", autocompletion=_complete),
]
Set = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help='Change a setting, e.g. --set "tau_decay=50*ms".')
]
Protocols = Annotated[
    Path | None, typer.Option("--protocols", help="Folder of your own protocols: its Python code is run.")
]
Tasks = Annotated[Path | None, typer.Option("--tasks", help="Folder of your own tasks: its Python code is run.")]
Target = Annotated[
    str | None,
    typer.Option(help="numpy, cython, cpp_standalone, cuda_standalone or tensorflow (default: C++ where it can)."),
]


def _settings(pairs: list[str] | None, seed: int | None = None) -> dict[str, str]:
    settings = {}
    for pair in pairs or []:
        key, equals, value = pair.partition("=")
        if not equals or not key.strip() or not value.strip():
            fix = 'e.g. --set G=0.05 or --set "duration=2*second".'
            raise InvalidValueError(message("run --set", "KEY=VALUE", pair, fix))
        settings[key.strip()] = value.strip()
    if seed is not None:
        settings["run.seed"] = str(seed)
    return settings


def _load(command: str, name: str, settings: dict[str, str], protocols: Path | None, tasks: Path | None) -> Recipe:
    """Load a recipe; errors speak of the command's words."""
    try:
        return load_recipe(name, settings, protocols=protocols, tasks=tasks)
    except TensionError as error:
        raise type(error)(str(error).replace("load_recipe.name", f"{command} NAME")) from None


@app.command("list")
def list_command() -> None:
    """List recipes, protocols, neurons, rate units, synaptic filters and tasks."""
    from ..declare.equations import list_neurons, list_rate_units, list_synapses, load_neuron, load_synapse
    from ..recipes.protocol import list_protocols, load_protocol
    from ..tasks import list_tasks, list_trial_tasks, task_summary

    groups = (
        ("recipes", [(name, load_recipe(name).summary) for name in list_recipes()]),
        ("protocols", [(name, load_protocol(name).summary) for name in list_protocols()]),
        ("neurons", [(name, load_neuron(name).summary) for name in list_neurons()]),
        ("rate units", [(name, load_neuron(name).summary) for name in list_rate_units()]),
        ("synaptic filters", [(name, load_synapse(name).summary) for name in list_synapses()]),
        ("tasks", [(name, task_summary(name)) for name in list_tasks()]),
        ("tasks in trials", [(name, task_summary(name)) for name in list_trial_tasks()]),
    )
    width = max(len(name) for _, rows in groups for name, _ in rows)
    for heading, rows in groups:
        say(heading, style="bold")
        for name, summary in rows:
            say(f"  {name:{width}}  {summary}")


@app.command()
def show(name: Name, set_: Set = None, protocols: Protocols = None, tasks: Tasks = None) -> None:
    """Show a recipe: parameters, source, expected result, forecast."""
    from ..recipes.run import forecast
    from .settings_shown import settings_shown

    recipe = _load("show", name, _settings(set_), protocols, tasks)
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
    for key, value in recipe.expected.items():
        table.add_row(plain(f"expected.{key}"), plain(value if key == "reference" else _expected(recipe, key)))
    OUT.print(table)
    _print_forecast(forecast(recipe), "cpp_standalone")
    _say_remarks(recipe)


def _range(ends: tuple[float, ...]) -> str:
    return " to ".join(f"{end:g}" for end in ends)


def _expected(recipe: Recipe, name: str) -> str:
    return _range(recipe.expected[name]) + _SYMBOLS.get(recipe.protocol.expected[name].unit, "")


def _say_remarks(recipe: Recipe) -> None:
    from ..recipes.verdict import remarks

    for remark in remarks(recipe):
        say(remark, ERR, "yellow")


def _print_forecast(expected: Forecast, target: str) -> None:
    minutes = expected.seconds / 60
    duration = f"{expected.seconds:.0f} s"
    if minutes >= 2:
        duration = f"{minutes:.0f} min" if minutes < 120 else f"{minutes / 60:.6g} h"
    memory = expected.memory / 1e6
    size = f"{memory:.0f} MB" if memory < 1e4 else f"{memory / 1e3:.6g} GB"
    say(f"forecast: about {duration} on {target} once built, {size} of memory")


@app.command()
@with_checkpoints
def run(
    name: Name,
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
) -> None:
    """Run a recipe and leave figure, numbers and results in a folder."""
    from ..recipes import run as runs
    from ..run.simulation import TARGETS

    if target is not None and target not in TARGETS:
        raise unknown_name("run --target", "target", target, TARGETS)
    formats = runs.check_formats(format_ or ())
    recipe = _load("run", name, _settings(set_, seed), protocols, tasks)
    folder = out if out is not None else Path("results") / recipe.name.rpartition("/")[2].removesuffix(".toml")
    folder = runs.check_folder(folder, recipe, overwrite=overwrite)
    expected = runs.forecast(recipe, target or "cpp_standalone")
    _print_forecast(expected, target or "cpp_standalone")
    _say_remarks(recipe)
    if dry_run:
        runs.check_run(recipe, target=target, force=force, expected=expected)
        say(f"dry run: {expected.steps} steps of {recipe.name} would be written to {folder}")
        return
    runs.check_forecast(recipe, target, force, expected)  # before there is a folder
    new = not folder.exists()
    note = {"name": name, "set": set_ or [], "seed": seed, "target": target, "formats": formats, "cwd": os.getcwd()}
    note |= {"protocols": protocols and str(protocols.absolute()), "tasks": tasks and str(tasks.absolute())}
    checkpoint = checkpoint_of(folder, expected, note, overwrite=overwrite)
    replaced = [name for name in runs.result_files() if (folder / name).exists()]
    if replaced:
        say(f"replaces {', '.join(replaced)} of an earlier run in {folder}", ERR)
    folder = runs.usable_folder(folder)
    try:
        _run_and_save(recipe, target, folder, force, expected, formats, checkpoint)
    except BaseException:
        if new:
            with suppress(OSError):  # it stays where it holds results
                folder.rmdir()
        raise


app.command("resume")(resume_by(run))


def _run_and_save(
    recipe: Recipe,
    target: str | None,
    folder: Path,
    force: bool,
    expected: Forecast,
    formats: tuple[str, ...],
    checkpoint: Checkpoint | None,
) -> None:
    from ..recipes import run as runs

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TextColumn("{task.percentage:>3.0f} %"))
    outcome, late = None, False
    try:
        with Progress(*columns, TimeElapsedColumn(), TimeRemainingColumn(), console=ERR) as bar:
            task = bar.add_task("starting", total=None)

            def progress(done: int, steps: int) -> None:
                bar.update(task, description=recipe.name, completed=done, total=steps)

            outcome = runs.run_outcome(
                recipe, target=target, progress=progress, force=force, expected=expected, checkpoint=checkpoint
            )
            if not outcome.results.provenance.get("interrupted"):  # a run may end before its forecast
                bar.update(task, description=recipe.name, completed=1, total=1)
    except DivergenceError as error:
        if error.results is not None:
            with Interrupts():
                folder = _saved(Outcome(error.results), folder, recipe, formats)
            say(f"what was reached is in {folder}", ERR)
            _forget(checkpoint)  # it would diverge again
        raise
    except KeyboardInterrupt:
        if outcome is None:
            raise
        late = True  # it came between run and save: nothing is lost
    with Interrupts() as interrupts, ERR.status("saving"):  # what was reached is worth its last second
        folder = _saved(outcome, folder, recipe, formats)
    _report(outcome, recipe)
    say(f"written: {folder}/{', '.join(runs.result_files(formats))}")
    if outcome.results.provenance.get("interrupted"):
        reached = outcome.results.stop_step
        say(f"interrupted at step {reached} of {expected.steps}; what was reached is saved", ERR)
        if checkpoint is not None:
            say(f"go on by: tension-sim resume {folder}", ERR)
        raise typer.Exit(exit_status())
    _forget(checkpoint)
    if late or interrupts.seen:
        say("interrupted after the run; everything is saved", ERR)
        raise typer.Exit(exit_status())


def _forget(checkpoint: Checkpoint | None) -> None:
    """Remove a checkpoint whose run is saved."""
    if checkpoint is not None:
        checkpoint.remove()


def _saved(outcome: Outcome, folder: Path, recipe: Recipe, formats: tuple[str, ...]) -> Path:
    """Save the results, and return where: where the folder refuses them, in one for temporary files."""
    from ..recipes.run import save_outcome

    try:
        save_outcome(outcome, folder, recipe.expected, formats)
    except OutputError as error:
        try:
            rescue = Path(tempfile.mkdtemp(prefix="tension_sim_results_"))
            save_outcome(outcome, rescue, recipe.expected, formats)
        except OSError:
            raise error from None
        raise OutputError(f"{error}\nThe results of this run are in {rescue}.") from error
    return folder


_SYMBOLS = {"1": "", "hertz": " Hz", "second": " s"}


def _report(outcome: Outcome, recipe: Recipe) -> None:
    """Print what was measured beside what the recipe expects."""
    table = Table("", "this run", "expected", "", box=None, pad_edge=False, header_style="bold")
    judged = outcome.verdict.numbers if outcome.verdict is not None else {}
    known = recipe.protocol.expected
    for name in [*known, *(name for name in outcome.numbers if name not in known)]:
        number, wanted = known.get(name, Number(name.replace("_", " "))), recipe.expected.get(name)
        if name in outcome.numbers or wanted:
            unit = _SYMBOLS.get(number.unit, f" {number.unit}")
            value = f"{outcome.numbers[name]:.3g}{unit}" if name in outcome.numbers else "-"
            table.add_row(number.label, value, _range(wanted) + unit if wanted else "", judged.get(name, ""))
    for name, seconds in outcome.results.timings.items():
        if seconds > 0.05:
            table.add_row(f"time to {name}", f"{seconds:.3g} s")
    OUT.print(table)
    if outcome.verdict is not None:
        say(f"verdict: {outcome.verdict.text}")


@app.callback(invoke_without_command=True)
def callback(
    version: Annotated[bool, typer.Option("--version", help="Show the version.", is_eager=True)] = False,
) -> None:
    """FORCE learning of spiking and rate networks in generated C++: published networks by one command."""
    if version:
        say(f"tension-sim {__version__}")
        raise typer.Exit


def main() -> None:
    """Run the command; an error of ours ends it with its message alone."""
    interrupts = Interrupts(at_once=True)
    try:
        with interrupts:
            app()
    except TensionError as error:
        say(f"{type(error).__name__}: {error}", ERR, "red")
        raise SystemExit(2) from None
    except MemoryError:
        say("OutOfMemoryError: the run needs more memory than there is.\nFix: choose a smaller n, or record less.", ERR)
        raise SystemExit(2) from None
    except KeyboardInterrupt:
        say("interrupted", ERR)
        raise SystemExit(exit_status()) from None
    except SystemExit as end:
        # typer makes an interrupt the status of Ctrl-C, and one in a destructor is ignored by Python
        lost = interrupts.seen and not end.code
        raise SystemExit(exit_status() if lost or end.code == 130 else end.code) from None
