"""Run recipes at their published size, or their sweeps, and store figure and numbers for the gallery.

    python docs/make_gallery.py lif_sine four_sines      # these
    python docs/make_gallery.py --missing --minutes 2    # those without figure that take at most two minutes each
    python docs/make_gallery.py --list                   # what there is, and what a run takes
    python docs/make_gallery.py --check --minutes 0.1    # run the quickest again and store nothing: can all be made?
    python docs/make_gallery.py --whole theta_lorenz     # at published size what takes more than ten minutes
    python docs/make_gallery.py --runs results NAME      # store a run that is there: results/NAME, as `run` left it
    python docs/make_gallery.py --plan reduced NAME      # the figure of a sweep of the recipe's file, by all cores

A recipe that takes more than ten minutes is run as its table [short] says, and its page says what was shorter.
A recipe leaves ``docs/gallery/AUTHOR_YEAR/NAME.png`` and ``NAME.json``, its sweep ``NAME/PLAN.png`` and ``PLAN.json``:
commit both. With ``--plan`` and ``--runs``, the sweep is in FOLDER/NAME/PLAN, as `sweep` left it.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from PIL import Image

from tension_sim import list_recipes, load_recipe, load_sweep, plot_sweep
from tension_sim.results.plots.files import save_figure
from tension_sim.sweeps.base import base_of
from tension_sim.sweeps.folder import TABLE
from tension_sim.sweeps.plans import stored_sweep

GALLERY = Path(__file__).parent / "gallery"
LARGEST = 150_000  # bytes of a figure
WIDTHS, COLOURS = (1400, 1200, 1000, 800), (128, 64, 32)


def stored(name: str) -> tuple[Path, Path]:
    """Return where the figure and the numbers of a recipe are stored."""
    folder = GALLERY / name
    return folder.with_name(f"{folder.name}.png"), folder.with_name(f"{folder.name}.json")


def has_figure(name: str) -> bool:
    """Say whether figure and numbers of a recipe are stored."""
    return all(path.is_file() for path in stored(name))


def shrink(source: Path, target: Path) -> None:
    """Store a figure as a PNG with a palette, the largest that stays below `LARGEST` bytes."""
    with Image.open(source) as image:
        full = image.convert("RGB")
    for width in WIDTHS:
        height = round(full.height * width / full.width)
        small = full if width >= full.width else full.resize((width, height), Image.Resampling.LANCZOS)
        for colours in COLOURS:
            small.quantize(colours, dither=Image.Dither.NONE).save(target, optimize=True)
            if target.stat().st_size <= LARGEST:
                return
    raise SystemExit(f"{source}: the figure stays above {LARGEST} bytes")


def run(recipe: Any, check: bool = False) -> bool:
    """Run a recipe by the command that its page names, and store what it leaves; False if the run failed.

    With `check` nothing is stored: the run has to give every number that is stored, whatever its value here.
    """
    name, words = recipe.name, ["--short"] * bool(recipe.expected_at)
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-c", "from tension_sim.cli import main; main()", "run", name, "--out", folder]
        begin = time.perf_counter()
        if subprocess.run([*command, *words]).returncode:
            print(f"{name}: the run failed, nothing was stored", file=sys.stderr)
            return False
        seconds = time.perf_counter() - begin
        if check:
            return passed(name, Path(folder))
        store(name, Path(folder), seconds)
    return True


def passed(name: str, folder: Path) -> bool:
    """Say whether a run gave a figure, and every number that is stored."""
    shrink(folder / "figure.png", folder / "small.png")
    there = json.loads((folder / "summary.json").read_text(encoding="utf-8"))["numbers"]
    lacking = json.loads(stored(name)[1].read_text(encoding="utf-8"))["numbers"].keys() - there.keys()
    print(f"{name}: the run lacks {lacking}" if lacking else f"{name}: passed", file=sys.stderr)
    return not lacking


def store(name: str, folder: Path, seconds: float | None = None) -> None:
    """Store what a run left in a folder: its figure, its numbers, what was shorter than published, and what it took.

    Without `seconds` nothing is said of its time: nobody knows what else that machine did.
    """
    figure, numbers = stored(name)
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    about = summary["provenance"]
    if about["recipe"] != name or about["interrupted"]:
        raise SystemExit(f"{folder}: not a whole run of {name}")
    figure.parent.mkdir(parents=True, exist_ok=True)
    shrink(folder / "figure.png", figure)
    facts = {
        "date": about["machine"]["date"].partition("T")[0],
        "version": summary["versions"]["tension-sim"],
        "seed": summary["seed"],
        **({} if seconds is None else {"seconds": round(seconds, 1)}),
        "numbers": {key: float(f"{value:.4g}") for key, value in summary["numbers"].items() if value is not None},
    }
    changed = {key: pair for key, pair in about["changed"].items() if key != "run.seed"}
    facts |= {"changed": changed} if changed else {}
    numbers.write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    print(f"{name}: {figure.stat().st_size / 1000:.0f} kB" + (f", {seconds:.0f} s" if seconds else ""), flush=True)


def sweep(recipe: Any, plan: str) -> bool:
    """Run a sweep of a recipe's file, and store its figure; False if it failed."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "tension_sim", "sweep", recipe.name, "--plan", plan, "--out", folder]
        if subprocess.run(command).returncode:
            print(f"{recipe.name}: sweep {plan} failed, nothing was stored", file=sys.stderr)
            return False
        store_sweep(recipe.name, plan, Path(folder))
    return True


def store_sweep(name: str, plan: str, folder: Path) -> None:
    """Store the figure of the sweep in a folder, with how many points and seeds it had."""
    found = load_sweep(folder)
    if found.description.recipe != name:
        raise SystemExit(f"{folder}: not a sweep of {name}")
    # as the file says now, which may be newer than the sweep
    _, told = stored_sweep(base_of("sweep", name), plan)
    found.description = replace(found.description, plot=told.plot)
    figure, numbers = stored(f"{name}/{plan}")
    figure.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as drawn:
        save_figure(plot_sweep(found), Path(drawn) / "plot.png")
        shrink(Path(drawn) / "plot.png", figure)
    frame = found.table()
    facts = {
        "date": time.strftime("%Y-%m-%d", time.gmtime((folder / TABLE).stat().st_mtime)),
        "version": found.description.version,
        "points": len(frame),
        "done": int((frame["status"] == "done").sum()),
        "seeds": int(frame["seed"].nunique()),
    }
    numbers.write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    print(f"{name}, {plan}: {figure.stat().st_size / 1000:.0f} kB", flush=True)


def forecast(recipe: Any) -> float:
    """Return about how many seconds a run takes in C++."""
    return recipe.protocol.forecast(recipe, "cpp_standalone").seconds


def loaded(name: str, whole: bool = False) -> Any:
    """Return a recipe, or the shorter run that it states instead of one of more than ten minutes."""
    recipe = load_recipe(name)
    return recipe if whole or recipe.short is None else load_recipe(name, short=True)


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="recipes, in full or by the part after the slash")
    parser.add_argument("--missing", action="store_true", help="all recipes that have no figure yet")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="leave out those that take longer")
    parser.add_argument("--check", action="store_true", help="run all that have a figure, store nothing")
    parser.add_argument("--list", action="store_true", help="list the recipes, run nothing")
    parser.add_argument("--whole", action="store_true", help="published size where that takes over ten minutes, too")
    parser.add_argument("--runs", type=Path, metavar="FOLDER", help="store runs that are in FOLDER/NAME, run nothing")
    parser.add_argument("--plan", metavar="NAME", help="in place of a run, a sweep of the recipe's file")
    options = parser.parse_args()
    recipes = [loaded(name, options.whole) for name in options.names]
    if options.missing or options.list or (options.check and not options.names):
        wanted = {True, False} if options.list else {options.check}
        recipes += [loaded(name, options.whole) for name in list_recipes() if has_figure(name) in wanted]
    recipes = [recipe for recipe in recipes if forecast(recipe) <= 60 * options.minutes]
    if not recipes:
        parser.error("no recipe to run: name some, or add --missing")
    recipes.sort(key=forecast)
    if options.list:
        for recipe in recipes:
            print(f"{recipe.name:60} {forecast(recipe):7.0f} s  {'stored' if has_figure(recipe.name) else ''}")
    elif options.plan is not None and options.runs is not None:
        for recipe in recipes:
            store_sweep(recipe.name, options.plan, options.runs / recipe.name / options.plan)
    elif options.plan is not None:
        if not all([sweep(recipe, options.plan) for recipe in recipes]):
            raise SystemExit(1)
    elif options.runs is not None:
        for recipe in recipes:
            store(recipe.name, options.runs / recipe.name)
    elif not all([run(recipe, options.check) for recipe in recipes]):  # a list: the others run although one failed
        raise SystemExit(1)


if __name__ == "__main__":
    main()
