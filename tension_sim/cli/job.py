"""What ``tension-sim run`` does, whatever it runs: show progress, save, and report in words or in JSON."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from importlib import import_module
from pathlib import Path
from threading import Thread
from typing import Any

import typer
from rich.table import Table

from ..declare.checkpoint import Checkpoint
from ..errors import DivergenceError, OutputError, RunFailedError
from ..recipes.protocol import Number, Outcome
from ..recipes.provenance import UNITS, measured
from ..system.checkpoint_folder import MANIFEST
from ..system.interrupts import Interrupts, exit_status
from ..system.progress import terminal_bar
from .options import json_wanted
from .terminal import ERR, OUT, say, say_json
from .warned import noted_warnings

__all__ = ["Job", "perform", "say_dry_run", "shown_range"]

Progressing = Callable[[int, int], None]


@dataclass(frozen=True, eq=False)
class Job:
    """What is run, and where its results go.

    Attributes
    ----------
    name : str
        Of the recipe.
    steps : int
        The step after its last one.
    folder : Path
        Where the results go.
    formats : tuple of str
        Of the results.
    compute : callable
        ``compute(progress)`` returns the `Outcome`.
    numbers : mapping of str to Number
        What is measured.
    expected : mapping
        What the recipe expects.
    told : dict
        What the JSON output says besides, known before the run.
    checkpoint : Checkpoint, optional
        Where the run can be gone on with if it is killed.
    above : callable, optional
        Returns lines that stand above the bar.
    """

    name: str
    steps: int
    folder: Path
    formats: tuple[str, ...]
    compute: Callable[[Progressing], Outcome]
    numbers: Mapping[str, Number]
    expected: Mapping[str, Any] = field(default_factory=dict)
    told: Mapping[str, Any] = field(default_factory=dict)
    checkpoint: Checkpoint | None = None
    above: Callable[[], str] | None = None

    def forget(self) -> None:
        """Remove the checkpoint of a run that is saved, or that would diverge again."""
        if self.checkpoint is not None:
            self.checkpoint.remove()


def perform(job: Job) -> None:
    """Run a job, and leave its results in its folder; a folder that is new and stays empty is removed.

    Raises
    ------
    OutputError
        Before anything is built or run, if the folder cannot be used.
    """
    from ..recipes import run as runs

    new = not job.folder.exists()
    replaced = [name for name in runs.result_files() if (job.folder / name).exists()]
    if replaced and not json_wanted():
        say(f"replaces {', '.join(replaced)} of an earlier run in {job.folder}", ERR)
    runs.usable_folder(job.folder)
    try:
        _run_and_save(job, replaced)
    except BaseException:
        if new:
            with suppress(OSError):  # it stays where it holds results
                job.folder.rmdir()
        raise


def _run_and_save(job: Job, replaced: list[str]) -> None:
    outcome, late = None, False
    try:
        outcome = _computed(job)
    except _Late as come:  # between run and save: nothing is lost
        outcome, late = come.outcome, True
    except DivergenceError as error:
        if error.results is not None:
            with Interrupts():
                folder = _saved(job, Outcome(error.results))
            if not json_wanted():
                say(f"what was reached is in {folder}", ERR)
            job.forget()
        raise
    except (RunFailedError, OutputError) as error:  # a killed program, a full disk
        if job.checkpoint is None or not Path(job.checkpoint.folder, MANIFEST).exists():
            raise
        raise type(error)(f"{error}\nThe checkpoint stays; go on by: tension-sim resume {job.folder}") from error
    with Interrupts() as interrupts, ERR.status("saving"):  # what was reached is worth its last second
        folder = _saved(job, outcome)
    _report(job, outcome, folder, replaced)
    if outcome.results.provenance.get("interrupted"):
        if not json_wanted():
            reached = outcome.results.stop_step
            say(f"interrupted at step {reached} of {job.steps}; what was reached is saved", ERR)
            if job.checkpoint is not None:
                say(f"go on by: tension-sim resume {folder}", ERR)
        raise typer.Exit(exit_status())
    job.forget()
    if late or interrupts.seen:
        if not json_wanted():
            say("interrupted after the run; everything is saved", ERR)
        raise typer.Exit(exit_status())


class _Late(Exception):  # noqa: N818 - the run is over, and whole
    """An interrupt that came when a run had ended."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__()
        self.outcome = outcome


def _computed(job: Job) -> Outcome:
    """Run the job under a bar; "building" is shown only where something is built."""
    from ..run.stages import told

    outcome = None
    try:
        with terminal_bar(job.above, console=ERR, disable=json_wanted()) as bar:
            task = bar.add_task("starting", total=None)

            ahead = Thread(target=_load_drawing, daemon=True)

            def progress(done: int, steps: int) -> None:
                if ahead.ident is None:
                    ahead.start()  # a program runs beside this process, which only waits for it
                bar.update(task, description=job.name, completed=done, total=steps)

            with told(lambda stage: bar.update(task, description=stage)), noted_warnings() as noted:
                outcome = job.compute(progress)
            if noted:
                about = outcome.results.provenance | {"warnings": noted}
                outcome = replace(outcome, results=replace(outcome.results, provenance=about))
            if not outcome.results.provenance.get("interrupted"):  # a run may end before its forecast
                bar.update(task, description=job.name, completed=1, total=1)
    except KeyboardInterrupt:
        if outcome is None:
            raise
        raise _Late(outcome) from None
    return outcome


def _load_drawing() -> None:
    """Import what drawing needs, which takes half a second."""
    with suppress(Exception):  # what is wrong with it is said where it is used
        import_module("matplotlib.backends.backend_agg")
        import_module("tension_sim.results.report")
        import_module("h5py")


def _saved(job: Job, outcome: Outcome) -> Path:
    """Save the results, and return the folder: a temporary one if the given folder cannot be written."""
    from ..recipes.run import save_outcome

    try:
        save_outcome(outcome, job.folder, job.expected, job.formats)
    except OutputError as error:
        try:
            rescue = Path(tempfile.mkdtemp(prefix="tension_sim_results_"))
            save_outcome(outcome, rescue, job.expected, job.formats)
        except OSError:
            raise error from None
        raise OutputError(f"{error}\nThe results of this run are in {rescue}.") from error
    return job.folder


def say_dry_run(name: str, steps: int, folder: Path, told: Mapping[str, Any]) -> None:
    """Report that everything was checked, and nothing run."""
    if json_wanted():
        say_json(dict(told) | {"folder": str(folder), "dry_run": True})
    else:
        say(f"dry run: {steps} steps of {name} would be written to {folder}")


def shown_range(ends: Sequence[float], number: Number) -> str:
    """Return an expected value or range with its unit.

    Examples
    --------
    >>> shown_range((4.9, 5.1), Number("peak frequency", "hertz"))
    '4.9 to 5.1 Hz'
    """
    return f"{' to '.join(f'{end:g}' for end in ends)} {UNITS.get(number.unit, number.unit)}".rstrip()


def _report(job: Job, outcome: Outcome, folder: Path, replaced: list[str]) -> None:
    from ..recipes.result_folder import SCRIPT
    from ..recipes.run import result_files

    files = [*result_files(job.formats), *([SCRIPT] if outcome.results.provenance.get("steering") else [])]
    if json_wanted():
        say_json(_described(job, outcome) | {"folder": str(folder), "files": files, "replaced": replaced})
        return
    _print_numbers(job, outcome)
    stopped = outcome.results.provenance.get("stopped")
    if stopped is not None:
        say(f"ended early, at {stopped['time']:g} s (step {stopped['step']} of {job.steps}): {stopped['why']}")
    if outcome.verdict is not None:
        say(f"verdict: {outcome.verdict.text}")
    say(f"written: {folder}/{', '.join(files)}")


def _described(job: Job, outcome: Outcome) -> dict[str, Any]:
    """Return what a run gave, as documented in docs/howto/programs.md."""
    from ..results.measures import jsonable

    results = outcome.results
    told = {
        "numbers": dict(outcome.numbers),
        "verdict": None if outcome.verdict is None else asdict(outcome.verdict),
        "phases": {phase.name: [phase.start * results.dt, phase.stop * results.dt] for phase in results.phases},
        "timings": dict(results.timings),
        "interrupted": bool(results.provenance.get("interrupted")),
        "steps": results.n_steps,
        "stopped": results.provenance.get("stopped"),
    }
    return jsonable(dict(job.told) | told)


def _print_numbers(job: Job, outcome: Outcome) -> None:
    """Print what was measured beside what the recipe expects."""
    table = Table("", "this run", "expected", "", box=None, pad_edge=False, header_style="bold")
    for row in measured(job.numbers, job.expected, outcome.numbers, outcome.verdict):
        value = "-" if row["value"] is None else f"{row['value']:.3g} {row['unit']}".rstrip()
        wanted = shown_range(row["expected"], job.numbers[row["name"]]) if row["expected"] else ""
        table.add_row(row["label"], value, wanted, row["judged"])
    for name, seconds in outcome.results.timings.items():
        if seconds > 0.05:
            table.add_row(f"time to {name}", f"{seconds:.3g} s")
    OUT.print(table)
