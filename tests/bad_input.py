"""Bad input of every kind, one case after the other, in a process whose memory is limited.

Called as ``python bad_input.py SEED FIRST COUNT [run]``; prints a line of JSON for each case that is not
refused by an error of ours, or does not run to finite numbers. Arguments are found by
`inspect.signature` and by the protocols' sections: new ones are covered as they come.
"""

from __future__ import annotations

import contextlib
import inspect
import io
import json
import os
import random
import resource
import signal
import sys
import tempfile
import traceback
import warnings
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import brian2
import module_calls
import numpy as np
import public_calls
from public_calls import POOL, RECIPES

import tension_sim as ts
from tension_sim.errors import DivergenceError, TensionError
from tension_sim.run.rehearsal import rehearse

BASES = public_calls.BASES | module_calls.BASES

MEMORY = 1_000_000_000  # bytes beside those that the imports take
CPU = 5.0  # seconds of a case


class TooLong(BaseException):
    """A case took more than its time."""


HERE = ""  # a folder for files, of `main`


# ---- the kinds of cases; each returns what it was, and a function to call


def python_case(rng):
    name = rng.choice(sorted(BASES))
    function, base = BASES[name]
    parameters = [p for p in inspect.signature(function).parameters.values() if p.kind != p.VAR_POSITIONAL]
    chosen = rng.sample(parameters, min(len(parameters), rng.choice((1, 1, 1, 2))))
    places = [
        (p.name if p.kind != p.VAR_KEYWORD else rng.choice(("dtype", "nonsense")), rng.randrange(len(POOL)))
        for p in chosen
    ]

    def call():
        arguments = base() | {argument: POOL[value]() for argument, value in places}
        return function(**arguments)

    return f"{name}({', '.join(f'{a}=POOL[{v}]' for a, v in places)})", call


def _keys(protocol, recipe):
    raw = {name: dict(table) for name, table in recipe.settings.items()}
    keys = [(name, key) for name, keys in protocol.keys(raw).items() for key in keys]
    return sorted(keys)


def recipe_case(rng):
    protocol = rng.choice(sorted(RECIPES))
    name, small = RECIPES[protocol]
    recipe = ts.load_recipe(name, small)
    section, key = rng.choice(_keys(recipe.protocol, recipe))
    place = rng.randrange(len(POOL))

    def call():
        # a small setting of the same key gives way
        settings = {k: v for k, v in small.items() if k != key} | {f"{section}.{key}": POOL[place]()}
        return agreed(name, settings)

    return f"{protocol}: {section}.{key}=POOL[{place}]", call


def agreed(name, settings):
    """Return what a run gives; a rehearsal must have refused what it refuses, with the same words."""
    from tension_sim.recipes import run as runs

    recipe, refused = ts.load_recipe(name, settings), None
    try:
        runs.check_run(recipe, target="numpy")
    except TensionError as error:
        refused = error
    if refused is None and not RUN:
        return None
    try:
        outcome = runs.run_outcome(recipe, target="numpy")
    except DivergenceError:
        raise
    except TensionError as error:
        if refused is None or str(error) != str(refused):
            raise RuntimeError(f"rehearsal {refused!r}, run {error!r}") from error
        raise
    if refused is not None:
        raise RuntimeError(f"rehearsal {refused!r}, run without an error")
    return outcome.results


def file_case(rng):
    """A recipe file: a working one with a line replaced, or bytes that are none."""
    name, _ = RECIPES[rng.choice(sorted(RECIPES))]
    text = ts.load_recipe(name).path.read_text(encoding="utf-8")
    lines = text.splitlines()
    kind = rng.randrange(5)
    if kind == 0:
        place = rng.choice([k for k, line in enumerate(lines) if "=" in line])
        wild = rng.choice(
            ("[" * 20_000, "9" * 5_000, "1e400", "nan", "[]", '""', "{a = 1}", "1979-05-27", "true", '"\\u0000"')
        )
        lines[place] = lines[place].partition("=")[0] + "= " + wild
    elif kind == 1:
        lines.insert(
            rng.randrange(len(lines)),
            rng.choice(('"" = 1', "[[run]]", "[a.b]", "'\x07' = 1", "run = 1", "protocol = []")),
        )
    elif kind == 2:
        del lines[rng.randrange(len(lines))]
    content = "\n".join(lines).encode("utf-8", "surrogatepass")
    if kind == 3:
        content = bytes(rng.randrange(256) for _ in range(200))
    elif kind == 4:
        place = rng.randrange(len(content))
        content = content[:place] + bytes([rng.randrange(256)]) + content[place + 1 :]
    path = Path(tempfile.mkdtemp(dir=HERE)) / "recipe.toml"
    path.write_bytes(content)

    def call():
        from tension_sim.recipes import run as runs

        runs.check_forecast(ts.load_recipe(path), "numpy")

    return f"file of {name}, kind {kind}: {path}", call


def command_case(rng):
    texts = [
        str(value)
        for value in (
            "",
            "x",
            "G",
            "G=",
            "=1",
            "G=1=2",
            "n=1e160",
            "n=9" + "9" * 5000,
            "lif_sine",
            "/dev/zero",
            "/",
            "~nosuchuser",
            "\x1b[2J",
            "[bold]",
            ":smile:",
            "-1",
            "1e3",
            "\udcff",
            "tau_mem=-10*ms",
            "dt=60*ms",
            "numpy",
            "cpp",
        )
    ]
    words = ["run", rng.choice(["lif_sine", *texts]), "--dry-run", "--set", "n=10", "--set", "duration=2*ms"]
    words += ["--target", rng.choice(["numpy", *texts])] if rng.random() < 0.3 else ["--target", "numpy"]
    words += ["--out", rng.choice(texts)] if rng.random() < 0.3 else ["--out", f"{HERE}/out"]
    words += ["--set", rng.choice(texts)] if rng.random() < 0.6 else []
    words += ["--seed", rng.choice(["1", "9" * 5000, "-1", "1.5", "x", str(2**70)])] if rng.random() < 0.3 else []

    def call():
        from tension_sim.cli import main

        before, sys.argv = sys.argv, ["tension-sim", *words]
        try:
            with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
                main()
        except SystemExit as end:
            if end.code not in (0, 2, None):
                raise RuntimeError(f"exit status {end.code}") from end
        finally:
            sys.argv = before

    return " ".join(word[:40] for word in words), call


KINDS = (python_case, python_case, python_case, recipe_case, recipe_case, file_case, command_case)


# ---- the judge


def finite(found):
    """Refuse results with numbers that are not finite; of a network, of a short run of it."""
    if isinstance(found, ts.ForceNetwork | ts.FittedNetwork):
        simulation = ts.Simulation(found, target="numpy")
        given = {
            "y": np.zeros((3, found.n_outputs)),
            "x": np.zeros((3, found.n_inputs)) if found.n_inputs else None,
            "rates": np.zeros((3, found.n_feedforward)) if getattr(found, "n_feedforward", 0) else None,
        }
        if not RUN:
            rehearse(simulation.run, **given)
            return
        found = simulation.run(**given)
    if isinstance(found, ts.Results):
        for name, values in {"output": found.output, **found.state}.items():
            if not np.all(np.isfinite(np.asarray(values))):
                raise RuntimeError(f"{name} is not finite")


def judge(call):
    """Return what is wrong with a case, or None."""

    def late(*_):
        raise TooLong

    signal.signal(signal.SIGVTALRM, late)
    signal.setitimer(signal.ITIMER_VIRTUAL, CPU)
    try:
        finite(call())
    except TensionError as error:
        if "Traceback" in str(error) or not str(error).strip():
            return f"no sentence: {error}"
    except TooLong:
        return "hang: " + "".join(traceback.format_stack(limit=4))
    except BaseException:
        return traceback.format_exc(limit=-6)
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    return None


def main(seed, first, count):
    global HERE
    with tempfile.TemporaryDirectory(prefix="tension_sim_bad_input_") as HERE:
        os.chdir(HERE)
        judge_all(seed, first, count)


def judge_all(seed, first, count):
    warnings.simplefilter("ignore")
    brian2.BrianLogger.log_level_error()
    brian2.prefs.codegen.target = "numpy"
    resource.setrlimit(resource.RLIMIT_AS, (8 * MEMORY, 8 * MEMORY))  # what is far beyond fails at once
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    for number in range(first, first + count):
        rng = random.Random(f"{seed} {number}")
        what, call = rng.choice(KINDS)(rng)
        wrong = judge(call)
        now = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        if wrong is None and now - peak > MEMORY:
            wrong = f"memory: {(now - peak) / 1e6:.0f} MB more"
        peak = max(peak, now)
        if wrong is not None:
            print(json.dumps({"case": number, "what": what, "wrong": wrong}), flush=True)
    print(json.dumps({"done": count}), flush=True)


RUN = "run" in sys.argv[4:]

if __name__ == "__main__":
    main(*map(int, sys.argv[1:4]))
