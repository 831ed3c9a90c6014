"""The words of ``tension-sim run`` that decide how a run goes: when it ends early, and which orders it obeys."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from ..declare.stopping import check_stop_when
from ..errors import InvalidValueError, message
from ..recipes.protocol import Outcome
from ..recipes.recipe import Recipe
from ..run.watch.plan import Plan, planned
from ..run.watch.steering import Steering
from ..run.watch.watching import Watch
from .options import json_wanted
from .terminal import ERR, say
from .text_plot import View

__all__ = ["WORDS", "Going", "Words", "going", "refuse_words"]


@dataclass(frozen=True)
class Words:
    """What the command line says.

    Attributes
    ----------
    stop_when : str or None
        A condition.
    steering : Path or None
        A script of orders.
    watch : bool
        Whether the run is shown, and can be steered.
    """

    stop_when: Annotated[
        str | None,
        typer.Option(
            "--stop-when",
            metavar="CONDITION",
            help="End early, as in 'rmse < 0.02 for 2*second'; also rate, weight_norm, P_trace, t.",
        ),
    ] = None
    steering: Annotated[
        Path | None,
        typer.Option("--steering", metavar="FILE", help="Repeat the orders that a steered run left in a script."),
    ] = None
    watch: Annotated[
        bool,
        typer.Option("--watch", help="Show and steer the run on a local page; plot it here. Its address is printed."),
    ] = False


WORDS = Words()


@dataclass(frozen=True)
class Going:
    """How a run goes, checked."""

    plan: Plan
    note: Mapping[str, object]
    watch: Watch | None = None
    above: Callable[[], str] | None = None

    def check(self, recipe: Recipe, **options: Any) -> None:
        """Check all that `run` checks before its program is built."""
        from ..recipes.run import check_run

        with planned(self.plan):
            check_run(recipe, **options)

    def run(self, recipe: Recipe, **options: Any) -> Outcome:
        """Run a recipe so, as `run_outcome` does."""
        from ..recipes.run import run_outcome

        if self.watch is None:
            with planned(self.plan):
                outcome = run_outcome(recipe, **options)
        else:
            with self.watch:
                say(f"watch and steer it at {self.watch.address}", ERR)
                outcome = run_outcome(recipe, **options)
        self._say_if_never_true(outcome)
        return outcome

    def _say_if_never_true(self, outcome: Outcome) -> None:
        about = outcome.results.provenance
        if self.plan.stop_when is not None and not (json_wanted() or about.get("stopped") or about.get("interrupted")):
            say(f"never true, so that the run went on to its end: {self.plan.stop_when.text}", ERR)


def refuse_words(words: Words) -> None:
    """Refuse them where a stored run goes on.

    Raises
    ------
    InvalidValueError
        With the first of them that was given.
    """
    given = {"--stop-when": words.stop_when, "--steering": words.steering, "--watch": words.watch or None}
    for name, value in given.items():
        if value is not None:
            fix = f"leave {name} out: a stored run goes on without learning, for as long as --set duration says."
            raise InvalidValueError(message("run --from", f"no {name}", str(value), fix))


def going(words: Words, recipe: Recipe) -> Going:
    """Check the words against a recipe.

    Raises
    ------
    TensionError
        If they cannot be read, or do not fit what is run.
    """
    stop_when = check_stop_when("run --stop-when", words.stop_when)
    single = recipe.protocol.measure is not None
    if stop_when is not None and not single:
        what = f"a recipe of one run; those of the protocol {recipe.protocol.name} make several"
        raise InvalidValueError(message("run --stop-when", what, words.stop_when, "leave it out."))
    steering = Steering() if words.steering is None else Steering.load(words.steering, "run --steering")
    note: dict[str, Any] = {"stop_when": words.stop_when, "steering": words.steering, "watch": words.watch}
    if not words.watch:
        return Going(Plan(stop_when, steering, single=single), note)
    view = View(ERR.encoding)
    watch = Watch(on_frame=view.add, stop_when=stop_when, steering=steering)
    watch.plan.single = single
    return Going(watch.plan, note, watch, view.text)
