"""Rate networks fitted to recorded activity, and their currents by source region: CURBD, CORNN.

In closed loop as Perich et al. 2020, doi:10.1101/2020.12.18.423348. Step i of a run begins with the rates
``r(i) = tanh(a(i))``; all weights learn from ``r(i)`` and the sample before the one at this time. By
regression, without a run, in `tension_sim.regression`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, TypedDict, Unpack, cast

import numpy as np

from ..circuit.names import NEURONS, PLASTIC, PLASTIC_RULE, PLASTIC_WEIGHTS, RULE, STEP, entries, entry
from ..circuit.triangles import pack
from ..declare.converted import Number
from ..declare.described import Described
from ..declare.equations import SEED
from ..declare.learning import Learning
from ..declare.masks import check_regions, check_trainable, masked_kernel, weight_mask
from ..declare.network import ForceNetwork
from ..declare.noise import normal
from ..declare.options import Default, chosen, grouped
from ..declare.plasticity import Plastic
from ..declare.validation import check_choice, check_matrix, check_positive, check_series, check_whole
from ..declare.values import seconds
from ..errors import InvalidValueError, message, problem
from ..regression.dynamics import DYNAMICS, Dynamics
from ..regression.one_step import OneStep
from ..regression.weights import WeightFit, fit_weights
from ..results.phases import LEARNING, TEST, Phase
from ..results.results import Results, first_multiple
from ..system.progress import Progress, progress_of
from ..tasks.surrogate import gaps_marked, skipping
from .journal import Values, looping
from .recorded_rates import check_rates, check_resets, check_time_constant, warn_of_regression
from .regression_options import CLOSED_LOOP, RegressionOptions, check_method, chosen_neurons, fitting_of
from .simulation import Simulation, Target

__all__ = ["DataConstrainedNetwork", "FitHistory"]

#: Equation file of each kind of `tension_sim.regression.dynamics`, and the largest rate that it can follow.
_FILES = {"current": ("filtered_noise", 0.999), "rate": ("rate_filtered_noise", 1.0)}

Pair = tuple[str, str]


@dataclass(frozen=True)
class FitHistory:
    """Measures of how well each run followed the data.

    Attributes
    ----------
    p_var : ndarray, shape (runs,)
        Explained variance: 1 - mean squared difference over the variance of all data.
    chi2 : ndarray, shape (runs,)
        Sum over the samples of the mean squared error that the rule sees (one sample behind).
    learned : ndarray of bool, shape (runs,)
        Whether the weights learned; False for the free runs.
    """

    p_var: np.ndarray
    chi2: np.ndarray
    learned: np.ndarray

    def __add__(self, other: FitHistory) -> FitHistory:
        pairs = ((getattr(self, name), getattr(other, name)) for name in ("p_var", "chi2", "learned"))
        return FitHistory(*(np.concatenate(pair) for pair in pairs))


class UnitOptions(TypedDict, total=False):
    """The units, and how finely their activity is computed."""

    regions: Annotated[Mapping[str, Sequence[int]] | None, Default(None)]
    dynamics: Annotated[str, Default("current")]
    dt_factor: Annotated[int, Default(1)]
    g: Annotated[float, Default(1.5)]
    tau: Annotated[Number, Default("10*ms")]
    tau_noise: Annotated[Number, Default("100*ms")]
    noise_amplitude: Annotated[float, Default(0.01)]
    alpha_P: Annotated[float, Default(1.0)]


class WeightOptions(TypedDict, total=False):
    """Which weights exist, and which of these learn."""

    connections: Annotated[Any, Default(None)]
    trainable: Annotated[Any, Default(None)]


class DataOptions(TypedDict, total=False):
    """How the recorded activity is read."""

    reset_points: Annotated[Iterable[int], Default(())]
    nan: Annotated[str, Default("refuse")]
    normalize: Annotated[bool, Default(True)]


class RunOptions(TypedDict, total=False):
    """Seed, engine and name."""

    seed: Annotated[int, Default(0)]
    dtype: Annotated[str, Default("float64")]
    target: Annotated[Target | None, Default(None)]
    threads: Annotated[int | None, Default(None)]
    name: Annotated[str, Default("data_constrained")]


class DataConstrainedOptions(UnitOptions, WeightOptions, DataOptions, RunOptions, total=False):
    """All keyword arguments of `DataConstrainedNetwork`."""


class DataConstrainedNetwork(Described):
    """A network of rate units, each of which learns to follow the record of one neuron.

    Parameters
    ----------
    data : array-like, shape (samples, neurons)
        Recorded activity.
    dt_data : float or str
        Time from sample to sample; seconds, or text with unit.
    regions : mapping of str to array of int, optional
        The neurons of each region; each neuron is in one of them. By default all are in one.
    dynamics : str, optional
        ``"current"``: a unit filters its input a, and its rate is tanh(a), as published for CURBD;
        ``"rate"``: it takes the tanh of its input and filters that, as published for CORNN.
    dt_factor : int, optional
        Integration steps per sample.
    g : float, optional
        Scale of the initial weights: normal, of deviation g/sqrt(neurons).
    tau, tau_noise : float or str, optional
        Time constants of the units and of their noise.
    noise_amplitude : float, optional
        Scale of the noise; it is the same in every run.
    alpha_P : float, optional
        P(0) = alpha_P I, of all weights.
    connections, trainable : array of bool, shape (neurons, neurons), or mapping, optional
        Which weights exist, and which of these learn; by default all. An array counts from row to
        column; a mapping names ``(target region, source region)``, with True, False, or an array of
        shape (source neurons, target neurons). Neurons with the same trainable inputs share one P.
    reset_points : sequence of int, optional
        Samples at which a trial begins: there the units are set to the data, as at the start.
    nan : str, optional
        ``"refuse"`` or ``"skip"``: where the data have gaps, weights do not learn.
    normalize : bool, optional
        Divide the data by their maximum. In any case they are clipped to +-0.999, or to +-1 with
        ``dynamics="rate"``.
    seed : int, optional
        Of weights and noise.
    dtype, target, threads, name
        As for `ForceNetwork` and `Simulation`.

    Attributes
    ----------
    data : ndarray, shape (samples, neurons)
        As the units follow it: normalized, clipped, NaN where there is none.
    net : ForceNetwork
        The declaration.
    history : FitHistory
        Of all runs so far.
    regression : WeightFit or None
        The last fit by regression: weights, their standard errors, iterations, time.
    rates : ndarray, shape (steps, neurons), or None
        Of the last run, every integration step.
    results : Results or None
        The last run: output and target have a row for each sample.

    Raises
    ------
    InvalidValueError, InvalidTypeError, UnknownNameError
        If data, regions or masks do not fit.

    Notes
    -----
    As published, the data's value stands in for a unit's input current where a run or trial
    begins, and the first sample of a trial is compared with the last one of the trial before.

    Examples
    --------
    >>> data = np.sin(np.arange(20)[:, None] / 3 + np.arange(4))
    >>> model = DataConstrainedNetwork(data, "10*ms", regions={"A": [0, 1], "B": [2, 3]}, target="numpy")
    >>> len(model.fit(2).p_var)
    2
    >>> currents = model.decompose()
    >>> currents["A", "B"].shape
    (20, 2)
    """

    @grouped(DataConstrainedOptions)
    def __init__(
        self,
        data: Any,
        dt_data: Number,
        **options: Unpack[DataConstrainedOptions],
    ) -> None:
        where = type(self).__name__
        self.dynamics: str = check_choice(f"{where}.dynamics", options["dynamics"], DYNAMICS)
        file, largest = _FILES[self.dynamics]
        reading = options["nan"], options["normalize"], largest, options["name"]
        self.data: np.ndarray = check_rates(f"{where}.data", data, *reading)
        samples, n = self.data.shape
        self.regions: dict[str, np.ndarray] = check_regions(f"{where}.regions", options["regions"], n)
        self.dt_factor: int = check_whole(f"{where}.dt_factor", options["dt_factor"], 1)
        self.n_steps: int = (samples - 1) * self.dt_factor + 1
        self.reset_points: list[int] = check_resets(f"{where}.reset_points", options["reset_points"], samples)
        g = check_positive(f"{where}.g", options["g"])
        noise = check_matrix(f"{where}.noise_amplitude", options["noise_amplitude"], (), "one number")
        seed = check_whole(f"{where}.seed", options["seed"], 0)
        exists, learns = self._masks(where, **chosen(WeightOptions, options), name=options["name"])
        given = {"dt_data": dt_data, "tau": options["tau"], "tau_noise": options["tau_noise"]}
        times = {
            key: check_positive(f"{where}.{key}", seconds(f"{where}.{key}", value)) for key, value in given.items()
        }
        check_time_constant(f"{where}.tau", times["tau"], times["dt_data"], self.dt_factor)
        # numpy draws the same from [seed, 0] as from seed, from which simulated data may have their weights
        J = np.random.default_rng([seed, 2]).standard_normal((n, n)) * g / math.sqrt(n)
        static = masked_kernel(J, exists & ~learns)
        kernel = None if learns.all() else masked_kernel(J, learns)
        learning = Learning(alpha_P=options["alpha_P"], update_every=self.dt_factor)
        self.net: ForceNetwork = ForceNetwork(
            file, None, n, times["dt_data"] / self.dt_factor, static, None, None,
            parameters={key: f"{times[key]!r}*second" for key in ("tau", "tau_noise")}
            | {"noise_amplitude": float(noise)},
            initial={"a": 0.0}, dtype=options["dtype"], seed=seed,
            plastic=Plastic(J if kernel is None else kernel, learning, error=skipping("unit*(r - y)"), when="start"),
        )  # fmt: skip
        self.simulation: Simulation = Simulation(
            self.net, target=options["target"], threads=options["threads"], name=options["name"]
        )
        self.history: FitHistory = FitHistory(np.empty(0), np.empty(0), np.empty(0, bool))
        self.rates: np.ndarray | None = None
        self.results: Results | None = None
        self.regression: WeightFit | None = None
        self._learned: dict[str, Any] = {}
        self._weights = J * exists
        self._learns = learns
        self._steps = Dynamics.of(self.dynamics, self.net.dt / times["tau"], self.dt_factor)

    def _masks(self, where: str, connections: Any, trainable: Any, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Return which weights exist, and which of these learn."""
        n = self.data.shape[1]
        exists = weight_mask(f"{where}.connections", connections, self.regions, np.ones((n, n), bool))
        learns = exists if trainable is None else weight_mask(f"{where}.trainable", trainable, self.regions, exists)
        check_trainable(f"{where}.trainable", learns, exists, name)
        return exists, learns

    def _describe(self) -> dict[str, object]:
        shown: dict[str, object] = {"name": self.simulation.name, "neurons": self.net.n, "samples": len(self.data)}
        shown |= {"regions": ", ".join(self.regions), "runs": len(self.history.p_var)}
        if len(self.history.p_var):
            shown["explained variance"] = round(float(self.history.p_var[-1]), 4)
        return shown

    @property
    def weights(self) -> np.ndarray:
        """All weights, from row to column, shape (neurons, neurons)."""
        return self._weights.copy()

    @grouped(RegressionOptions)
    def fit(
        self,
        runs: int = 1,
        free_runs: int = 0,
        *,
        method: str = CLOSED_LOOP,
        progress: Progress = None,
        **options: Unpack[RegressionOptions],
    ) -> FitHistory:
        """Run through the data again and again, with learning; weights and P go on from run to run.

        Parameters
        ----------
        runs, free_runs : int
            Runs with learning, then runs without.
        method : str, optional
            ``"closed_loop"``: the weights learn while the network runs, as published for CURBD.
            ``"teacher_forced"``: recursive least squares on the recorded rates, without a run. Data stand in
            for the rates, the targets are the inputs that would give the next sample; `runs` is the number of
            passes, which are solved at once (`tension_sim.regression.least_squares`). P goes on too.
            ``"convex"``: the weights of least weighted cross-entropy from sample to sample, as CORNN
            (`tension_sim.regression.cross_entropy`); `runs` is 1.
            Runs without learning follow in closed loop, whatever the method.
        progress : bool or callable, optional
            True shows a bar, in a notebook too. A function is called as ``progress(steps_done, steps)``,
            over all of these runs.
        neurons : array of int, optional
            By regression: the neurons whose incoming weights are fitted; by default all.
        part : float, optional
            By regression: part of the pairs of neighbouring samples that is used, drawn by the seed.
        standard_errors : bool, optional
            By regression: whether `regression` gets the standard error of each weight.
            ``"convex"``: inv(H) V inv(H), see `tension_sim.regression.standard_errors`, at the cost of three matrix
            products for each neuron; ``"teacher_forced"``: s^2 P X'X P, with the residual variance s^2 of
            each neuron. Infinite for the weights of a neuron that is silent throughout.
        ridge, saturation, tolerance, iterations
            Of the convex fit, see `tension_sim.regression.cross_entropy.ConvexOptions`.

        Returns
        -------
        FitHistory
            Of these runs; `history` has all. After Ctrl-C, or when a notebook's kernel is interrupted, of those
            that came to their end. A fit by regression is no run; `regression` holds it.

        Raises
        ------
        InvalidTypeError, InvalidValueError
            If an option cannot work, or has no effect with the method.
        """
        where = "DataConstrainedNetwork.fit"
        check_whole(f"{where}.runs", runs, 0)
        check_whole(f"{where}.free_runs", free_runs, 0)
        check_method(where, method, runs, options)
        if method != CLOSED_LOOP:
            self._regress(where, method, runs, options)
            runs = 0
        total = runs + free_runs
        course = Values(p_var=[], chi2=[], timings=[], learned=self._learned, weights=self._weights)
        with progress_of("DataConstrainedNetwork.fit.progress", progress, self.simulation.name) as report:

            def at_step(done: int) -> None:
                if report is not None:
                    report(len(course["p_var"]) * self.n_steps + done, total * self.n_steps)

            try:
                with looping("runs", course) as loop:
                    while (run := len(course["p_var"])) < total:
                        loop.point()
                        self._learned, self._weights = course["learned"], course["weights"]
                        results = self._run(run < runs, 0, at_step)
                        course["timings"] += [results.timings]
                        if results.interrupted:
                            break
                        rates = cast(np.ndarray, self.rates)  # the run has set them
                        errors = self.explained_variance(rates), self._chi2(rates)
                        course["p_var"] += [errors[0]]
                        course["chi2"] += [errors[1]]
                        course.update(learned=self._learned, weights=self._weights)
            except KeyboardInterrupt:  # between two runs
                if self.results is None:
                    raise
        p_var, chi2, timings = course["p_var"], course["chi2"], course["timings"]
        history = FitHistory(np.array(p_var), np.array(chi2), np.arange(len(p_var)) < runs)
        self.history = self.history + history
        if self.results is not None:
            ends = self.net.dt * self.n_steps * np.arange(1, len(self.history.p_var) + 1)
            curve = {"time": ends, "p_var": self.history.p_var, "chi2": self.history.chi2}
            spent = {key: sum(timing[key] for timing in timings) for key in ("build", "run")}
            self.results = replace(self.results, learning_curve=curve, timings=spent)
        return history

    def _regress(self, where: str, method: str, passes: int, options: RegressionOptions) -> None:
        """Fit the weights without a run, and put them where runs find them."""
        plastic = cast(Plastic, self.net.plastic)
        fitting = fitting_of(where, method, passes, plastic.learning.alpha_P, options)
        chosen = chosen_neurons(where, options["neurons"], self.net.n)
        rng = np.random.default_rng([self.net.seed, 1])
        pairs = OneStep.of(self.data, self._steps, tuple(self.reset_points), options["part"], rng, f"{where}.data")
        self.regression = fit = fit_weights(pairs, self._weights, self._learns & chosen, fitting)
        warn_of_regression(pairs, fit, fitting, self.simulation.name)
        self._weights = fit.weights
        kernel, state = plastic.kernel, {} if fit.P else self._learned
        if fit.P and chosen.all():
            state = {entry(PLASTIC_RULE, "P_packed"): np.concatenate([pack(P) for P in fit.P])}
        self._learned = state | {PLASTIC_WEIGHTS: fit.weights[kernel.pre, kernel.post][kernel.row_order()]}

    def predict(self, *, trial: int = 0) -> Results:
        """Run without learning.

        Parameters
        ----------
        trial : int, optional
            The noise of trial 0 is that of `fit`.

        Returns
        -------
        Results
            Output and target have a row for each sample; `rates` has all steps.
        """
        return self._run(False, check_whole("DataConstrainedNetwork.predict.trial", trial, 0))

    def decompose(self, rates: Any = None, *, only: str = "all") -> dict[Pair, np.ndarray]:
        """Return each region's input currents by source region; their sum is its recurrent input.

        Parameters
        ----------
        rates : array, shape (times, neurons), optional
            By default those of the last run, every integration step.
        only : str, optional
            ``"all"`` weights, or only the ``"excitatory"`` or ``"inhibitory"`` ones.

        Returns
        -------
        dict of (target region, source region) to ndarray, shape (times, neurons of the target)

        Raises
        ------
        InvalidValueError
            If nothing was run yet and no rates are given.
        """
        where = "DataConstrainedNetwork.decompose"
        check_choice(f"{where}.only", only, ("all", "excitatory", "inhibitory"))
        if rates is None:
            if self.rates is None:
                raise InvalidValueError(
                    problem(f"{where}.rates", "nothing was run yet", None, "pass rates, or call fit first.")
                )
            rates = self.rates
        rates, n = check_series(f"{where}.rates", rates), self.net.n
        if rates.shape[1] != n:
            raise InvalidValueError(message(f"{where}.rates", f"shape (times, {n})", rates.shape))
        signs = {"excitatory": np.maximum, "inhibitory": np.minimum}
        J = signs[only](self._weights, 0) if only in signs else self._weights
        return {
            (target, source): rates[:, j] @ J[np.ix_(j, i)]
            for target, i in self.regions.items()
            for source, j in self.regions.items()
        }

    def explained_variance(self, rates: Any) -> float:
        """Return the explained variance, as `FitHistory.p_var`, of some rates, shape (steps, neurons).

        Raises
        ------
        InvalidValueError, InvalidTypeError
            If the rates are not those of every integration step of a run.
        """
        where, shape = "DataConstrainedNetwork.explained_variance.rates", (self.n_steps, self.net.n)
        rates, known = check_series(where, rates), np.isfinite(self.data)
        if rates.shape != shape:
            raise InvalidValueError(message(where, f"shape {shape}: integration steps, neurons", rates.shape))
        difference = (self.data - rates[:: self.dt_factor])[known]
        return float(1 - np.mean(difference**2) / np.var(self.data[known]))

    def _chi2(self, rates: np.ndarray) -> float:
        errors = rates[self.dt_factor :: self.dt_factor] - self.data[:-1]
        return float(np.mean(np.nan_to_num(errors) ** 2, axis=1).sum())

    def _run(self, learning: bool, trial: int, report: Callable[[int], None] | None = None) -> Results:
        """Run from the first sample to the last, or to where it was interrupted."""
        n, f = self.net.n, self.dt_factor
        rates = np.empty((self.n_steps, n))
        begins = [0, *self.reset_points]
        # a run's first step is step 1, so that updates fall on the samples, which are multiples of f
        bounds = [1, *(sample * f for sample in self.reset_points), self.n_steps]
        noise, timings = self._first_noise(trial), {"build": 0.0, "run": 0.0}
        for sample, start, stop in zip(begins, bounds, bounds[1:], strict=False):
            a = _next_known(self.data, sample)
            rates[start] = np.tanh(a) if self.dynamics == "current" else a
            if sample == 0:
                rates[0] = rates[start]
            if start == stop:  # sample 1 begins a trial, too, and is step 1
                continue
            given = entries(NEURONS, {"a": a, "r": rates[start], "noise": noise}) | {STEP: start}
            y, every = self._samples(start, stop) if learning else (None, 1)
            results = self.simulation.run(
                y, steps=stop - start, every={"y": every}, learning=learning, trial=trial, state=self._learned | given,
                progress=None if report is None else _from(start, report),
            )  # fmt: skip
            reached = min(start + 1 + len(results.output), stop)
            rates[start + 1 : reached] = results.output[: reached - start - 1]
            noise = results.state[entry(NEURONS, "noise")]
            if learning:
                self._learned = {k: v for k, v in results.state.items() if k.startswith((PLASTIC, RULE))}
            timings = {key: timings[key] + results.timings[key] for key in timings}
            if results.provenance["interrupted"]:
                break
        self.rates = rates[:reached]
        if learning:
            static = 0.0 if self.net.recurrent is None else self.net.recurrent.to_dense()
            self._weights = results.weights["recurrent_kernel"] + static
        output = self.rates[::f]
        self.results = Results(
            name=self.simulation.name, dt=self.net.dt, first_step=0, n_steps=reached, n_neurons=n,
            spike_step=np.empty(0), spike_neuron=np.empty(0), n_recorded_neurons=0, record_every=f,
            output=output, target=self.data[: len(output)],
            phases=(Phase(LEARNING if learning else TEST, 0, reached),),
            weights={"recurrent_kernel": self.weights}, state=results.state, provenance=results.provenance,
            timings=timings, net=self.net,
        )  # fmt: skip
        return self.results

    def _samples(self, start: int, stop: int) -> tuple[np.ndarray, int]:
        """Return the sample before each step from `start` on, and for how many steps each is held."""
        y, f = gaps_marked(self.data), self.dt_factor
        if (start - 1) % f == 0:
            return y[(start - 1) // f : first_multiple(stop - 1, f) // f], f
        return y[(np.arange(start, stop) - 1) // f], 1

    def _first_noise(self, trial: int) -> np.ndarray:
        """Return the noise of step 1, one step of the filter after the 1 of step 0."""
        n, values = self.net.n, self.net.parameter_values
        tau, dt = values["tau_noise"].value, self.net.dt
        seed = self.simulation.wiring.noise(trial)[entry(NEURONS, SEED)]
        white = math.sqrt(tau / dt) * normal(seed, 0, np.arange(n))
        return white + (1 - white) * math.exp(-dt / tau)


def _from(start: int, report: Callable[[int], None]) -> Callable[[int, int], None]:
    """Return what reports the progress of a run that begins at a step."""
    return lambda done, _: report(start + done)


def _next_known(data: np.ndarray, sample: int) -> np.ndarray:
    """Return a row of the data; for what is missing, the next value that is there, or the last one."""
    row = data[sample].copy()
    for neuron in np.flatnonzero(np.isnan(row)):
        known = np.flatnonzero(np.isfinite(data[:, neuron]))
        later = known[known > sample]
        row[neuron] = data[later[0] if len(later) else known[-1], neuron]
    return row
