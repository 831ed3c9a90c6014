"""fit, predict and evaluate for any Brian2 network."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import brian2
import numpy as np
from brian2.monitors.spikemonitor import SpikeMonitor

from ...circuit.names import entry
from ...circuit.unwatched import check_unwatched
from ...declare.checkpoint import Checkpoint, check_checkpoint
from ...declare.described import Described
from ...declare.series import values_of
from ...declare.validation import check_flag, check_numbers, check_steps, check_whole
from ...errors import DivergenceError, InvalidValueError, message, problem
from ...results.phases import LEARNING, TEST
from ...results.run_data import MaybeNone
from ...system.progress import Progress, check_progress, progress_of
from ..rls import RLS
from ..standalone import is_standalone
from .arguments import check_metrics, check_network, check_output, check_signals, validation_pair
from .data import Trial, by_argument, trials_of
from .engine import Engine
from .fresh import state_variables
from .history import Callbacks, History, ProgressBar
from .identity import Plan, identity_of_fit
from .notes import Notes, Place, noting
from .records import Records, joined, monitors_of, output_recorder
from .results import Run, TrainerResults
from .runtime import RuntimeEngine
from .standalone import StandaloneEngine
from .state_file import read_state, write_state

__all__ = ["Trainer"]


class Trainer(Described):
    r"""Train a Brian2 network by fit, predict and evaluate, as Keras trains a model.

    On runtime targets the network runs in this process. On cpp_standalone it is compiled once:
    each epoch, trial, validation and prediction is another run of the same program. From run to
    run everything goes on: variables, weights and P, synapses, spikes that are still under way in
    delays, random numbers, and the time. `predict`, `evaluate` and validation learn nothing and
    leave the network as it was.

    Parameters
    ----------
    network : Network
        With all that is named below, not run yet on a standalone device.
    output : LinearMap or (group, variable name)
        What is compared with the target.
    target : Signal, optional
        Plays the target, the y of `fit`. What learns it are the `RLS` objects of the network.
    inputs : Signal, or mapping of str to Signal, optional
        Plays the input, the x of `fit`; with a mapping x is one too.
    stateful : bool, optional
        Whether the state of each trial goes on from the one before, as by default. With False
        each trial begins with the state that the network had before its first run, with no
        spikes under way; the weights that learn, P, random numbers and the time go on.
    metrics : callable, or mapping of str to callable, optional
        More numbers for the History, as ``metric(y, z)`` of arrays (timesteps, outputs) in SI
        units, beside ``loss`` (mean squared error) and ``mae`` (mean absolute error).

    Attributes
    ----------
    results : TrainerResults
        Of the last `fit`, `predict` or `evaluate`: output, target, spikes, weights over epochs,
        and ``to_neo()``.
    history : History
        Of the last `fit`.
    stop_training : bool
        A callback sets it to end `fit` after the epoch.
    interrupted : bool
        Whether Ctrl-C ended the last run early.

    Raises
    ------
    InvalidTypeError, InvalidValueError
        If an argument cannot work; nothing has been generated then.
    UnsupportedError
        On a device whose programs cannot go on from run to run.

    Examples
    --------
    >>> import numpy as np
    >>> from brian2 import Network, NeuronGroup, defaultclock, ms
    >>> from tension_sim.brian import RLS, LinearMap, Signal, Trainer
    >>> x, y = Signal([0.0]), Signal([0.0])
    >>> units = NeuronGroup(3, "dr/dt = (tanh(i + drive) - r)/(1*ms) : 1\ndrive : 1 (linked)", method="euler")
    >>> from brian2 import linked_var
    >>> units.drive = linked_var(x, "value", index=np.zeros(3, dtype=int))
    >>> readout = LinearMap(units, "r", weights=np.zeros((1, 3)))
    >>> network = Network(x, y, units, readout, RLS(readout, target=y, alpha_P=1.0))
    >>> trainer = Trainer(network, inputs=x, target=y, output=readout)
    >>> wave = np.sin(np.arange(100.0)/5)
    >>> history = trainer.fit(wave, wave, epochs=3, verbose=0)
    >>> history.history["loss"][2] < history.history["loss"][0]
    True
    >>> trainer.predict(wave).shape
    (100, 1)
    """

    def __init__(
        self,
        network: Any,
        *,
        output: Any,
        target: Any = None,
        inputs: Any = None,
        metrics: Any = None,
        stateful: bool = True,
    ) -> None:
        members = check_network(network)
        self.network = network
        self.output_group: Any
        self.output_variable: str
        self.output_group, self.output_variable = check_output(output, members)
        self.inputs = inputs
        clock = self.output_group.clock
        #: Signals by the name of their argument: "y", "x", or "x['name']".
        self._signals = check_signals(target, inputs, members, clock)
        self._clock = clock
        self._metrics = {"loss": _mse, "mae": _mae, **check_metrics(metrics)}
        self.stateful: bool = check_flag("Trainer.stateful", stateful)
        self._start: dict[str, Any] | None = None
        self._rules = [one for one in members if isinstance(one, RLS)]
        self._recorder = output_recorder(network, self.output_group, self.output_variable, clock)
        self._engine: Engine | None = None
        self._learning: dict[str, int] = {}
        self.results: TrainerResults | MaybeNone = None  # until the first verb
        self.history: History = History()
        self.stop_training: bool = False
        self.interrupted: bool = False

    def _describe(self) -> dict[str, object]:
        shown: dict[str, object] = {"network": self.network.name}
        shown["output"] = f"{self.output_group.name}.{self.output_variable}"
        shown |= {"rules": ", ".join(rule.name for rule in self._rules), "epochs": len(self.history.epoch)}
        return shown | {name: round(values[-1], 6) for name, values in self.history.history.items() if values}

    # ---- the verbs ----

    def fit(
        self,
        x: Any = None,
        y: Any = None,
        epochs: int = 1,
        verbose: Any = "auto",
        callbacks: Any = None,
        validation_data: Any = None,
        initial_epoch: int = 0,
        validation_freq: int = 1,
        steps: int | None = None,
        checkpoint: Checkpoint | str | Path | None = None,
        progress: Progress = None,
    ) -> History:
        """Learn a target, epoch by epoch; the state goes on from each run to the next.

        Parameters
        ----------
        x, y : array, shape (timesteps, channels) or (trials, timesteps, channels)
            Samples of the inputs and of the target, with their units. Each trial is a run. Those
            of a `numpy.memmap`, or of a ``.npy`` file given by its path, stay in the file, which
            each run reads in pieces; the target of the results is in memory, as the output is.
        epochs : int
            How often they are played, counted from 0.
        verbose : {"auto", 0, 1, 2}
            Silent (0), a progress bar (1), or one line per epoch (2).
        callbacks : callable, object, or list of these, optional
            Functions called as ``f(epoch, logs)`` after each epoch, and objects with the hooks of
            Keras' callbacks, those of Keras included.
        validation_data : (x, y), optional
            Measured after epochs, as by `evaluate`; gives ``val_loss`` and the like.
        initial_epoch, validation_freq : int, optional
            As in Keras.
        steps : int, optional
            Time steps of an epoch where no samples are given.
        checkpoint : Checkpoint or path of a folder, optional
            Where the whole state is written while the fit goes on, within epochs too, and what it goes
            on from after a kill. Callbacks are called for the epochs that follow. Random numbers that
            Brian2 before 2.11 draws in advance on Cython are kept by it alone: such a network is
            noted between trials.
        progress : bool or callable, optional
            True shows a bar over all epochs, in a notebook too, in place of `verbose`'s own. A function is
            called as ``progress(steps_done, steps)``, over all epochs.

        Returns
        -------
        History
            Also after Ctrl-C, or when a notebook's kernel is interrupted, of all epochs that were complete;
            `interrupted` is True then, and the network is where the interrupt found it.

        Raises
        ------
        InvalidValueError, InvalidTypeError, UnitsError
            If the samples do not fit the signals.
        DivergenceError
            If learning diverged; ``error.results`` is what was reached.
        """
        checkpoint = check_checkpoint("Trainer.fit.checkpoint", checkpoint)
        epochs = check_whole("Trainer.fit.epochs", epochs, 1)
        first = check_whole("Trainer.fit.initial_epoch", initial_epoch, 0)
        frequency = check_whole("Trainer.fit.validation_freq", validation_freq, 1)
        trials, _ = self._trials("fit", x, y, steps, needs_y=bool(self._rules))
        validation = None
        if validation_data is not None:
            pair = validation_pair(validation_data)
            validation, _ = self._trials("fit.validation_data", *pair, None, needs_y=True)
        check_progress("Trainer.fit.progress", progress, "progress(steps_done, steps)")
        bar = ProgressBar(0 if progress and verbose == "auto" else verbose)
        bar.first, bar.epochs, bar.steps = first, epochs, sum(trial.steps for trial in trials)
        params = {"epochs": epochs, "steps": bar.steps, "verbose": bar.verbose}
        listed = Callbacks("Trainer.fit.callbacks", callbacks, self, params)
        self._prepare()
        self.history, self.stop_training, self.interrupted = History(), False, False
        self.history.params = params
        self.results = results = self._new_results()
        weights: dict[str, list[np.ndarray]] = {name: [] for name in self._learned()}
        plan = Plan(trials, validation, frequency, first, epochs)
        listed.call("on_train_begin", {})
        logs: dict[str, float] = {}
        with (
            progress_of("Trainer.fit.progress", progress, self.network.name) as bar.report,
            noting(
                self._chosen, checkpoint, lambda: identity_of_fit(self._chosen.kind, self.network, plan, self.stateful)
            ) as notes,
        ):
            self._start = notes.attach(results, weights, self.history, self._start) or self._start
            try:
                logs = self._epochs(results, plan, notes, weights, bar, listed)
                notes.place.complete = not self.interrupted
            except KeyboardInterrupt:  # between two runs
                self.interrupted = True
                notes.write_last()
            finally:
                results.weights = {name.rpartition(".")[0]: _stacked(kept) for name, kept in weights.items()}
                self._chosen.finish()
            if notes.place.complete and notes.has_written():
                notes.write()
        listed.call("on_train_end", logs)
        return self.history

    def _epochs(
        self, results: TrainerResults, plan: Plan, notes: Notes, weights: dict[str, list[np.ndarray]],
        bar: ProgressBar, listed: Callbacks,
    ) -> dict[str, float]:  # fmt: skip
        """Learn from where the notes say on; return the last epoch's loss and metrics."""
        logs: dict[str, float] = {}
        if notes.place.complete:
            return {name: values[-1] for name, values in self.history.history.items()}
        for epoch in range(max(plan.first, notes.place.epoch), plan.epochs):
            bar.on_epoch_begin(epoch)
            listed.call("on_epoch_begin", epoch, {})
            if notes.place.epoch < epoch:
                notes.place = Place(epoch)
            logs = self._runs(results, plan.trials, f"epoch {epoch + 1}", learning=True, progress=bar.show, notes=notes)
            if self.interrupted:
                break
            results.runs[-1] = replace(results.runs[-1], epoch=epoch)
            if plan.validation is not None and (epoch + 1) % plan.frequency == 0:
                logs |= self._validated(plan.validation, listed)
                if self.interrupted:
                    notes.write_last()  # it measures again
            for name, kept in weights.items():
                kept.append(self._chosen.get(name).ravel())
            if self.interrupted:
                break
            for one in (self.history, bar):
                one.on_epoch_end(epoch, logs)
            notes.place = Place(epoch + 1)
            listed.call("on_epoch_end", epoch, logs)
            if self.stop_training:
                break
        return logs

    def _validated(self, trials: list[Trial], listed: Callbacks) -> dict[str, float]:
        listed.call("on_test_begin", {})
        measured = self._aside(self._new_results(), trials, "validation")
        listed.call("on_test_end", measured)
        return {f"val_{name}": value for name, value in measured.items()}

    def predict(self, x: Any = None, steps: int | None = None) -> np.ndarray:
        """Return the output for an input, without learning; the network stays as it was.

        Parameters
        ----------
        x : array, shape (timesteps, channels) or (trials, timesteps, channels), optional
            As for `fit`.
        steps : int, optional
            Time steps where no x is given.

        Returns
        -------
        array, shape (timesteps, outputs) or (trials, timesteps, outputs)
            In SI units; shorter after Ctrl-C.
        """
        trials, stacked = self._trials("predict", x, None, steps, needs_y=False)
        results = self._alone(trials, "prediction")[0]
        outputs = [run.output for run in results.runs]
        return np.stack(outputs) if stacked and len({len(one) for one in outputs}) == 1 else np.concatenate(outputs)

    def evaluate(self, x: Any = None, y: Any = None, return_dict: bool = False) -> Any:
        """Measure how well a target is followed, without learning; the network stays as it was.

        Parameters
        ----------
        x, y : array
            As for `fit`.
        return_dict : bool, optional
            Return a dict of names and numbers instead of a list.

        Returns
        -------
        list of float, or dict
            Loss and metrics.
        """
        return_dict = check_flag("Trainer.evaluate.return_dict", return_dict)
        trials, _ = self._trials("evaluate", x, y, None, needs_y=True)
        logs = self._alone(trials, "evaluation")[1]
        return logs if return_dict else list(logs.values())

    # ---- states and weights ----

    def get_weights(self) -> list[np.ndarray]:
        """Return the weights of all maps that learn, as Keras' models do."""
        engine = self._prepare()
        return [engine.get(name) for name in self._learned()]

    def set_weights(self, weights: Any) -> None:
        """Set the weights of all maps that learn, in the order of `get_weights`."""
        engine = self._prepare()
        names = self._learned()
        if not isinstance(weights, list | tuple) or len(weights) != len(names):
            raise InvalidValueError(
                message("Trainer.set_weights.weights", f"a list of {len(names)} array(s)", weights, "as get_weights().")
            )
        for name, given in zip(names, weights, strict=True):
            shape = engine.get(name).shape
            if np.shape(given) != shape:
                raise InvalidValueError(
                    message("Trainer.set_weights.weights", f"shape {shape} for {name}", np.shape(given))
                )
            engine.set(name, np.asarray(given))

    def save(self, path: Any) -> None:
        """Write the whole state into a file: weights, P, variables, queues, random numbers, time, history.

        A network that loads it, in any process, goes on with the same numbers.
        """
        engine = self._prepare()
        about = {
            "engine": engine.kind,
            "dt": engine.dt,
            "brian2": version("brian2"),
            "epoch": self.history.epoch,
            "history": self.history.history,
        }
        write_state("Trainer.save", path, engine.packed(), about)

    def load(self, path: Any) -> None:
        """Go on from the state that `save` wrote; the network is made by the same script as the one saved.

        Raises
        ------
        InvalidValueError
            If it is no such file, or one of another network, time step or kind of target.
        """
        where = "Trainer.load"
        state, about = read_state(where, path)
        engine = self._prepare()
        for name, own in (("engine", engine.kind), ("dt", engine.dt)):
            if about[name] != own:
                what = f"a state of {'a time step of ' if name == 'dt' else ''}{own}"
                raise InvalidValueError(message(where, what, about[name], "run it on the target it was saved on."))
        engine.check(where, state)
        engine.restore(state)
        engine.finish()
        self.history.epoch, self.history.history = about["epoch"], about["history"]

    # ---- one run after the other ----

    def _trials(self, verb: str, x: Any, y: Any, steps: Any, *, needs_y: bool) -> tuple[list[Trial], bool]:
        where = f"Trainer.{verb}"
        check_unwatched(where)
        if steps is not None:
            steps = check_steps(f"{where}.steps", steps, 1)
        given = {} if y is None else {"y": y}
        if y is not None and "y" not in self._signals:
            fix = "pass target=Signal(...), or leave y out."
            raise InvalidValueError(problem(f"{where}.y", "the Trainer has no target", y, fix))
        if y is None and needs_y and "y" in self._signals:
            raise InvalidValueError(message(f"{where}.y", "a target", None, "give y."))
        given |= by_argument(where, self.inputs, x)
        return trials_of(where, given, self._signals, steps, len(self._recorder))

    def _prepare(self) -> Engine:
        """Choose the engine and return it; a standalone program is compiled now."""
        engine = self._engine
        if engine is None:
            kind = StandaloneEngine if is_standalone() else RuntimeEngine
            self._engine = engine = kind(self.network, float(self._clock.dt_))
        elif is_standalone() != isinstance(engine, StandaloneEngine):
            raise InvalidValueError(
                message("Trainer", f"the device of its first run ({engine.kind})", brian2.get_device())
            )
        engine.build()
        self._learning = {rule.name: int(engine.get(entry(rule.name, "learning")).item()) for rule in self._rules}
        if not self.stateful and self._start is None:
            if isinstance(engine, RuntimeEngine):
                engine.run({}, 0, lambda done: None)  # which prepares the queues
            self._start = engine.state()
        return engine

    @property
    def _chosen(self) -> Engine:
        """The engine of the runs so far."""
        return self._prepare() if self._engine is None else self._engine

    def reset_states(self) -> None:
        """Give the network the state that it had before its first run; weights that learn, P and the time go on.

        Raises
        ------
        InvalidValueError
            If the Trainer is stateful: it does not keep that state.
        """
        engine = self._prepare()
        if self._start is None:
            what, fix = "the Trainer keeps no state from before its first run", "pass stateful=False to the Trainer."
            raise InvalidValueError(problem("Trainer.reset_states", what, "stateful=True", fix))
        engine.reset(self._start, state_variables(self.network, self._rules))

    def _alone(self, trials: list[Trial], name: str) -> tuple[TrainerResults, dict[str, float]]:
        """Run without learning, and go back."""
        engine = self._prepare()
        self.interrupted = False
        self.results = results = self._new_results()
        try:
            logs = self._aside(results, trials, name)
        finally:
            engine.finish()
        return results, logs

    def _aside(self, results: TrainerResults, trials: list[Trial], name: str) -> dict[str, float]:
        engine = self._chosen
        before = engine.state()
        try:
            return self._runs(results, trials, name, learning=False, progress=lambda done: None)
        finally:
            engine.restore(before)

    def _runs(
        self,
        results: TrainerResults,
        trials: list[Trial],
        name: str,
        *,
        learning: bool,
        progress: Callable[[float], None],
        notes: Notes | None = None,
    ) -> dict[str, float]:
        """Run trials one after the other; return loss and metrics of all their steps."""
        done = 0 if notes is None else notes.place.trial
        first = len(results.runs) - done
        for number, trial in enumerate(trials[done:], start=done):
            label = name if len(trials) == 1 else f"{name}, trial {number + 1}"

            def show(done: float, before: int = number) -> None:
                progress((before + done) / len(trials))

            self._run(results, trial, label, learning, show, notes)
            if self.interrupted:
                break
            if notes is not None:
                notes.place = Place(notes.place.epoch, number + 1)
                notes.write_if_due()
        runs = [run for run in results.runs[first:] if run.target is not None and len(run.output)]
        if not runs:
            return {}
        y, z = (np.concatenate([getattr(run, part) for run in runs]) for part in ("target", "output"))
        return check_numbers("Trainer.metrics", {metric: f(y, z) for metric, f in self._metrics.items()})

    def _run(
        self,
        results: TrainerResults,
        trial: Trial,
        label: str,
        learning: bool,
        progress: Callable[[float], None],
        notes: Notes | None = None,
    ) -> None:
        engine = self._chosen
        place = Place(0) if notes is None else notes.place
        if place.start < 0:
            if not self.stateful:
                self.reset_states()
            place.start = engine.step
        start = place.start
        values: dict[str, Any] = {}
        for signal, samples in trial.samples.items():
            values |= values_of(signal, samples)
            values |= {entry(signal, "first_step"): start, entry(signal, "periodic"): 0}
        for rule in self._rules:
            values[entry(rule.name, "learning")] = self._learning[rule.name] if learning else 0
            values[entry(rule.name, "diverged_step")] = -1
        try:
            records = self._in_pieces(values, start + trial.steps, trial.steps, progress, place, notes)
            if is_standalone():
                for rule in self._rules:
                    rule.check_diverged()
        except DivergenceError as error:
            error.results = results
            raise
        finally:
            if not is_standalone():
                for rule in self._rules:
                    engine.set(entry(rule.name, "learning"), self._learning[rule.name])
        output = records.pop(self._recorder.name)["values"].reshape(-1, len(self._recorder))
        phase = LEARNING if learning else TEST
        results.runs.append(Run(label, start, len(output), output, self._target(trial, len(output)), records, phase))

    def _in_pieces(
        self,
        values: Mapping[str, Any],
        stop: int,
        steps: int,
        progress: Callable[[float], None],
        place: Place,
        notes: Notes | None,
    ) -> Records:
        """Run up to a step, pausing for the checkpoints; return what was recorded since the trial began."""
        engine = self._chosen
        while engine.step < stop or not place.records:
            before = steps - (stop - engine.step)

            def show(done: float, before: int = before) -> None:
                progress((before + done * (steps - before)) / steps)

            pause_after = None if notes is None else notes.pause_after
            records, self.interrupted = engine.run(values, stop - engine.step, show, pause_after)
            place.records.append(records)
            if not is_standalone():
                engine.clear(self._recorder)
            if self.interrupted:
                break
            if notes is not None and engine.step < stop and not self._diverged():
                notes.write()
            elif engine.step < stop:
                break
        if self.interrupted and notes is not None:
            notes.write_last()
        return joined(place.records)

    def _diverged(self) -> bool:
        return any(int(self._chosen.get(entry(rule.name, "diverged_step")).item()) >= 0 for rule in self._rules)

    def _target(self, trial: Trial, steps: int) -> np.ndarray | None:
        signal = self._signals.get("y")
        if signal is None or signal.name not in trial.samples:
            return None
        every = int(signal.variables["every"].get_value().item())
        return trial.samples[signal.name].take(np.arange(steps) // every, axis=0)

    def _learned(self) -> list[str]:
        """Return the names of all weights that learn."""
        variables = [rule.variables[f"w_{number}"] for rule in self._rules for number in range(len(rule.maps))]
        return list(dict.fromkeys(f"{one.owner.name}.{one.name}" for one in variables))

    def _new_results(self) -> TrainerResults:
        spiking = [one for one in monitors_of(self.network) if isinstance(one, SpikeMonitor)]
        variable = self.output_group.variables[self.output_variable]
        units = {"output": variable.dim}
        for name in self._learned():
            owner = name.rpartition(".")[0]
            units[owner] = self._chosen.variable(name).dim
        if "y" in self._signals:
            units["target"] = self._signals["y"].variables["value"].dim
        populations = {one.name: (one.source.name, len(one.source)) for one in spiking}
        return TrainerResults(self._chosen.dt, populations=populations, units=units)


def _stacked(kept: list[np.ndarray]) -> np.ndarray:
    return np.stack(kept) if kept else np.empty((0, 0))


def _mse(y: np.ndarray, z: np.ndarray) -> float:
    return float(np.mean((z - y) ** 2))


def _mae(y: np.ndarray, z: np.ndarray) -> float:
    return float(np.mean(np.abs(z - y)))
