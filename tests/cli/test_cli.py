"""The command line as a newcomer types it, also the wrong way."""

import json
import os
import signal
import subprocess
import sys
import textwrap

import pytest
from typer.testing import CliRunner

from tension_sim import (
    Results,
    list_neurons,
    list_rate_units,
    list_recipes,
    list_synapses,
    list_tasks,
    load_recipe,
    run_outcome,
)
from tension_sim.cli.commands import app
from tension_sim.errors import InvalidValueError, TensionError
from tension_sim.protocols import list_protocols
from tension_sim.tasks import list_trial_tasks

FILES = ["figure.png", "report.html", "results.h5", "summary.json"]
FEW = ["--set", "n=40", "--set", "duration=20*ms"]
SMALL = ["--set", "n=40", "--set", "duration=60*ms", "--set", "start=20*ms", "--set", "stop=40*ms"]


def command(*arguments, cwd=None, **kwargs):
    """Run ``python -m tension_sim`` in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "tension_sim", *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=cwd,
        timeout=300,
        **kwargs,
    )


def test_list_names_everything_there_is():
    shown = command("list").stdout
    tasks = (list_tasks, list_trial_tasks)
    for names in (list_recipes, list_protocols, list_neurons, list_rate_units, list_synapses, *tasks):
        for name in names():
            assert f" {name} " in shown


def test_show_gives_parameters_source_expectation_and_forecast():
    shown = command("show", "lif_sine", "--set", "G=0.05").stdout
    for part in (
        "10.1038/s41467-017-01827-3",
        "network.G",
        "0.05",
        "learning_rmse",
        "0.015 to 0.03",
        "forecast: about",
    ):
        assert part in shown


def test_show_gives_lists_as_lists_and_every_setting():
    shown = command("show", "kim_2023/licking", "--set", "n=4000").stdout
    rows = {row[0]: row[1:] for row in map(str.split, shown.splitlines()) if row}
    assert rows["network.n"] == ["4000", "changed"]
    assert rows["target.data"] == ['""', "default"]
    assert rows["learning.gain"] == ["divided", "default"]
    factors = command("show", "lif_factors").stdout
    assert "default" not in factors.split("network.traces")[1].split("\n")[0]
    assert " [1.8, 1.5, 1.5] " in command("show", "three_regions").stdout


def test_a_run_tells_its_verdict_and_what_it_lacks(tmp_path):
    done = command(
        "run", "lif_sine", "--set", "n=40", "--set", "duration=20*ms", "--target", "numpy", "--out", tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert "This run learns nothing: it ends at 0.02 s, learning begins at 5 s." in done.stderr
    assert (
        "verdict: not as expected: the expected numbers belong to the settings of the recipe, and network.n and "
        "run.duration were changed"
    ) in done.stdout
    assert "not measured" in done.stdout


@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_help_has_a_short_flag(flag):
    for words in ([], ["run"], ["show"]):
        done = CliRunner().invoke(app, [*words, flag])
        assert done.exit_code == 0
        assert "Usage:" in done.output


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["show", "nicola"], "show NAME: expected a known recipe.\nReceived: 'nicola'\nFix: these contain it: "),
        (["run", "lif_sin"], "run NAME: expected a known recipe.\nReceived: 'lif_sin'\nFix: did you mean 'lif_sine'?"),
        (["show", "lorentz"], "show NAME: expected a known recipe.\nReceived: 'lorentz'\nFix: "),
        (["run", "lif_sine", "--set", "duration=2s"], "Received: '2s'\nFix: write '2*second'."),
        (["run", "lif_sine", "--set", "duration=2 s"], "Received: '2 s'\nFix: write '2*second'."),
        (["run", "lif_sine", "--set", "tau_decay=1.5e1 ms"], "Received: '1.5e1 ms'\nFix: write '1.5e1*ms'."),
    ],
)
def test_errors_speak_the_users_words(arguments, text):
    with pytest.raises(TensionError) as caught:
        app(arguments, standalone_mode=False)
    assert text in str(caught.value)


def test_a_folder_is_not_walked(tmp_path, monkeypatch):
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "one.toml").write_text("")
    with pytest.raises(InvalidValueError, match=r"run NAME: expected a folder that holds one recipe(.|\n)*holds none"):
        app(["run", str(tmp_path)], standalone_mode=False)


def test_completion_offers_recipes():
    """By the words that a shell passes on when the Tab key is pressed."""
    for typed, offered in (("nicola_clopath_2017/lif_si", "nicola_clopath_2017/lif_sine"), ("lif_sin", "lif_sine")):
        words = {"COMP_WORDS": f"tension-sim run {typed}", "COMP_CWORD": "2"}
        words["_TENSION_SIM_COMPLETE"] = "complete_bash"
        assert CliRunner().invoke(app, [], prog_name="tension-sim", env=words).output.split() == [offered]


def test_run_leaves_figure_numbers_and_results(tmp_path):
    done = command("run", "lif_sine", *SMALL, "--target", "numpy", "--seed", 7, "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert sorted(os.listdir(tmp_path / "out")) == FILES
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["seed"] == 7
    assert summary["neurons"] == 40
    assert summary["phases"]["learning"] == pytest.approx([0.02, 0.04])
    assert summary["versions"]["brian2"]
    block = Results.load(tmp_path / "out" / "results.h5").to_neo()
    assert [s.name for s in block.segments] == ["before", "learning", "test"]
    assert all(len(s.spiketrains) == 40 for s in block.segments)


def test_the_seed_of_the_command_is_before_that_of_a_setting(tmp_path):
    arguments = [*SMALL, "--target", "numpy", "--set", "run.seed=3", "--seed", "7", "--out", str(tmp_path)]
    assert CliRunner().invoke(app, ["run", "lif_sine", *arguments]).exit_code == 0
    assert json.loads((tmp_path / "summary.json").read_text())["seed"] == 7


@pytest.mark.slow
def test_a_run_on_tensorflow(tmp_path):
    pytest.importorskip("tensorflow")
    settings = {"n": 40, "duration": "15*ms", "start": "5*ms", "stop": "10*ms"}
    arguments = [f"--set={name}={value}" for name, value in settings.items()]
    done = command("run", "lif_sine", *arguments, "--target", "tensorflow", "--out", tmp_path)
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "summary.json").read_text())["numbers"]
    assert found == pytest.approx(run_outcome(load_recipe("lif_sine", settings), target="numpy").numbers, rel=1e-6)


def test_a_rate_network_is_run_and_judged_by_the_same_command(tmp_path):
    small = ["n=30", "duration=60*ms", "test_duration=30*ms", "frequency=40*Hz"]
    arguments = [part for setting in small for part in ("--set", setting)]
    done = command("run", "four_sines", *arguments, "--target", "numpy", "--seed", 5, "--out", tmp_path)
    assert done.returncode == 0, done.stderr
    assert "mean absolute error after learning" in done.stdout and "0.015 to 0.09" in done.stdout
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert set(summary["numbers"]) == {"training_mae", "test_mae", "weight_norm"}
    assert (summary["seed"], summary["phases"]) == (5, {"learning": [0, 0.06], "test": [0.06, 0.09]})


def test_the_default_folder_is_named_after_the_recipe(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert CliRunner().invoke(app, ["run", "lif_sine", *SMALL, "--target", "numpy"]).exit_code == 0
    assert (tmp_path / "results" / "lif_sine" / "figure.png").is_file()


def _path():
    import tension_sim

    return {"PYTHONPATH": os.path.dirname(os.path.dirname(tension_sim.__file__))}


def test_same_seed_same_numbers_other_seed_other_numbers(tmp_path):
    summaries = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        small = [*SMALL, "--target", "numpy", "--seed", str(seed), "--out", str(tmp_path / name)]
        assert CliRunner().invoke(app, ["run", "lif_sine", *small]).exit_code == 0
        summary = json.loads((tmp_path / name / "summary.json").read_text())
        summary.pop("timings")
        assert summary.pop("run")
        assert summary["provenance"].pop("machine")["date"]  # the only other thing that differs
        summaries.append(summary)
    first, same, other = summaries
    assert first == same
    assert first["numbers"] != other["numbers"]


def test_dry_run_writes_nothing(tmp_path):
    done = command("run", "lif_sine", "--dry-run", "--out", tmp_path / "out")
    assert done.returncode == 0
    assert "dry run: 300000 steps" in done.stdout
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["run", "lif_sin"], "did you mean 'lif_sine'?"),
        (["show", "ode_to_joi"], "did you mean 'ode_to_joy'?"),
        (["run", "lif_sine", "--set", "Gg=1"], "expected a known setting.\nReceived: 'Gg'\nFix: did you mean 'G'?"),
        (["run", "lif_sine", "--set", "G"], "run --set: expected KEY=VALUE."),
        (["run", "lif_sine", "--set", "G="], "run --set: expected KEY=VALUE."),
        (["run", "lif_sine", "--set", "duration=15*mV"], "run.duration: expected a quantity in second."),
        (["run", "lif_sine", "--set", "update_every=0"], "learning.update_every: expected a whole number"),
        (
            ["run", "lif_sine", "--set", "start=11*second"],
            "learning.start: expected a time no later than learning.stop.",
        ),
        (["run", "lif_sine", "--set", "alpha_P=0"], "learning.alpha_P: expected a finite number above 0."),
        (["run", "lif_sine", "--set", "forgetting=1.5"], "learning.forgetting: expected a number in (0, 1]."),
        (["run", "lif_sine", "--set", "neuron=izikevich"], "did you mean 'izhikevich'?"),
        (["run", "lif_sine", "--target", "cpp"], "did you mean 'cpp_standalone'?"),
        (["run", "lif_sine", "--set", "n=500000"], "GB of memory, this machine has"),
        (["run", "four_sines", "--set", "n=400000"], "GB of memory, this machine has"),
        (["run", "four_sines", "--set", "feedback=both"], "network.feedback: expected one of 'external', 'internal'"),
        (["run", "oscillation", "--set", "task.name=chrip"], "did you mean 'chirp'?"),
        (["run", "lif_sine", "--set", "n=1e160"], "network.n: expected a whole number of neurons, below 2**53."),
        (["run", "lif_factors", "--set", "component_trials=1e9"], "run.trials: expected at most 1000000 trials"),
        (["run", "~nosuchuser/x"], "run NAME: expected the home of a user of this machine."),
        (["run", ":smile:"], "Received: ':smile:'"),
        (["run", "[bold]x"], "Received: '[bold]x'"),
    ],
)
def test_a_wrong_argument_ends_with_one_message_and_writes_nothing(arguments, text, tmp_path):
    out = ["--out", str(tmp_path / "out")] if arguments[0] == "run" else []
    done = command(*arguments, *out)
    assert done.returncode == 2
    assert text in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())


REFUSED = [
    ("variables=w", "expected a known state variable"),
    ("initial.v=1*second", "lif_sine: setting initial.v: expected a quantity in volt"),
    ("initial.I=1*mV", "initial: expected a known state variable"),
    ("spikes_of=1e30", "record.spikes_of: expected a whole number of neurons, or 'all', below 2**53."),
    ("tau_mem=-10*ms", "parameters.tau_mem: expected a time constant above 0."),
    ("tau_mem=0*ms", "parameters.tau_mem: expected a time constant above 0."),
    ("dt=60*ms", "parameters.tau_mem: expected a time constant of at least one time step (0.06 s)"),
]


@pytest.mark.parametrize(("setting", "text"), REFUSED)
def test_a_dry_run_refuses_what_a_run_refuses(setting, text, tmp_path):
    """By the same code, and so with the same words."""
    from tension_sim.errors import TensionError
    from tension_sim.recipes import run as runs

    said = []
    for act in (runs.check_run, runs.run_outcome):
        with pytest.raises(TensionError) as info:
            settings = dict([setting.split("=")]) | {"n": "20", "duration": "60*ms", "start": "0*second"}
            act(load_recipe("lif_sine", settings | {"stop": "0*second"}), target="numpy")
        said.append(str(info.value))
    assert text in said[0] and said[0] == said[1]


def test_a_dry_run_looks_at_files_folders_and_targets(tmp_path):
    (tmp_path / "file").write_text("mine")
    lif = ["run", "lif_sine", *SMALL, "--dry-run"]
    recorded = ["--set", "task.name=recorded", "--set", f"file={tmp_path}/absent.npy", "--target", "numpy"]
    for arguments, text in (
        ([*lif, "--target", "numpy", "--out", tmp_path / "file"], "run.out: expected a folder that can be created"),
        ([*lif, *recorded], "Task.file: expected a .npy file or a text file of numbers"),
        ([*lif, "--target", "cuda_standalone", "--out", tmp_path / "out"], "Simulation.target: expected"),
    ):
        done = command(*arguments, env=os.environ | _path() | {"PATH": "", "CUDA_PATH": str(tmp_path)})
        assert (done.returncode, text in done.stderr) == (2, True), done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.slow
def test_a_second_run_says_what_it_replaces_and_one_of_other_settings_asks_for_overwrite(tmp_path):
    arguments = ["run", "lif_sine", *FEW, "--target", "numpy", "--out", tmp_path]
    done = command(*arguments)
    assert done.returncode == 0 and "replaces" not in done.stderr
    first = json.loads((tmp_path / "summary.json").read_text())
    done = command(*arguments)  # the same settings
    assert done.returncode == 0
    replaced = f"replaces figure.png, report.html, results.h5, summary.json of an earlier run in {tmp_path}"
    assert replaced in done.stderr.replace("\n", "")
    refused = command(*arguments, "--set", "G=0.05")
    assert refused.returncode == 2 and "replace these by --overwrite." in refused.stderr
    assert command(*arguments, "--set", "G=0.05", "--dry-run").stderr == refused.stderr
    assert command(*arguments, "--set", "G=0.05", "--overwrite").returncode == 0
    last = json.loads((tmp_path / "summary.json").read_text())
    assert last["run"] != first["run"] and last["provenance"]["settings"]["network"]["G"] == "0.05"


def test_text_of_a_file_does_not_steer_the_terminal(tmp_path):
    recipe = tmp_path / "mine.toml"
    text = load_recipe("lif_sine").path.read_text(encoding="utf-8")
    recipe.write_text(text.replace('summary = "', 'summary = "\\u001b[2J:smile: [red]', 1), encoding="utf-8")
    shown = command("show", recipe).stdout
    assert "\\x1b[2J:smile: [red]" in shown and "\x1b" not in shown


def test_results_that_the_folder_refuses_are_saved_elsewhere(tmp_path, monkeypatch):
    """Hours of a run are not lost because a disk is full."""
    from tension_sim.cli import job as cli
    from tension_sim.errors import OutputError
    from tension_sim.recipes.result_folder import save_outcome

    recipe = load_recipe("lif_sine", {"n": "10", "duration": "2*ms"})
    outcome = run_outcome(recipe, target="numpy")

    def full(given, folder, *rest):
        if folder == tmp_path:
            raise OutputError("the disk is full")
        return save_outcome(given, folder, *rest)

    monkeypatch.setattr("tension_sim.recipes.run.save_outcome", full)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(
        OutputError, match=r"the disk is full\nThe results of this run are in (.*tension_sim_results_\w+)\."
    ) as info:
        job = cli.Job(recipe.name, 40, tmp_path, ("h5",), lambda progress: outcome, {}, recipe.expected)
        cli._saved(job, outcome)
    rescue = str(info.value).rpartition(" in ")[2].rstrip(".")
    assert sorted(os.listdir(rescue)) == FILES


def test_a_folder_that_cannot_be_used_is_refused_before_the_run(tmp_path):
    (tmp_path / "file").write_text("mine")
    done = command("run", "lif_sine", *SMALL, "--target", "numpy", "--out", tmp_path / "file" / "out")
    assert done.returncode == 2
    assert "run.out: expected a folder that can be created" in done.stderr
    assert (tmp_path / "file").read_text() == "mine"


def test_without_a_compiler_the_message_says_what_to_install(tmp_path):
    done = command(
        "run", "lif_sine", *SMALL, "--target", "cpp_standalone", "--out", tmp_path / "out",
        env=os.environ | _path() | {"PATH": "", "TENSION_SIM_CACHE": str(tmp_path / "cache")},
    )  # fmt: skip
    assert done.returncode == 2
    assert "Simulation.target: expected a C++ compiler (g++) and make on the PATH" in done.stderr


@pytest.mark.parametrize(
    "number",
    [signal.SIGTERM, *(pytest.param(other, marks=pytest.mark.slow) for other in (signal.SIGINT, signal.SIGHUP))],
)
def test_an_interrupt_keeps_what_was_reached(tmp_path, number):
    code = """
        from tension_sim.brian import runtime
        from tension_sim.cli import main

        run = runtime.run

        def telling(*arguments):
            *others, report, seconds, listener = arguments
            telling = lambda done: (report(done), done and print("started", flush=True))
            return run(*others, telling, seconds, listener)

        runtime.run = telling
        main()
    """
    arguments = ["run", "lif_sine", "--set", "n=40", "--target", "numpy", "--out", str(tmp_path / "out")]
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert "started\n" in iter(process.stdout.readline, "")
    process.send_signal(number)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 128 + number
    assert "what was reached is saved" in errors
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert 0 < summary["duration"] < 15


@pytest.mark.parametrize(
    ("when", "text"),
    [
        ("rich.progress.Progress.__exit__", "interrupted after the run; everything is saved"),  # when the bar ends
        ("cli._report", "Exception ignored in: <function"),  # in a destructor, where Python drops it
    ],
)
def test_an_interrupt_after_the_run_counts(tmp_path, when, text):
    code = f"""
        import signal
        import rich.progress
        from tension_sim.cli import job as cli
        from tension_sim.cli import main

        class Late:
            def __del__(self):
                signal.raise_signal(signal.SIGINT)

        original = {when}

        def interrupted(*arguments):
            original(*arguments)
            if "_report" in "{when}":
                Late()
            else:
                signal.raise_signal(signal.SIGINT)

        {when} = interrupted
        main()
    """
    arguments = ["run", "lif_sine", *SMALL, "--target", "numpy", "--out", str(tmp_path / "out")]
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code), *arguments], capture_output=True, text=True)
    assert done.returncode == 130
    assert text in done.stderr
    assert (tmp_path / "out" / "summary.json").exists()


def test_a_compiled_recipe_starts_at_once_in_a_new_process(tmp_path):
    """Nothing is compiled, and the imports that take seconds are not needed."""
    recipe = ["lif_sine", "--set", "duration=200*ms"]
    first = command("run", *recipe, "--out", tmp_path / "first")
    assert first.returncode == 0, first.stderr
    code = (
        "import sys\n"
        "from tension_sim import load_recipe, run_recipe\n"
        "run_recipe(load_recipe('lif_sine', {'duration': '200*ms'}))\n"
        "print({'brian2', 'sympy', 'tensorflow', 'neo', 'matplotlib'} & set(sys.modules))\n"
    )
    second = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert second.returncode == 0, second.stderr
    assert second.stdout == "set()\n"


@pytest.mark.parametrize("options", [["--dry-run"], []])
def test_a_run_makes_one_forecast(options, tmp_path, monkeypatch):
    from tension_sim.cli import commands as cli
    from tension_sim.recipes import run as runs

    made, forecast = [], runs.forecast
    monkeypatch.setattr(runs, "forecast", lambda *arguments: made.append(arguments) or forecast(*arguments))
    monkeypatch.setattr(runs, "save_outcome", lambda *arguments: None)
    small = ["--set", "n=20", "--set", "duration=2*ms", "--target", "numpy", "--out", str(tmp_path / "out")]
    result = CliRunner().invoke(cli.app, ["run", "lif_sine", *small, *options])
    assert result.exit_code == 0, result.output
    assert len(made) == 1
