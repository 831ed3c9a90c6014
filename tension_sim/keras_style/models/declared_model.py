"""A declared network behind compile, fit, evaluate and predict."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import reduce
from typing import Any, cast

import numpy as np

from ...circuit.names import STEP, TARGET_READOUT, split
from ...circuit.network_wiring import NetworkWiring
from ...circuit.parts import Rule
from ...circuit.wiring import ForceWiring
from ...declare.network import ForceNetwork
from ...declare.populations.network import Network
from ...declare.record import Record
from ...errors import InvalidTypeError, InvalidValueError, UnsupportedError, message
from ...results.declaration import learned
from ...results.joined import joined
from ...results.phases import Phase
from ...results.results import Results
from ...run.simulation import Simulation, target_named
from ...tensorflow.bases import KerasModel
from ...tensorflow.loop import Measure
from ..compiling import Compiling
from ..config import Configured
from ..network_data import columns_of, input_rows
from ..network_saving import NetworkSaving
from ..on_brian.declaration import Binding
from ..on_brian.exact import ExactState
from ..on_brian.network_states import NetworkStates
from ..on_brian.network_window import NetworkDeclaration, NetworkWindow
from ..sources import Reader
from ..training import _WINDOW, Training

__all__ = ["DeclaredModel"]

#: Parts whose weights belong to the state alone.
_HIDDEN = (TARGET_READOUT,)


class DeclaredModel(NetworkSaving, Configured, Compiling, Training, KerasModel):
    """Train and run a declared network as a Keras model, on the Brian2 engine.

    What learns, by which rule, error and schedule, stands in the declaration: in `Learning` of its
    readouts, projections or plastic weights. ``model.trainable = False`` lets nothing learn. Numbers are those of
    `Simulation`, bit for bit. Neurons, filters, delays, P and the time step run on from epoch to epoch and from
    one ``fit`` to the next; evaluate, predict and validation leave them as they were.

    Parameters
    ----------
    network : Network or ForceNetwork
        With a readout, or other outputs.
    name : str, optional
        Of the model and its results.

    Attributes
    ----------
    network : Network or ForceNetwork
        As it was given; `learned_network` has the weights of now.
    force_layer : NetworkStates
        ``force_layer.states`` are the current states, ``force_layer.names`` their names.

    Raises
    ------
    InvalidTypeError, InvalidValueError
        If the network is none, or has no outputs.

    Notes
    -----
    Inputs and targets have the columns of all external inputs and outputs of a `Network`, one after the other, or are
    dictionaries of them. Rates of Poisson units, in Hz, belong to the inputs: after those, or by the name of their
    population. Of a network with several outputs ``predict`` returns a dictionary. For a network without
    inputs x is None, and ``predict`` takes the number of time steps as `steps`. ``get_weights`` and ``set_weights``
    concern readouts and learned projections.

    Examples
    --------
    >>> import numpy as np
    >>> from tension_sim import Learning, Network, Population, Projection, Readout
    >>> from tension_sim.spiking import DeclaredModel
    >>> net = Network(
    ...     populations={"exc": Population("lif", 40), "inh": Population("lif", 10)},
    ...     projections=[Projection("exc", "inh", weights=np.full((40, 10), 0.1), sign=1)],
    ...     readouts={"z": Readout(["exc", "inh"], np.zeros((50, 1)), learning=Learning(alpha_P=0.1))},
    ... )
    >>> model = DeclaredModel(net)
    >>> model.compile(metrics=["mae"], target="numpy")
    >>> y = np.sin(np.arange(100) / 10)[:, None]
    >>> history = model.fit(y=y, epochs=2, verbose=0)
    >>> sorted(history.history), model.predict(steps=30, verbose=0).shape
    (['mae'], (30, 1))
    """

    def __init__(self, network: Network | ForceNetwork, name: str | None = None) -> None:
        if not isinstance(network, Network | ForceNetwork):
            fix = "DeclaredModel(Network(...)), or DeclaredModel(ForceNetwork(...))."
            raise InvalidTypeError(message("DeclaredModel.network", "a Network or ForceNetwork", network, fix))
        if isinstance(network, Network) and not network.supervised:
            fix = 'readouts={"z": Readout(...)}.'
            raise InvalidValueError(message("DeclaredModel.network", "a network with outputs", network, fix))
        super().__init__(dtype=network.dtype, name=name)
        keep = object.__setattr__  # past Keras' tracking, which has no use for what is no variable
        keep(self, "network", network)
        keep(self, "_wiring", _wiring_of(network))
        keep(self, "force_layer", NetworkStates(network, network.n_outputs, self._wiring.rules))
        keep(self, "exact_state", ExactState())
        keep(self, "simulations", {})
        keep(self, "runs", [])
        self._engine, self._target, self._jit, self._steps_per_execution = "brian2", None, "auto", None
        self._steps_learned = self.add_weight(name="steps_learned", shape=(), dtype="int64", initializer="zeros",
                                              trainable=False)  # fmt: skip
        keep(self, "kernels", {})
        learning = _learning(network)
        for key, weights in self._wiring.weights(self._wiring.initial_state(None)).items():
            self.kernels[key] = self.add_weight(
                name=key, shape=weights.shape, dtype="float64", initializer="zeros", autocast=False,
                trainable=key in learning,
            )  # fmt: skip
            self.kernels[key].assign(weights)
        self.built = True

    # ---- the network ----

    @property
    def units(self) -> int:
        """Number of neurons."""
        return self.network.n

    @property
    def learned_network(self) -> Network | ForceNetwork:
        """The network with the weights that were learned."""
        weights = {name: np.asarray(value) for name, value in self.kernels.items()}
        return cast("Network | ForceNetwork", learned(self.network, weights))

    @property
    def results(self) -> Results:
        """Output, target, spikes and weights of the last epoch of ``fit``, or of ``predict``.

        Raises
        ------
        InvalidValueError
            If nothing has run yet.
        """
        if not self.runs:
            fix = "call fit or predict first."
            raise InvalidValueError(message("DeclaredModel.results", "a model that has run", "no run", fix))
        phases: dict[str, Phase] = {}
        for phase in (each for run in self.runs for each in run.phases):
            start = phases[phase.name].start if phase.name in phases else phase.start
            phases[phase.name] = replace(phase, start=start)
        found = reduce(joined, [replace(run, phases=()) for run in self.runs])
        return replace(found, phases=tuple(phases.values()))

    def reset_states(self) -> None:
        """Set neurons, filters, delays and outputs to where the first run started; weights, P and time step stay."""
        self.force_layer.reset_states()

    def declaration(self) -> NetworkDeclaration:
        """Return what a window runs."""
        state, wiring = self.force_layer, self._wiring
        weights = tuple(name for name in wiring.circuit.state_sizes if self._is_weight(name))

        def started() -> dict[str, Any]:
            return _wiring_of(self.learned_network).initial_state(None)

        def declared_weights() -> dict[str, Any]:
            found = started()
            return {name: found[name] for name in weights}

        def states() -> dict[str, Any]:
            found = {} if state.started else {k: v for k, v in started().items() if k not in weights}
            return found | state.state

        def store(found: Mapping[str, Any]) -> None:
            for name, values in wiring.weights(found).items():
                self.kernels[name].assign(values)

        bindings = (
            Binding(tuple(self.kernels.values()), weights, declared_weights, store),
            Binding((), (), states, lambda found: state.keep(found, weights)),
        )
        step = int(np.ravel(state.state.get(STEP, 0))[0])
        return NetworkDeclaration(
            self.network, bindings, state.series(), step, self._given,
            trainable=bool(self.trainable), rules=wiring.circuit.of(Rule),
        )  # fmt: skip

    def _given(self, x: Any, y: Any) -> dict[str, Any]:
        """Return what a run is given: the columns of external inputs come first, then those of rates."""
        n = self.network.n_inputs
        return {"x": x[:, :n] if n else None, "y": y} | ({"rates": x[:, n:]} if self._rates else {})

    def _is_weight(self, name: str) -> bool:
        """Say whether an entry of the state holds weights that `kernels` show."""
        part, variable = split(name)
        return variable == "w" and part not in _HIDDEN

    def steps_to_update(self) -> int | None:
        """Return None: a run need not end for the network to learn."""
        return None

    # ---- what the loops of Keras' verbs ask for ----

    def _chosen_engine(self, backend: str | None, target: str | None, jit_compile: bool | str) -> str:
        if backend == "tensorflow":
            fix = 'leave it out, or compile(target="tensorflow").'
            raise InvalidValueError(message("DeclaredModel.compile.backend", "'brian2' or None", backend, fix))
        if jit_compile != "auto":
            fix = "leave jit_compile and run_eagerly out."
            what = "'auto': Brian2 compiles by itself"
            raise InvalidValueError(message("DeclaredModel.compile.jit_compile", what, jit_compile, fix))
        # refuses a target that cannot work here
        Simulation(self.network, target=target_named("DeclaredModel.compile.target", target))
        return "brian2"

    def read_trainable(self) -> None:
        """Do nothing: what learns is declared."""

    def prefers_graph(self) -> bool:
        """Return False, for the loop over metrics."""
        return False

    def call(self, x: Any, training: bool = False) -> Any:
        """Refuse a call: a run of a network is no function of tensors."""
        fix = "predict(x), or fit(x, y)."
        raise UnsupportedError(message("DeclaredModel.call", "compile, fit, evaluate or predict", "a call", fix))

    def coerce_input_data(self, x: Any, y: Any, method: str, **kwargs: Any) -> tuple[Any, Any]:
        """Return x and y as they are."""
        return x, y

    def _runs_eagerly(self) -> bool:
        return False

    def _window(self, kind: str, asked: int | None, all_steps: bool) -> NetworkWindow:
        if kind != "test":
            self.runs.clear()
        measure = None if kind == "predict" else self._compiled_window(Measure, kind, _WINDOW, all_steps)
        return NetworkWindow(self, kind, all_steps, self._target, measure, asked)

    def _reader(self, where: str, x: Any, y: Any, *arguments: Any, **options: Any) -> Reader:
        y = columns_of(f"{where}.y", y, self._outputs, "output")
        if isinstance(x, Mapping) and not self._inputs:
            what = "an array: the network has no inputs with names"
            raise InvalidTypeError(message(f"{where}.x", what, sorted(map(str, x)), "join them along the last axis."))
        x = columns_of(f"{where}.x", x, self._inputs, "input")
        if self._input_width("fit") is None:
            steps, *more = arguments or (None,)
            x, steps = input_rows(where, x, y, steps)
            arguments = (steps, *more)
        return Reader(where, x, y, *arguments, **options)

    @property
    def _outputs(self) -> dict[str, int]:
        if isinstance(self.network, Network):
            return dict(self.network.supervised)
        return {"output": self.network.n_outputs}

    @property
    def _inputs(self) -> dict[str, int]:
        external = self.network.external_inputs if isinstance(self.network, Network) else {}
        return {**external, **self._rates}

    @property
    def _rates(self) -> dict[str, int]:
        """Number of units of each population of Poisson units, whose rates belong to the input."""
        return self.network.poisson if isinstance(self.network, Network) else {}

    def _input_width(self, method: str) -> int | None:
        return self.network.n_inputs + sum(self._rates.values()) or None

    def _input_shape(self, xs: np.ndarray, ys: np.ndarray) -> tuple[int, int, int]:
        return (1, 1, xs.shape[-1])

    def _check_target_width(self, ys: np.ndarray) -> None:
        width = self.network.n_outputs
        if ys.shape[-1] != width:
            what = f"{width} value(s) at each time step (columns of all outputs)"
            raise InvalidValueError(message("DeclaredModel.fit.y", what, ys.shape))

    def predict(
        self, x: Any = None, verbose: Any = "auto", callbacks: Any = None, steps: int | None = None, **kwargs: Any
    ) -> Any:
        """Return the output at each time step; the states are left as they were.

        Parameters
        ----------
        x : array, tensor, tf.data.Dataset, keras.utils.PyDataset or generator
            Input, (timesteps, inputs) or (trials, timesteps, inputs); None for a network without inputs.
        steps : int, optional
            Elements of a dataset or generator that are used; time steps, where there are no inputs.

        Returns
        -------
        array, shape (timesteps, outputs) or (trials, timesteps, outputs), or dict of str to array
            In the form of the input; of several outputs by their names.
        """
        found = super().predict(x, verbose, callbacks, steps, **kwargs)
        if len(self._outputs) == 1:
            return found
        ends = np.cumsum(list(self._outputs.values()))
        return dict(zip(self._outputs, np.split(found, ends[:-1], axis=-1), strict=True))


def _wiring_of(network: Network | ForceNetwork) -> NetworkWiring[Network] | ForceWiring:
    return NetworkWiring(network, Record()) if isinstance(network, Network) else ForceWiring(network, Record())


def _learning(network: Network | ForceNetwork) -> set[str]:
    """Return the names of the weights that learn."""
    if isinstance(network, Network):
        projections = zip(network.projection_names, network.projections, strict=True)
        found = {name for name, readout in network.readouts.items() if readout.learning is not None}
        return found | {name for name, each in projections if each.learning is not None}
    kernels = {"output_kernel": network.learning, "recurrent_kernel": network.plastic}
    return {name for name, rule in kernels.items() if rule is not None}
