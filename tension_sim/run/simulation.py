"""Run a declared network on a target: data and state in, `Results` out."""

from __future__ import annotations

import platform
import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast, get_args

import numpy as np

from ..circuit.fitted_wiring import FittedWiring
from ..circuit.names import SAMPLES, STEP, entry, split
from ..circuit.network_wiring import NetworkWiring
from ..circuit.parts import Circuit, Rule, Samples
from ..circuit.wiring import ForceWiring
from ..declare.checkpoint import Checkpoint, check_checkpoint
from ..declare.described import Described
from ..declare.fitted import FittedNetwork
from ..declare.network import ForceNetwork
from ..declare.populations.network import Network
from ..declare.record import Record
from ..declare.stopping import StopWhen, check_stop_when
from ..declare.validation import check_flag, check_text, check_whole
from ..errors import (
    CompilerNotFoundError,
    EngineNotFoundError,
    InvalidTypeError,
    UnsupportedError,
    diverged,
    message,
    tensorflow_missing,
    unknown_name,
)
from ..results.phases import Phase, clipped, joint_schedule, phases_of
from ..results.results import Recording, Results
from ..system.interrupts import Interrupts
from ..system.machine import this_machine
from ..system.memory import check_memory
from ..system.progress import Progress, check_progress, progress_of
from ..system.toolchain import describe_compiler, require_compiler
from .cache import find, find_or_build
from .finite import check_states
from .identity import identity_of_program, identity_of_values, versions
from .journal import current_journal, journal
from .pieces import Pieces
from .program import Program
from .reached import Piece, Reached
from .recordings import rows_between_steps
from .rehearsal import Rehearsed, rehearsing
from .samples import Rows, check_fit, n_steps_of, rows_of
from .stages import told_by
from .threads import as_it_compiles, check_threads, for_threads, threads_of_run
from .watch.plan import course_of
from .watch.steered import Course, Steered, told_of

if TYPE_CHECKING:
    from ..tensorflow.target.program import CircuitProgram

__all__ = ["BRIAN2_TARGETS", "TARGETS", "Simulation", "Target", "target_named"]


#: Where a network can run on Brian2, and where it can run.
Brian2Target = Literal["numpy", "cython", "cpp_standalone", "cuda_standalone"]
Target = Literal[Brian2Target, "tensorflow"]
BRIAN2_TARGETS: tuple[str, ...] = get_args(Brian2Target)
TARGETS: tuple[str, ...] = get_args(Target)


def target_named(where: str, name: str | None) -> Target | None:
    """Return the target of a name, None without one.

    Raises
    ------
    InvalidTypeError, UnknownNameError
        If there is no such target.

    Examples
    --------
    >>> target_named("demo.target", "numpy")
    'numpy'
    """
    if name is not None and check_text(where, name) not in TARGETS:
        raise unknown_name(where, "target", name, TARGETS)
    return cast("Target | None", name)


class Simulation(Described):
    """A network on a target, which runs as often as needed, on any data.

    Parameters
    ----------
    net : ForceNetwork, FittedNetwork or Network
        The declaration.
    target : str, optional
        ``"numpy"``, ``"cython"``, ``"cpp_standalone"``, ``"cuda_standalone"`` or ``"tensorflow"``. By
        default C++ where there is a compiler or the program is there already, else numpy with a warning.
    record : Record, optional
        What is recorded; by default the output at every step, and all spikes.
    threads : int, optional
        Threads that share the work of a C++ program, at most as many as there are free cores. By
        default as many as pay off, by the sizes of the network: one for small ones. Their number
        changes no bit, and a run takes one alone while other processes use the cores. In networks of
        20,000 neurons and more, voltages with and without threads may differ in the last bit.
    name : str, optional
        Name of the results.

    Raises
    ------
    UnknownNameError, InvalidTypeError, CompilerNotFoundError, EngineNotFoundError
        Before anything is built.
    InvalidValueError
        On ``"tensorflow"``, if equations or errors call what TensorFlow does not have.

    Examples
    --------
    >>> net = ForceNetwork.random("lif", n=20, seed=1)
    >>> results = Simulation(net, target="numpy").run(np.zeros(10))
    >>> results.output.shape
    (10, 1)
    """

    def __init__(
        self,
        net: ForceNetwork | FittedNetwork | Network,
        *,
        target: Target | None = None,
        record: Record | None = None,
        threads: int | None = None,
        name: str = "network",
    ) -> None:
        if not isinstance(net, ForceNetwork | FittedNetwork | Network):
            raise InvalidTypeError(message("Simulation.net", "a ForceNetwork", net, "ForceNetwork.random(...)."))
        target = target_named("Simulation.target", target)
        self.net: ForceNetwork | FittedNetwork | Network = net
        self.name: str = check_text("Simulation.name", name)
        self.record: Record = record if record is not None else Record()
        if not isinstance(self.record, Record):
            raise InvalidTypeError(message("Simulation.record", "a Record", record, "Record(every=...)."))
        self.threads: int | None = check_threads("Simulation.threads", threads)
        self.wiring: ForceWiring | FittedWiring | NetworkWiring[Network]
        if isinstance(net, Network):
            self.wiring = NetworkWiring(net, self.record)
        elif isinstance(net, ForceNetwork):
            self.wiring = ForceWiring(net, self.record)
        else:
            self.wiring = FittedWiring(net, self.record)
        threaded = for_threads(self.wiring.circuit, self.threads)
        self.target: Target = target or _default_target(threaded)
        if self.target == "cpp_standalone":
            if threaded.threaded and find(threaded, self.target) is None:
                threaded = as_it_compiles(threaded, self.threads)
            self.wiring.circuit = threaded
        if self.target == "cuda_standalone":
            from ..system.cuda import require_cuda

            require_cuda()
        elif self.target == "tensorflow":
            self.build()

    def _describe(self) -> dict[str, object]:
        return {"name": self.name, "target": self.target, "net": self.net}

    def build(self) -> Program | CircuitProgram | None:
        """Compile the network's program, or find it; None on the targets that need none."""
        if self.target == "cython":
            require_compiler("cython")
        if self.target in ("numpy", "cython"):
            return None
        if self.target == "tensorflow":
            return _program_of_tensorflow(self.wiring.circuit)
        circuit = self.wiring.circuit
        program = find_or_build(circuit, self.target, self.name)
        return replace(program, threads=threads_of_run(circuit, self.threads)) if circuit.threaded else program

    def _built(self, report: Any) -> tuple[Program | CircuitProgram | None, float]:
        """Return the program and the seconds that it took; an interrupt raises, a bar says what is done."""
        begin = time.perf_counter()
        with Interrupts(at_once=True), told_by(report):
            program = self.build()
        return program, time.perf_counter() - begin

    def _check_build(self) -> None:
        """Refuse a target whose compiler is missing, where `build` would need it."""
        if self.target == "cython":
            require_compiler("cython")
        elif self.target == "cpp_standalone" and find(self.wiring.circuit, self.target) is None:
            require_compiler()

    def run(
        self,
        y: Any = None,
        x: Any = None,
        *,
        steps: int | None = None,
        every: Mapping[str, int] | None = None,
        rates: Any = None,
        trial: int = 0,
        learning: bool = True,
        state: Mapping[str, Any] | None = None,
        phases: tuple[Phase, ...] | None = None,
        progress: Progress = None,
        checkpoint: Checkpoint | str | Path | None = None,
        stop_when: StopWhen | str | None = None,
    ) -> Results:
        """Run the network.

        Parameters
        ----------
        y : array-like, shape (timesteps, n_outputs), path, or Task
            The supervisor; row 0 belongs to the first step of this run. A `Task` covers the
            whole protocol, so that a run that starts later takes its later part. Samples of a
            ``.npy`` file, given by its path, or of a `numpy.memmap` stay in the file, which is
            read in pieces during the run on every target; it may be larger than memory.
        x : array-like, shape (timesteps, n_inputs), or path, optional
            External input; from a file as y.
        steps : int, optional
            How many steps; by default as many as the samples last.
        every : mapping of str to int, optional
            Time steps for which each sample of ``"y"``, ``"x"`` or ``"rates"`` is held; 1 by default.
        rates : array-like, shape (timesteps, n_feedforward), or path, optional
            Rates in Hz of Poisson units; from a file as y. Beside a `Task` too, row 0 belongs to the
            first step of this run.
        trial : int, optional
            Noise, Poisson spikes and, in a FittedNetwork, initial values are those of this trial.
        learning : bool, optional
            False freezes the weights, whatever the schedule says.
        state : mapping, optional
            Where to start: the ``state`` of earlier results goes on from their end.
        phases : tuple of Phase, optional
            Named parts of the run; by default before learning, learning and test: learning begins with the
            rule that begins first, and ends with the one that ends last. A run without learning is a test.
        progress : bool or callable, optional
            True shows a bar, in a notebook too. A function is called as ``progress(steps_done, steps)``
            while the run goes on.
        checkpoint : Checkpoint or path of a folder, optional
            Where the state is written while the run goes on, and what it goes on from after a kill.
            Recordings stream to that folder; the results map them from there.
        stop_when : StopWhen or str, optional
            A condition, such as ``"rmse < 0.02 for 2*second"``, at which the run ends early, as one of that
            length would; ``results.provenance["stopped"]`` says why and when. On numpy, Cython and C++.

        Returns
        -------
        Results
            Also after Ctrl-C, or when a notebook's kernel is interrupted, up to the step reached;
            ``results.interrupted`` is True then.

        Raises
        ------
        InvalidValueError, InvalidTypeError, UnknownNameError
            If data, state or checkpoint do not fit; nothing is run then.
        DivergenceError
            If learning diverged; ``error.results`` holds the results up to that step.
        RunFailedError, OutputError
            If the compiled program could not be built or did not end well; if no checkpoint could
            be written: the one before is whole then.
        """
        trial = check_whole("Simulation.run.trial", trial, 0)
        learning = check_flag("Simulation.run.learning", learning)
        checkpoint = check_checkpoint("Simulation.run.checkpoint", checkpoint)
        stop_when = check_stop_when("Simulation.run.stop_when", stop_when)
        phases = None if phases is None else _check_phases(phases)
        if every is not None and not isinstance(every, Mapping):
            raise InvalidTypeError(message("Simulation.run.every", 'a mapping such as {"y": 10}', every))
        initial = self.wiring.initial_state(state, trial)
        start = int(initial.pop(STEP))
        data, steps, target_at = self._data({"y": y, "x": x, "rates": rates}, every or {}, steps, start, learning)
        values = {**self.wiring.values(), **self.wiring.noise(trial), **initial, **data}
        rules = list(self.wiring.circuit.of(Rule))
        if not learning:
            values |= {entry(rule, "learning"): 0 for rule in rules}
        room = len(rows_between_steps(start, start + steps, self.record.every)) * self._recorded_bytes()
        if checkpoint is None and current_journal() is None:  # else recordings go to the disk
            check_memory("Simulation.run.steps", room, "fewer steps, or a larger Record.every, or a checkpoint")
        check_progress("Simulation.run.progress", progress)
        size = self._recorded_bytes()
        pieces = Pieces(self.wiring, self.target, None, values, start, steps, target_at, lambda done: None, size)
        steered = self._steered(pieces, course_of(self.name, stop_when), y is not None)
        if rehearsing():
            self._check_build()
            raise Rehearsed
        with progress_of("Simulation.run.progress", progress, self.name) as report:
            program, built = self._built(report)

            def at_step(done: int) -> None:
                if report is not None:
                    report(min(max(done, 0), steps), steps)

            pieces = replace(pieces, program=program, report=at_step)
            reached, recordings = self._reached(
                pieces if steered is None else steered.on(pieces),
                checkpoint,
                {"trial": str(trial), "learning": str(learning)} | ({} if steered is None else steered.identity),
            )
        if steered is not None:
            steered.end(reached.state)
        phases = self._phases(phases, start, steps, learning)
        timings = {"build": built, "run": reached.seconds}
        results = self._results(reached, recordings, start, phases, timings, getattr(program, "name", ""))
        self._check_end(reached, results)
        return results

    def _steered(self, pieces: Pieces, course: Course | None, compared: bool) -> Steered | None:
        """Return what runs the pieces under a course; refuse one that this target or network cannot follow."""
        if course is None:
            return None
        if self.target not in ("numpy", "cython", "cpp_standalone"):
            what = "numpy, cython or cpp_standalone, which tell what they do while they run"
            raise UnsupportedError(message("Simulation.target", what, self.target, "choose one of them."))

        def results(piece: Piece, step: int, steered: Steered) -> Results:
            reached, start = Reached({}, piece.steps, piece.state), step - piece.steps
            phases = self._phases(None, start, piece.steps, True)
            return self._results(reached, piece.recordings, start, phases, {}, "")

        return Steered(pieces, course, compared, results)

    def _check_end(self, reached: Reached, results: Results) -> None:
        """Refuse a run that diverged, or whose states are no numbers."""
        rules = self.wiring.circuit.of(Rule)
        step = max((int(reached.state[entry(rule, "diverged_step")][0]) for rule in rules), default=-1)
        if step >= 0:
            error = diverged(step, step * self.net.dt)
            error.results = results
            raise error
        check_states(results, self.net.state_variables)

    def _reached(
        self, pieces: Pieces | Steered, checkpoint: Checkpoint | None, identity: dict[str, str]
    ) -> tuple[Reached, dict[str, np.ndarray]]:
        """Run to the end or to an interrupt; with a journal go on from what that holds."""
        if checkpoint is None and current_journal() is None:
            reached, begin = Reached({}), time.perf_counter()
            reached.add(pieces({}, 0, None), time.perf_counter() - begin)
            return reached, reached.recordings()
        identity = {"run of": self.name, "first step": str(pieces.start), "steps": str(pieces.steps)} | identity
        identity |= identity_of_program(self.wiring.circuit, self.target)
        identity |= identity_of_values({k: v for k, v in pieces.values.items() if split(k)[0] in SAMPLES})
        with journal(
            "Simulation.run.checkpoint",
            checkpoint,
            lambda: versions(self.target) | identity | identity_of_values(pieces.values),
        ) as noted_in:
            if noted_in is None:  # there is a checkpoint, or a journal around this run
                raise RuntimeError("no journal")
            reached = noted_in.run(identity, pieces)
            return reached, reached.recordings(noted_in.folder)

    def _recorded_bytes(self) -> int:
        """Return the bytes of a recorded step."""
        record, size = self.record, np.dtype(self.record.dtype or self.net.dtype).itemsize
        output = self.net.n_outputs if self.wiring.output_parts else 0
        recorded = sum(len(of) for name, of in record.variables.items() if name not in record.off)
        return np.dtype(self.net.dtype).itemsize * output + size * recorded

    def _data(
        self, given: Mapping[str, Any], every: Mapping[str, int], steps: int | None, start: int, learning: bool
    ) -> tuple[dict[str, Any], int, Callable[[np.ndarray], np.ndarray] | None]:
        """Return the samples to play, the number of steps, and the target as a function of steps."""
        circuit = self.wiring.circuit
        channels = {SAMPLES[part]: samples.channels for part, samples in circuit.of(Samples).items()}
        rows, left = rows_of(given, every, start, self.wiring.sample_units)
        check_fit(rows, channels, learning and bool(circuit.of(Rule)), self.net.dt)
        steps = n_steps_of(steps, left, given, rows, start)
        data: dict[str, Any] = {}
        for part, samples in circuit.of(Samples).items():  # a target that nobody learns may be missing
            data |= rows.get(SAMPLES[part], Rows(np.zeros((1, samples.channels)), start)).values(part)
        return data, steps, rows["y"].at if "y" in rows else None

    def _results(
        self,
        reached: Reached,
        recordings: Mapping[str, np.ndarray],
        start: int,
        phases: tuple[Phase, ...],
        timings: dict[str, float],
        program: str,
    ) -> Results:
        net, wiring, every, steps = self.net, self.wiring, self.record.every, reached.steps
        recorded = {
            name: Recording(recordings[entry("recorded", name)], net.display_unit(name)[0], np.array(indices), every)
            for name, indices in self.record.variables.items()
            if name not in self.record.off
        }
        state: dict[str, Any] = {name: reached.state[name] for name in wiring.circuit.state_sizes}
        state[STEP] = start + steps
        return Results(
            name=self.name,
            dt=net.dt,
            first_step=start,
            n_steps=steps,
            n_neurons=net.n,
            spike_step=recordings["spike_step"],
            spike_neuron=recordings["spike_neuron"],
            n_recorded_neurons=wiring.spikes_of,
            record_every=every,
            output=recordings["output"],
            target=recordings.get("target"),
            phases=clipped(phases, start, start + steps),
            recorded=recorded,
            weights=wiring.weights(reached.state),
            state=state,
            provenance=self._provenance()
            | {"program": program, "interrupted": reached.interrupted}
            | told_of(reached.state),
            timings=timings,
            net=net,
            populations=net.sizes if isinstance(net, Network) else {},
        )

    def _phases(self, given: tuple[Phase, ...] | None, start: int, steps: int, learning: bool) -> tuple[Phase, ...]:
        if given is not None:
            return given
        rules = [(rule.start, rule.stop) for _, _, rule in self.wiring.rules.values()] if learning else []
        return phases_of(joint_schedule(rules), start, start + steps)

    def _provenance(self) -> dict[str, Any]:
        net = self.net
        return {
            "versions": {"python": platform.python_version()} | _versions(self.target == "tensorflow"),
            "seed": net.seed,
            "target": self.target,
            "dtype": net.dtype,
            **net.provenance,
            "machine": this_machine(),
            "compiler": " ".join(describe_compiler() or []) if self.target != "numpy" else "",
            # what runs, whatever its values: equal on every machine
            "circuit": self.wiring.circuit.digest,
        }


@cache
def _versions(with_tensorflow: bool) -> dict[str, str]:
    found = {}
    for distribution in ("tension-sim", "brian2", "numpy", *(("tensorflow",) if with_tensorflow else ())):
        try:
            found[distribution] = version(distribution)
        except PackageNotFoundError:
            found[distribution] = "unknown"
    return found


def _check_phases(phases: Any) -> tuple[Phase, ...]:
    if not isinstance(phases, tuple | list) or not all(isinstance(phase, Phase) for phase in phases):
        fix = 'write them as in (Phase("learning", 0, 100),).'
        raise InvalidTypeError(message("Simulation.run.phases", "a tuple of Phase, or None", phases, fix))
    return tuple(phases)


def _program_of_tensorflow(circuit: Circuit) -> CircuitProgram:
    try:
        from ..tensorflow.target.program import program_of_circuit
    except EngineNotFoundError as error:
        raise tensorflow_missing("Simulation.target='tensorflow'", error.__context__) from None
    return program_of_circuit(circuit)


def _default_target(circuit: Circuit) -> Brian2Target:
    """Return C++ where there is a compiler, or the program already, else numpy."""
    try:
        require_compiler()
    except CompilerNotFoundError as error:
        if find(circuit, "cpp_standalone") is not None:
            return "cpp_standalone"
        warnings.warn(f"Running on numpy, which is slower: {error}", stacklevel=3)
        return "numpy"
    return "cpp_standalone"
