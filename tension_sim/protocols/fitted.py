"""A balanced spiking network whose plastic synapses make neurons follow recorded rates or sines, in trials."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InvalidValueError, message
from ..fitted import FittedNetwork
from ..kernels import SparseKernel
from ..learning import Learning
from ..fi_curve import mean_input
from ..recipe_settings import REQUIRED, choice, count, not_negative, section
from ..recording import Record
from ..results import Results
from ..simulation import Simulation
from ..trials import Condition, Trials, correlation, window_means
from ..validation import check_positive
from . import Forecast, Number, Outcome, Protocol

if TYPE_CHECKING:
    from ..recipes import Recipe

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
        ("threads", "1", 1, count("threads", 1)),
    ),
}  # fmt: skip

EXPECTED = {
    "correlation": Number("mean Pearson r of total inputs and targets, in a run without learning"),
    "correlation_while_learning": Number("the same in the last loop of learning"),
    "rate_excitatory": Number("firing rate of excitatory neurons before learning", "hertz"),
    "rate_inhibitory": Number("firing rate of inhibitory neurons before learning", "hertz"),
    "seconds_per_loop": Number("time of a loop over all conditions", "second"),
}


@dataclass(frozen=True)
class Times:
    """Time steps of a trial: row j of the targets is learned at step ``j * update``."""

    start: int
    stop: int
    end: int
    update: int
    sample: int

    @classmethod
    def of(cls, recipe: Recipe) -> Times:
        trial, dt = recipe.values["trial"], recipe.dt
        start, stop, end = (round(trial[key] / dt) for key in ("stimulus_start", "stimulus_stop", "duration"))
        update = round(recipe.values["learning"]["update_every"] / dt)
        # stimuli and rates change every millisecond, or faster
        fine = max(d for d in range(1, update + 1) if update % d == 0 and (d == 1 or d * dt < 1.0001e-3))
        return cls(start, stop, end, update, fine)

    @property
    def rows(self) -> int:
        """Rows of the targets, with those before learning; the last is learned after the end of the trial's last step."""
        return self.end // self.update + 1

    @property
    def learned(self) -> np.ndarray:
        """The rows that are learned."""
        return np.arange(self.stop // self.update + 1, self.rows)

    def times(self, every: int) -> np.ndarray:
        """Time steps of samples that are held for `every` steps."""
        return np.arange(0, self.rows * self.update, every)


def draw_static(network: dict[str, Any], rng: np.random.Generator) -> SparseKernel:
    """Draw the static synapses: 2 K targets of each neuron; the first half of the neurons is excitatory."""
    n, half = network["n"], network["n"] // 2
    kernel = SparseKernel.fixed_outdegree(np.arange(n), n, 2 * network["K"], rng)
    to_excitatory = np.where(
        kernel.pre < half, network["excitatory_to_excitatory"], network["inhibitory_to_excitatory"]
    )
    to_inhibitory = np.where(
        kernel.pre < half, network["excitatory_to_inhibitory"], network["inhibitory_to_inhibitory"]
    )
    weight = np.where(kernel.post < half, to_excitatory, to_inhibitory) / np.sqrt(network["K"])
    return replace(kernel, weight=weight)


def draw_plastic(network: dict[str, Any], plastic: dict[str, Any], cells: int, rng: np.random.Generator) -> SparseKernel:
    """Draw the plastic inputs of the first `cells` neurons; excitatory ones come from others of these where they can."""
    n, half, extra = network["n"], network["n"] // 2, plastic["feedforward"]
    sources = min(cells, half)
    columns = [np.empty((cells, plastic["excitatory"]), int), np.empty((cells, plastic["inhibitory"]), int)]
    for cell in range(cells):
        # neurons beyond the excitatory ones are no members of the pool
        others = sources - (cell < sources)
        drawn = rng.choice(others, plastic["excitatory"], replace=False, shuffle=False)
        columns[0][cell] = drawn + (drawn >= cell)
        columns[1][cell] = half + rng.choice(n - half, plastic["inhibitory"], replace=False, shuffle=False)
    columns.append(np.tile(n + np.arange(extra), (cells, 1)))
    weights = [plastic["weight_excitatory"], plastic["weight_inhibitory"], 0.0]
    weight = np.repeat(weights, [c.shape[1] for c in columns])
    pre = np.concatenate(columns, axis=1)
    post = np.repeat(np.arange(cells), pre.shape[1])
    return SparseKernel(n + extra, pre.ravel(), post, np.tile(weight, cells), n)


def wander(
    rng: np.random.Generator, steps: int, channels: int, dt: float, tau: float, deviation: float, start: float
) -> np.ndarray:
    """Return an Ornstein-Uhlenbeck process around its start, shape (steps, channels)."""
    x, kick = np.empty((steps, channels)), deviation * np.sqrt(2 * dt / tau)
    x[:1] = start
    for k in range(steps - 1):
        x[k + 1] = x[k] + (start - x[k]) * dt / tau + kick * rng.standard_normal(channels)
    return x


def smoothed(x: np.ndarray, half: int) -> np.ndarray:
    """Return the moving mean over `half` samples to both sides, cut at the ends."""
    rows = np.arange(len(x))
    low, high = np.maximum(rows - half, 0), np.minimum(rows + half + 1, len(x))
    sums = np.concatenate([np.zeros((1, x.shape[1])), np.cumsum(x, axis=0)])
    return (sums[high] - sums[low]) / (high - low)[:, None]


def feedforward_rates(recipe: Recipe, times: Times, rng: np.random.Generator) -> np.ndarray | None:
    """Draw the rates of the feed-forward units, 0 until learning begins; one path for a condition."""
    plastic, dt = recipe.values["plastic"], times.sample * recipe.dt
    if not plastic["feedforward"]:
        return None
    steps, first = len(times.times(times.sample)), times.stop // times.sample
    rates = np.zeros((steps, plastic["feedforward"]))
    path = wander(
        rng, steps - first, plastic["feedforward"], dt, plastic["feedforward_tau"], plastic["feedforward_deviation"],
        plastic["feedforward_rate"],
    )  # fmt: skip
    rates[first:] = np.maximum(smoothed(path, round(plastic["feedforward_window"] / 2 / dt)), 0)
    return rates


def read_rates(path: str, gaps: str, bins: int) -> dict[str, np.ndarray]:
    """Read recorded rates in Hz by condition, shape (bins, cells) each; the first bins if there are more.

    Raises
    ------
    InvalidValueError
        If the file does not hold them, or they have gaps that are not to be skipped.
    """
    where = f"target.data: {path}"
    try:
        with np.load(Path(path).expanduser(), allow_pickle=False) as file:
            rates = {key[5:]: np.asarray(file[key], dtype=float) for key in file.files if key.startswith("rate_")}
    except (OSError, ValueError) as error:
        raise InvalidValueError(message(where, "an .npz file", str(error))) from None
    shapes = {key: value.shape for key, value in rates.items()}
    if not rates or len({*shapes.values()}) > 1 or len(next(iter(shapes.values()))) != 2:
        what = "arrays rate_CONDITION of one shape (bins, cells)"
        raise InvalidValueError(message(where, what, shapes or "none"))
    if len(next(iter(rates.values()))) < bins:
        raise InvalidValueError(message(where, f"at least {bins} bins, one an update", next(iter(shapes.values()))))
    rates = {key: value[:bins] for key, value in rates.items()}
    gappy = np.any([~np.isfinite(value).all(axis=0) for value in rates.values()], axis=0)
    if gappy.any():
        if gaps == "refuse":
            fix = 'mend them, or leave these cells out by --set gaps="skip".'
            raise InvalidValueError(message(where, "rates without gaps", f"NaN in {gappy.sum()} cells", fix))
        rates = {key: value[:, ~gappy] for key, value in rates.items()}
    if min(value.min(initial=0.0) for value in rates.values()) < 0 or gappy.all():
        raise InvalidValueError(message(where, "rates of at least 0 Hz, of one cell or more", "others"))
    return rates


def made_up_rates(cells: int, bins: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Make rates in Hz like those of cortical cells in two conditions: of very different means, changing slowly."""
    mean = np.clip(rng.lognormal(1.2, 0.9, cells), 0.2, 40)
    found = {}
    for condition in ("right", "left"):
        path = smoothed(wander(rng, bins, cells, 1.0, 25.0, 0.6, 0.0), 5)
        found[condition] = mean * np.exp(path)
    return found


def match(wanted: np.ndarray, available: np.ndarray) -> np.ndarray:
    """Give each cell, in falling order of its rate, the free neuron of the nearest rate.

    Examples
    --------
    >>> match(np.array([1.0, 9.0]), np.array([8.0, 2.0, 30.0]))
    array([1, 0])
    """
    free, found = available.astype(float).copy(), np.empty(len(wanted), int)
    for cell in np.argsort(-wanted, kind="stable"):
        found[cell] = np.argmin(np.abs(wanted[cell] - free))
        free[found[cell]] = np.inf
    return found


class Fit:
    """The parts of one run of a recipe."""

    def __init__(self, recipe: Recipe, target: str | None) -> None:
        self.recipe, self.times = recipe, Times.of(recipe)
        values, n = recipe.values, recipe.values["network"]["n"]
        self.rng = np.random.default_rng([recipe.seed, 2])
        self.rates: dict[str, np.ndarray] = {}
        self.cells = n
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
        self.names = list(self.rates) or ["sines"]
        self.net = self._network()
        trained = tuple(range(self.cells))
        self.simulation = Simulation(
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
        inputs = SparseKernel(1 + stimuli, *map(np.concatenate, (pre, post, weight)), n)
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

    def inputs(self, k: int | None) -> tuple[np.ndarray, int]:
        """Return the inputs of condition k (None: without stimulus), and for how many steps a sample is held."""
        times, trial, dt = self.times, self.recipe.values["trial"], self.recipe.dt
        noise = trial["stimulus"] == "noise"
        every = times.sample if noise else times.update
        steps = times.times(every)
        on = (steps >= times.start) & (steps < times.stop)
        x = np.zeros((len(steps), self.net.n_inputs))
        x[:, 0] = 1
        if k is not None and noise:
            rng = np.random.default_rng([self.recipe.seed, 3, k])
            tau, deviation = trial["stimulus_tau"], trial["stimulus_amplitude"]
            x[on, 1:] = wander(rng, on.sum(), self.net.n, every * dt, tau, deviation, 0.0)
        elif k is not None:
            x[on, 1 + k] = 1
        return x, every

    @property
    def held(self) -> dict[str, int]:
        """For how many steps each kind of sample is held."""
        return {"y": self.times.update, "x": self.inputs(None)[1], "rates": self.times.sample}

    @property
    def steps(self) -> int:
        """Steps of a trial: the last update comes at the end of its duration."""
        return self.times.end + 1

    def before(self) -> Results:
        """Run the network without plastic currents, stimulus and learning."""
        units = self.net.n_feedforward
        silence = np.zeros((len(self.times.times(self.times.sample)), units)) if units else None
        state = {"plastic.w": np.zeros(len(self.net.plastic))}
        return self.simulation.run(
            x=self.inputs(None)[0], rates=silence, steps=self.steps, every=self.held, learning=False, state=state
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
        chosen = match(np.mean([r.mean(axis=0) for r in self.rates.values()], axis=0), rates)
        new = np.empty(n, int)
        new[np.concatenate([chosen, np.setdiff1d(np.arange(n), chosen)])] = np.arange(n)
        kernel = self.net.recurrent
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
        sigma = static.std(axis=0).mean() / np.sqrt(values["target"]["noise_scale"] * values["network"]["tau_syn"] * 1e3)
        for recorded in self.rates.values():
            y = np.zeros((times.rows, n))
            y[times.learned, : self.cells] = mean_input(recorded, sigma, tau=values["network"]["tau_mem"])
            targets.append(y)
        return targets

    def follow(self, results: Results, target: np.ndarray) -> float:
        """Return the mean over the trained neurons of r between total inputs, averaged in windows, and targets."""
        total = results.recorded["I_static"].values + results.recorded["I_plastic"].values
        rows, half = self.times.learned, round(self.recipe.values["run"]["window"] / 2 / self.recipe.dt)
        span = (self.times.stop, results.n_steps)
        means = window_means(total, self.times.sample, rows * self.times.update, half, span)
        return float(np.nanmean(correlation(means, target[rows, : self.cells])))


def run(
    recipe: Recipe,
    target: str | None = None,
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
    targets = fit.targets(before)
    rng = np.random.default_rng([recipe.seed, 4])
    conditions = [
        Condition(name, targets[k], fit.inputs(k)[0], feedforward_rates(recipe, fit.times, rng))
        for k, name in enumerate(fit.names)
    ]
    separate = fit.net.plastic.pre >= n if fit.net.n_feedforward else None
    trials = Trials(fit.simulation, conditions, steps=fit.steps, every=fit.held, separate=separate)
    loops, test_every = recipe.values["run"]["loops"], recipe.values["run"]["test_every"]
    learned, tested = {}, {0: fit.follow(trials.test(fit.names[0]), targets[0])}
    say(f"loop 0: r {tested[0]:.4f}")
    done_steps, began, last = 0, time.perf_counter(), before

    def after(loop: int, condition: str, results: Results) -> None:
        k = fit.names.index(condition)
        learned.setdefault(loop, []).append(fit.follow(results, targets[k]))
        say(f"loop {loop} {condition}: r while learning {learned[loop][-1]:.4f}, {results.timings}")
        if progress is not None:
            progress((loop - 1) * len(fit.names) + k + 1, loops * len(fit.names))

    seconds = []
    while trials.loops < loops and not trials.interrupted:
        began = time.perf_counter()
        some = min(test_every - trials.loops % test_every, loops - trials.loops)
        trials.train(some, after=after)
        seconds.append((time.perf_counter() - began) / some)
        if not trials.interrupted:
            last = trials.test(fit.names[0], trials.loops)
            tested[trials.loops] = fit.follow(last, targets[0])
            say(f"loop {trials.loops}: r {tested[trials.loops]:.4f}, {seconds[-1]:.2f} s a loop")
    numbers["correlation"] = tested[max(tested)]
    if learned:
        numbers["correlation_while_learning"] = float(np.mean(learned[max(learned)]))
    if seconds and not trials.interrupted:
        numbers["seconds_per_loop"] = float(np.median(seconds))
    period = recipe.values["trial"]["duration"] * len(fit.names)
    curve = {
        "time": np.array(sorted(tested)) * period,
        "correlation": np.array([tested[loop] for loop in sorted(tested)]),
    }
    return Outcome(replace(last, learning_curve=curve), numbers)


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
    slow = {"numpy": 20, "cython": 3}.get(target, 1)
    trial = times.end * (1e-6 + 5e-9 * n) + times.end * recipe.dt * 9 * n * 2 * network["K"] * 1.5e-9
    updates = len(times.learned) * P * 0.4e-9
    runs = loops * conditions
    return Forecast(memory, slow * (runs * (trial + updates) + (2 + loops / 10) * trial), (runs + 2) * times.end)


PROTOCOL = Protocol(
    sections=SECTIONS, expected=EXPECTED, forecast=forecast, run=run, files={("target", "data"): ""}
)
