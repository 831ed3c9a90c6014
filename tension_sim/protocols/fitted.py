"""A balanced spiking network whose plastic synapses make neurons follow recorded rates or sines, in trials."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..circuit.names import PLASTIC_WEIGHTS, RULE, split
from ..declare.fi_curve import mean_input
from ..declare.fitted import FittedNetwork
from ..declare.kernels import SparseKernel
from ..declare.learning import Learning
from ..declare.record import Record
from ..declare.validation import check_positive
from ..errors import InvalidTypeError, InvalidValueError, message
from ..recipes.cost import cost_of
from ..recipes.protocol import Forecast, Further, Number, Outcome, Protocol
from ..recipes.settings import REQUIRED, choice, count, not_negative, section
from ..results.measures import mean_correlation
from ..results.results import Results
from ..results.run_data import added
from ..run.journal import looping
from ..run.simulation import Simulation, Target
from ..run.trials import Condition, Trials, window_means
from ._balanced import (
    Times,
    draw_plastic,
    draw_static,
    feedforward_rates,
    made_up_rates,
    nearest_neurons,
    ornstein_uhlenbeck,
    read_rates,
)

if TYPE_CHECKING:
    from ..recipes.recipe import Recipe

SECTIONS = {
    "network": section(
        # half of the neurons are excitatory
        ("n", "1", REQUIRED, count("neurons", 4)),
        ("dt", "second", REQUIRED, check_positive),
        # mean number of static inputs from each of the two populations; weights count in 1/sqrt(K), inputs in sqrt(K)
        ("K", "1", REQUIRED, count("inputs from each population", 1)),
        ("excitatory_to_excitatory", "1", REQUIRED, None),
        ("excitatory_to_inhibitory", "1", REQUIRED, None),
        ("inhibitory_to_excitatory", "1", REQUIRED, None),
        ("inhibitory_to_inhibitory", "1", REQUIRED, None),
        ("input_to_excitatory", "1", REQUIRED, None),
        ("input_to_inhibitory", "1", REQUIRED, None),
        ("tau_mem", "second", 0.01, check_positive),
        ("tau_ref", "second", 0.0, not_negative),
        ("tau_syn", "second", 0.003, check_positive),
        ("dtype", "text", "float32", choice("float32", "float64")),
    ),
    "plastic": section(
        # inputs of each trained neuron, and the weights these start with
        ("excitatory", "1", REQUIRED, count("inputs", 0)),
        ("inhibitory", "1", REQUIRED, count("inputs", 0)),
        ("feedforward", "1", 0, count("inputs", 0)),
        ("weight_excitatory", "1", REQUIRED, None),
        ("weight_inhibitory", "1", REQUIRED, None),
        ("tau", "second", 0.15, check_positive),
        # rates of the feed-forward units: an Ornstein-Uhlenbeck process, smoothed
        ("feedforward_rate", "hertz", 5.0, not_negative),
        ("feedforward_deviation", "hertz", 0.0, not_negative),
        ("feedforward_tau", "second", 0.4, check_positive),
        ("feedforward_window", "second", 0.1, not_negative),
        ("signs", "text", "free", choice("free", "kept")),
    ),
    "trial": section(
        ("duration", "second", REQUIRED, check_positive),
        ("stimulus_start", "second", REQUIRED, not_negative),
        # learning begins here
        ("stimulus_stop", "second", REQUIRED, not_negative),
        ("stimulus", "text", "uniform", choice("uniform", "noise")),
        ("stimulus_amplitude", "1", 0.5, not_negative),
        ("stimulus_tau", "second", 0.02, check_positive),
    ),
    "learning": section(
        ("alpha_P", "1", REQUIRED, check_positive),
        ("alpha_P_feedforward", "1", 1.0, check_positive),
        ("row_sum", "1", 0.0, not_negative),
        ("gain", "text", "divided", choice("divided", "undivided")),
        ("update_every", "second", REQUIRED, check_positive),
        ("error", "text", "total_input", choice("total_input", "synaptic_input")),
    ),
    "target": section(
        ("kind", "text", REQUIRED, choice("rates", "sines")),
        # rates: of a file with one array rate_CONDITION (bins, cells) a condition, or made up
        ("data", "text", "", None),
        ("gaps", "text", "refuse", choice("refuse", "skip")),
        ("cells", "1", 0, count("cells", 0)),
        ("noise_scale", "1", 1.3, check_positive),
        ("amplitude", "1", 0.5, check_positive),
        ("period", "second", 1.0, check_positive),
    ),
    "run": section(
        ("seed", "1", 1, count("a seed", 0)),
        ("loops", "1", REQUIRED, count("loops", 1)),
        ("test_every", "1", 10, count("loops", 1)),
        ("window", "second", 0.1, check_positive),
        ("threads", "1", None, count("threads", 1)),
    ),
}  # fmt: skip

EXPECTED = {
    "correlation": Number("mean Pearson r of total inputs and targets, in a run without learning"),
    "correlation_while_learning": Number("the same in the last loop of learning"),
    "rate_excitatory": Number("firing rate of excitatory neurons before learning", "hertz"),
    "rate_inhibitory": Number("firing rate of inhibitory neurons before learning", "hertz"),
    "seconds_per_loop": Number("time of a loop over all conditions", "second"),
}


class Fit:
    """The parts of one run of a recipe."""

    def __init__(self, recipe: Recipe, target: Target | None) -> None:
        self.recipe: Recipe = recipe
        self.times: Times = Times.of(recipe)
        values, n = recipe.values, recipe.values["network"]["n"]
        self.rng: np.random.Generator = np.random.default_rng([recipe.seed, 2])
        self.rates: dict[str, np.ndarray] = {}
        self.cells: int = n
        if values["target"]["kind"] == "rates":
            bins = len(self.times.learned)
            file, cells = values["target"]["data"], values["target"]["cells"] or n // 4
            self.rates = (
                read_rates(file, values["target"]["gaps"], bins) if file else made_up_rates(cells, bins, self.rng)
            )
            self.cells = next(iter(self.rates.values())).shape[1]
            if self.cells > n // 2:
                where = f"{recipe.name}: network.n"
                fix = "choose a larger n, or fewer cells."
                raise InvalidValueError(message(where, f"two neurons a cell, {2 * self.cells}", n, fix))
            most = values["plastic"]["excitatory"] + 1
            if self.cells < most:
                where = f"{recipe.name}: plastic.excitatory"
                raise InvalidValueError(message(where, f"at most {self.cells - 1} inputs from other cells", most - 1))
        self.names: list[str] = list(self.rates) or ["sines"]
        self.net: FittedNetwork = self._network()
        trained = tuple(range(self.cells))
        self.simulation: Simulation = Simulation(
            self.net,
            target=target,
            record=Record(every=self.times.sample, variables={"I_static": trained, "I_plastic": trained}),
            threads=values["run"]["threads"],
            name=recipe.name,
        )

    def _network(self) -> FittedNetwork:
        network, plastic, learning = (self.recipe.values[key] for key in ("network", "plastic", "learning"))
        n, half, extra = network["n"], network["n"] // 2, plastic["feedforward"]
        noise = self.recipe.values["trial"]["stimulus"] == "noise"
        stimuli = n if noise else len(self.names)
        bias = np.sqrt(network["K"]) * np.where(
            np.arange(n) < half, network["input_to_excitatory"], network["input_to_inhibitory"]
        )
        # input 0 is constant, the others are the stimuli
        pre, post, weight = [np.zeros(n, int)], [np.arange(n)], [bias]
        if noise:
            pre, post, weight = [*pre, 1 + np.arange(n)], [*post, np.arange(n)], [*weight, np.ones(n)]
        else:
            scale = self.recipe.values["trial"]["stimulus_amplitude"]
            for k in range(stimuli):
                pre, post = [*pre, np.full(n, k + 1)], [*post, np.arange(n)]
                weight = [*weight, self.rng.uniform(-scale, scale, n)]
        inputs = SparseKernel(1 + stimuli, np.concatenate(pre), np.concatenate(post), np.concatenate(weight), n)
        signs = np.where(np.arange(n + extra) < half, 1, -1)
        signs[n:] = 1
        kinds = np.repeat([0, 1, -1], [half, n - half, extra])
        penalty = learning["row_sum"]
        return FittedNetwork(
            "lif_normalized",
            "euler_exponential",
            "euler_exponential",
            n,
            network["dt"],
            draw_static(network, self.rng),
            draw_plastic(network, plastic, self.cells, self.rng),
            Learning(
                alpha_P=learning["alpha_P"],
                gain=learning["gain"],
                update_every=self.times.update,
                start=self.times.stop + 1,
            ),
            input_kernel=inputs,
            n_feedforward=extra,
            error=learning["error"],
            alpha_P=np.where(kinds < 0, learning["alpha_P_feedforward"], learning["alpha_P"]),
            row_sum=[penalty, penalty] if penalty else None,
            groups=kinds if penalty else None,
            signs=signs if plastic["signs"] == "kept" else None,
            parameters={
                key: f"{value!r}*second"
                for key, value in {
                    "tau_mem": network["tau_mem"],
                    "tau_ref": network["tau_ref"],
                    "tau_decay": network["tau_syn"],
                    "tau_decay_plastic": plastic["tau"],
                }.items()
            },
            dtype=network["dtype"],
            seed=self.recipe.seed,
        )

    def inputs(self, k: int | None) -> np.ndarray:
        """Return the inputs of condition k, shape (samples, inputs); None: without stimulus."""
        return _inputs(self.recipe, self.net, k)

    @property
    def separate(self) -> np.ndarray | None:
        """Which plastic weights each condition has for itself: those of the feed-forward units."""
        return self.net.plastic.pre >= self.net.n if self.net.n_feedforward else None

    def trials(self, targets: list[np.ndarray]) -> Trials:
        """Return the trials of all conditions."""
        rng = _rates_rng(self.recipe)
        conditions = [
            Condition(name, targets[k], self.inputs(k), feedforward_rates(self.recipe, self.times, rng))
            for k, name in enumerate(self.names)
        ]
        return Trials(
            self.simulation, conditions, steps=self.steps, every=self.steps_per_sample, separate=self.separate
        )

    @property
    def external(self) -> np.ndarray:
        """Weights of the inputs to the trained neurons, shape (inputs, trained)."""
        kernel = self.net.input_kernel
        return np.zeros((0, self.cells)) if kernel is None else kernel.to_dense()[:, : self.cells]

    @property
    def steps_per_sample(self) -> dict[str, int]:
        """For how many steps each kind of sample is held."""
        return _steps_per_sample(self.recipe)

    @property
    def steps(self) -> int:
        """Steps of a trial: the last update comes at the end of its duration."""
        return self.times.end + 1

    def before(self) -> Results:
        """Run the network without plastic currents, stimulus and learning."""
        units = self.net.n_feedforward
        silence = np.zeros((len(self.times.times(self.times.sample)), units)) if units else None
        state = {PLASTIC_WEIGHTS: np.zeros(len(self.net.plastic))}
        return self.simulation.run(
            x=self.inputs(None),
            rates=silence,
            steps=self.steps,
            every=self.steps_per_sample,
            learning=False,
            state=state,
        )

    def targets(self, before: Results) -> list[np.ndarray]:
        """Return the targets of each condition, shape (rows, n), and number neurons by the cells they stand for."""
        values, times, n = self.recipe.values, self.times, self.net.n
        static = before.recorded["I_static"].values[times.stop // times.sample :]
        targets = []
        if not self.rates:
            phase = self.rng.uniform(0, 1, n)
            t = np.arange(times.rows) * times.update * self.recipe.dt / values["target"]["period"]
            wave = values["target"]["amplitude"] * np.sin(2 * np.pi * (t[:, None] - phase))
            return [wave + static.mean(axis=0)]
        half = n // 2
        rates = np.bincount(before.spike_neuron, minlength=n)[:half] / (before.n_steps * before.dt)
        chosen = nearest_neurons(np.mean([r.mean(axis=0) for r in self.rates.values()], axis=0), rates)
        new = np.empty(n, int)
        new[np.concatenate([chosen, np.setdiff1d(np.arange(n), chosen)])] = np.arange(n)
        kernel = self.net.recurrent
        if kernel is not None:
            moved = replace(kernel, pre=new[kernel.pre], post=new[kernel.post]).sorted()
            self.net = replace(self.net, recurrent=moved)
        self.simulation = Simulation(
            self.net,
            target=self.simulation.target,
            record=self.simulation.record,
            threads=values["run"]["threads"],
            name=self.recipe.name,
        )
        # synaptic noise is white to the membrane with this amplitude
        sigma = static.std(axis=0).mean() / np.sqrt(
            values["target"]["noise_scale"] * values["network"]["tau_syn"] * 1e3
        )
        neuron = {"tau": values["network"]["tau_mem"], "tau_ref": values["network"]["tau_ref"]}
        for recorded in self.rates.values():
            y = np.zeros((times.rows, n))
            y[times.learned, : self.cells] = mean_input(recorded, sigma, **neuron)
            targets.append(y)
        return targets

    def total(self, results: Results, rows: np.ndarray, start: int) -> np.ndarray:
        """Return the synaptic input of the trained neurons, averaged in windows from step `start` on."""
        total = results.recorded["I_static"].values + results.recorded["I_plastic"].values
        half = round(self.recipe.values["run"]["window"] / 2 / self.recipe.dt)
        return window_means(total, self.times.sample, rows * self.times.update, half, (start, results.n_steps))

    def follow(self, results: Results, target: np.ndarray) -> float:
        """Return the mean over the trained neurons of r between total inputs and targets."""
        rows = self.times.learned
        return mean_correlation(self.total(results, rows, self.times.stop), target[rows, : self.cells])

    def shown(self, results: Results, target: np.ndarray) -> Results:
        """Return a run with total inputs and targets, the external ones included, as its output and target."""
        rows = np.arange(self.times.rows)
        total = self.total(results, rows, 0)
        if self.recipe.values["learning"]["error"] == "total_input":
            total = total + self.inputs(0)[:: self.times.update // self.steps_per_sample["x"]] @ self.external
        return replace(
            results, record_every=self.times.update, output=total, target=target[:, : self.cells], recorded={}
        )


def _steps_per_sample(recipe: Recipe) -> dict[str, int]:
    times, noise = Times.of(recipe), recipe.values["trial"]["stimulus"] == "noise"
    return {"y": times.update, "x": times.sample if noise else times.update, "rates": times.sample}


def _inputs(recipe: Recipe, net: FittedNetwork, k: int | None) -> np.ndarray:
    times, trial, every = Times.of(recipe), recipe.values["trial"], _steps_per_sample(recipe)["x"]
    steps = times.times(every)
    on = (steps >= times.start) & (steps < times.stop)
    x = np.zeros((len(steps), net.n_inputs))
    x[:, 0] = 1
    if k is not None and trial["stimulus"] == "noise":
        rng = np.random.default_rng([recipe.seed, 3, k])
        tau, deviation = trial["stimulus_tau"], trial["stimulus_amplitude"]
        x[on, 1:] = ornstein_uhlenbeck(rng, int(on.sum()), net.n, every * recipe.dt, tau, deviation, 0.0)
    elif k is not None:
        x[on, 1 + k] = 1
    return x


def _rates_rng(recipe: Recipe) -> np.random.Generator:
    """Draws the rates of feed-forward units, those of the first condition first."""
    return np.random.default_rng([recipe.seed, 4])


def _further(recipe: Recipe, results: Results, steps: int) -> Iterator[Further]:
    """Yield further trials of the first condition, which is the one that tests show; a state goes on through them."""
    times, every = Times.of(recipe), _steps_per_sample(recipe)
    if not isinstance(results.net, FittedNetwork):
        raise InvalidTypeError(message(recipe.name, "results of a FittedNetwork", results.net))
    x, rates = _inputs(recipe, results.net, 0), feedforward_rates(recipe, times, _rates_rng(recipe))
    given = {"x": every["x"]} | ({} if rates is None else {"rates": every["rates"]})
    while True:
        yield Further(times.end + 1, x=x, rates=rates, every=given)


class Course:
    """A run, loop by loop: how well the network follows its targets, and how long a loop takes."""

    def __init__(
        self,
        fit: Fit,
        targets: list[np.ndarray],
        say: Callable[[str], None],
        progress: Callable[[int, int], None] | None,
    ) -> None:
        self.fit: Fit = fit
        self.targets: list[np.ndarray] = targets
        self.say: Callable[[str], None] = say
        self.progress: Callable[[int, int], None] | None = progress
        self.loops: int = fit.recipe.values["run"]["loops"]
        #: Mean correlation by loop: of each condition while learning, and in the test after the loop.
        self.learned: dict[int, list[float]] = {}
        self.tested: dict[int, float] = {}
        self.seconds: list[float] = []
        self.interrupted: bool = False

    def learn(self, trials: Trials, last: Results) -> Results:
        """Learn and test; return the last test that is whole, or `last` where there was none after learning."""
        every = self.fit.recipe.values["run"]["test_every"]
        with looping("course", trials, self):
            if 0 not in self.tested:
                self._test(trials, last)
            while trials.loops < self.loops and not self.interrupted:
                began = time.perf_counter()
                some = min(every - trials.loops % every, self.loops - trials.loops)
                trials.train(some, after=self._after)
                self.seconds.append((time.perf_counter() - began) / some)
                self.interrupted = trials.interrupted
                if not self.interrupted:
                    last = self._test(trials, last)
                    self.say(f"{self.seconds[-1]:.2f} s a loop")
        return last

    def _test(self, trials: Trials, last: Results) -> Results:
        """Return a test, or `last` if it was interrupted: the part of one is not compared with the others."""
        loop = trials.loops
        found = trials.test(self.fit.names[0], loop)
        self.interrupted = found.interrupted
        if self.interrupted:
            return last
        self.tested[loop] = self.fit.follow(found, self.targets[0])
        self.say(f"loop {loop}: r {self.tested[loop]:.4f}")
        return found

    def kept(self) -> dict[str, Any]:
        """Return what was measured so far; see `tension_sim.run.journal.looping`."""
        learned = {loop: list(found) for loop, found in self.learned.items()}
        return {"learned": learned, "tested": dict(self.tested), "seconds": list(self.seconds)}

    def take_back(self, kept: dict[str, Any]) -> None:
        """Go on from what `kept` returned."""
        self.learned, self.tested, self.seconds = kept["learned"], kept["tested"], kept["seconds"]

    def _after(self, loop: int, condition: str, results: Results) -> None:
        k, names = self.fit.names.index(condition), self.fit.names
        found = self.learned.setdefault(loop, [])
        found.append(self.fit.follow(results, self.targets[k]))
        self.say(f"loop {loop} {condition}: r while learning {found[-1]:.4f}, {results.timings}")
        if self.progress is not None:
            self.progress((loop - 1) * len(names) + k + 1, self.loops * len(names))

    @property
    def numbers(self) -> dict[str, float]:
        """Return what is expected of the recipe."""
        last = {"correlation": [self.tested[max(self.tested)]] if self.tested else []}
        last["correlation_while_learning"] = self.learned[max(self.learned)] if self.learned else []
        numbers = {}
        for name, found in last.items():
            known = [r for r in found if not math.isnan(r)]  # of targets that do not vary there is none
            if known:
                numbers[name] = float(np.mean(known))
        if self.seconds and not self.interrupted:
            numbers["seconds_per_loop"] = float(np.median(self.seconds))
        return numbers

    def curves(self) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """Return loops and mean correlations, for a figure."""
        loops = sorted(self.tested)
        curves = {"without learning": (np.array(loops), np.array([self.tested[loop] for loop in loops]))}
        if self.learned:
            means = np.array([np.mean(r) for r in self.learned.values()])
            curves["while learning"] = np.array(list(self.learned)), means
        return curves


def run(
    recipe: Recipe,
    target: Target | None = None,
    progress: Callable[[int, int], None] | None = None,
    report: Callable[[str], None] | None = None,
) -> Outcome:
    """Run the network before learning, learn loop by loop, and test now and then."""
    fit = Fit(recipe, target)
    say = report or (lambda text: None)
    before = fit.before()
    n, half = fit.net.n, fit.net.n // 2
    rates = np.bincount(before.spike_neuron, minlength=n) / (before.n_steps * before.dt)
    numbers = {"rate_excitatory": float(rates[:half].mean()), "rate_inhibitory": float(rates[half:].mean())}
    say(f"before learning: {numbers}, {before.timings}")
    if before.interrupted:
        return Outcome(before, numbers)
    targets = fit.targets(before)
    trials, course = fit.trials(targets), Course(fit, targets, say, progress)
    last = course.learn(trials, before)
    numbers |= course.numbers
    shown = fit.shown(last, targets[0]) if last.n_steps == fit.steps else last
    period = recipe.values["trial"]["duration"] * len(fit.names)
    curves = course.curves()
    loops, correlation = curves["without learning"]

    def figure() -> Any:
        from ._figure_fitted import figure_fitted

        return figure_fitted(shown, curves, slice(fit.times.learned[0], None))

    if fit.separate is None:
        weights = {"plastic": trials.weights(fit.names[0])}
    else:
        weights = {f"plastic_{name}": trials.weights(name) for name in fit.names}
        weights["plastic"] = weights[f"plastic_{fit.names[0]}"]  # those of the test, with which the network goes on
    results = replace(
        shown,
        weights=weights,
        # P of a test is that of nothing learned
        state={name: values for name, values in shown.state.items() if split(name)[0] != RULE},
        learning_curve={"time": loops * period, "correlation": correlation},
        provenance=shown.provenance | {"interrupted": course.interrupted},
        timings=added(before.timings, trials.timings),
    )
    return Outcome(results, numbers, None if shown.target is None else figure)


def forecast(recipe: Recipe, target: str) -> Forecast:
    """Forecast memory and time from the sizes."""
    network, plastic = recipe.values["network"], recipe.values["plastic"]
    n, times, loops = network["n"], Times.of(recipe), recipe.values["run"]["loops"]
    rates = recipe.values["target"]["kind"] == "rates"
    cells = (recipe.values["target"]["cells"] or n // 2) if rates else n
    conditions = 2 if rates else 1
    partners = plastic["excitatory"] + plastic["inhibitory"] + plastic["feedforward"]
    P = cells * partners * (partners + 1) // 2
    size = 4 if network["dtype"] == "float32" else 8
    samples = len(times.times(times.sample)) * (n if recipe.values["trial"]["stimulus"] == "noise" else 1)
    recorded = 2 * times.end // times.sample * cells
    # P twice: at work, and in the file that the next trial reads
    memory = 2 * P * size + 60 * n * 2 * network["K"] + 24 * samples + 20 * recorded
    overhead, neuron, event, element = cost_of(target)
    spikes = 10 * times.end * recipe.dt * n
    trial = times.end * (overhead + neuron * n) + spikes * 2 * network["K"] * event
    trials, tests = loops * conditions, loops // recipe.values["run"]["test_every"] + 2
    nanoseconds = (trials + tests) * trial + trials * len(times.learned) * P * element
    return Forecast(memory, nanoseconds * 1e-9, (trials + tests) * times.end)


def check(recipe: Recipe, where: Callable[[str, str], str]) -> None:
    """Refuse times that are not in order, and more partners than there are neurons."""
    network, plastic, trial = (recipe.values[key] for key in ("network", "plastic", "trial"))
    update = recipe.values["learning"]["update_every"]
    if not trial["stimulus_start"] <= trial["stimulus_stop"] <= trial["duration"] - 2 * update:
        given = tuple(trial[key] for key in ("stimulus_start", "stimulus_stop", "duration"))
        what = "stimulus_start <= stimulus_stop, and two updates or more before the end"
        raise InvalidValueError(message(where("trial", "duration"), what, given))
    if update < recipe.dt:
        raise InvalidValueError(message(where("learning", "update_every"), f"at least dt = {recipe.dt:g} s", update))
    half = network["n"] // 2
    if network["K"] >= half:
        raise InvalidValueError(message(where("network", "K"), f"less than n/2 = {half}", network["K"]))
    cells = recipe.values["target"]["cells"]
    rates = recipe.values["target"]["kind"] == "rates"
    if rates and cells > half:
        raise InvalidValueError(message(where("target", "cells"), f"at most n/2 = {half} cells", cells))
    for key, most in (("excitatory", (cells or half // 2) - 1 if rates else half - 1), ("inhibitory", half)):
        if plastic[key] > most:
            raise InvalidValueError(message(where("plastic", key), f"at most {most} inputs", plastic[key]))


PROTOCOL = Protocol(
    sections=SECTIONS,
    expected=EXPECTED,
    forecast=forecast,
    run=run,
    files={("target", "data"): ""},
    check=check,
    further=_further,
)
