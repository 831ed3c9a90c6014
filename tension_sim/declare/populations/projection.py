"""Synapses, or other weights, from one population to another or to itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ...errors import InvalidTypeError, InvalidValueError, message, problem
from ..converted import Converted, Declared, File, Number, declared
from ..delta import delta_or_file, is_delta
from ..described import Described
from ..equations import SynapticFilter
from ..language.code import check_error_code
from ..learning import Learning
from ..parameters import expression_of
from ..validation import check_choice, check_flag, check_table, check_text, check_whole
from .delayed import read_delays
from .naming import check_parameters, check_variable_name
from .weights import Weights

__all__ = ["Projection"]


@declared(repr=False)
class Projection(Described, Declared):
    """Synapses of one kind from a population of a `Network` to another, or to itself.

    Weights from rate units, external inputs and the supervisor act on their values in each step; they
    have no `synapse`, `parameters` and `delay`.

    Attributes
    ----------
    pre : str or sequence of str
        Name of the presynaptic population, of an external input of the network, or ``"y"``: the supervisor
        of all readouts. Of several spiking populations the neurons are numbered one after the other; each
        postsynaptic neuron has one P over all of them.
    post : str
        Name of the postsynaptic population.
    weights : SparseKernel, scipy.sparse matrix or array, array of shape (n_pre, n_post), or Connector
        In the unit of the input, or an array of quantities. Of an array the entries that are not 0
        are synapses, and all where they learn; of the others those that they hold. A `Connector` draws
        them from the network's seed.
    into : str, optional
        The input of the postsynaptic neurons that the synapses bring, as their equation file names
        it; by default their recurrent input. Of delta synapses the variable of the neurons that a spike
        adds to, by default their membrane.
    synapse : SynapticFilter or str or Path
        What a spike does to that input: a synapse file, or its name. Synapses into one input that
        have the same file and parameters share its variables. ``"delta"``: each spike adds its weight to a
        variable of the neurons, as ``on_pre="v += w"`` does in Brian2; plain weights count in the unit in
        which it is recorded.
    parameters : mapping, optional
        Other parameter values of the synapse.
    delay : time, array of times, or mapping of str to these, optional
        Multiples of the time step, as a text with unit, a quantity, or plain numbers in seconds. One
        for all synapses, or one for each: for weights of an array or a matrix an array of the same
        shape, for those of a kernel one for each of its entries; by the names of sources one for all
        that comes from each, or one for each of its neurons, 0 of those that are not named. Where
        weights act on traces, an array of shape (n_pre,) gives one for each neuron. A spike with a
        delay of 0 arrives in its own step; where the synapse has presynaptic state, all are 0 or none is. A
        weight learns from the presynaptic trace as its synapse sees it, which is later by its delay; neurons
        with the same partners and delays share P.
    sign : int, optional
        +1 for an excitatory, -1 for an inhibitory population (Dale's law: all that leaves a population
        has one sign). Weights of currents have that sign, also while they learn; those of conductances
        are at least 0 whatever it is.
    signs : array, shape (n_pre,), optional
        In place of `sign`, that which learned weights of each presynaptic neuron keep, +1 or -1; any
        number for those that have no synapse.
    learning : Learning, optional
        Lets the weights learn from `error`. They act on the presynaptic trace in each step, so that
        a weight that changes changes what earlier spikes still give; see `at_spikes`.
    at_spikes : bool
        Whether weights that learn act as static ones do: each spike brings the weight of its time, also
        where it arrives later. They belong to the state of a run also without `learning`.
    error : str
        Of the weights of each postsynaptic neuron, as an expression of: ``z``, what the weights
        gave in this step; ``z_now``, what they give for the rates that the step ends with; ``unit``,
        the unit of the input; variables of the postsynaptic population; a readout with one output, by
        its name; ``y``, its supervisor; and `variables`. FORCE is ``"unit*(output - y)"`` for a readout
        of the name output, BioFORCE ``"z - unit*y"``.
    name : str, optional
        By default as in ``"exc_to_inh"``.
    supervisor : str, optional
        The readout or output of the network whose supervisor ``y`` is, of one value or of one for each
        postsynaptic neuron; by default the readout that `error` names, or the only one there is.
    variables : mapping of str to str or quantity, optional
        More names that `error` may use: for a variable of another population of the same size, as in
        ``"exc.v"``; for what another projection gives it, ``"exc_to_inh.z"``, or gives it for the rates
        that the step ends with, ``"exc_to_inh.z_now"``; or for a constant, such as ``"2*mV"``.
    factor : array, shape (n_pre, n_post), optional
        Factor on what each weight learns, such as a structural connectivity.
    divide_by_source : bool
        Divide a second time, by ``forgetting + r'P r`` of the presynaptic neuron, as the published program of
        BioFORCE does; within one population.
    when : str
        ``"end"``: learn from the rates of this step; ``"start"``: from those it began with, before anything
        advances: ``z_now`` then is what the weights give for these, and other names have their values of the
        step before.
    alpha_P : array, shape (n_pre,), optional
        Initial P scale of each presynaptic neuron, in place of that of `learning`.
    groups, row_sum : array of int, shape (n_pre,), sequence of float, optional
        Penalty on the sum of a neuron's weights from each group of presynaptic neurons; -1: no group.

    Raises
    ------
    UnknownNameError, InvalidTypeError, InvalidValueError
        If an argument cannot be right. Names of populations and inputs, units and shapes are looked at
        by the `Network`.

    Examples
    --------
    >>> import numpy as np
    >>> Projection("exc", "inh", weights=np.ones((80, 20)), into="I_rec")
    Projection(pre='exc', post='inh', into='I_rec', synapse='double_exponential', learns=False)
    """

    pre: Converted[str | tuple[str, ...], str | Sequence[str]]
    post: str
    _: KW_ONLY
    weights: Weights
    into: str | None = None
    synapse: Converted[SynapticFilter, File] = Converted("double_exponential")
    parameters: Mapping[str, Any] = field(default_factory=dict)
    delay: Converted[np.ndarray | Mapping[str, np.ndarray] | None, Number | ArrayLike | Mapping[str, Any]] = Converted(
        None, "second"
    )
    sign: int | None = None
    learning: Learning | None = None
    error: str = ""
    name: str = ""
    supervisor: str = ""
    variables: Mapping[str, Any] = field(default_factory=dict)
    factor: Converted[np.ndarray | None, ArrayLike] = Converted(None)
    divide_by_source: bool = False
    when: str = "end"
    at_spikes: bool = False
    signs: Converted[np.ndarray | None, ArrayLike] = Converted(None)
    alpha_P: Converted[np.ndarray | None, ArrayLike] = Converted(None)
    groups: Converted[np.ndarray | None, ArrayLike] = Converted(None)
    row_sum: Converted[np.ndarray | None, ArrayLike] = Converted(None)

    def __post_init__(self) -> None:
        if self.delay is not None:
            object.__setattr__(self, "delay", read_delays("Projection.delay", self.delay))
        for key in ("post", "name"):
            check_text(f"Projection.{key}", getattr(self, key))
        self._check_pre()
        if self.into is not None:
            check_text("Projection.into", self.into)
        object.__setattr__(self, "synapse", delta_or_file(self.synapse, "Projection.synapse"))
        check_parameters("Projection.parameters", self.parameters)
        self._check_delta()
        if self.sign is not None:
            sign = check_whole("Projection.sign", self.sign, None)
            if sign not in (1, -1):
                raise InvalidValueError(message("Projection.sign", "+1, -1 or None", self.sign))
            object.__setattr__(self, "sign", sign)
        if self.learning is not None and not isinstance(self.learning, Learning):
            fix = "Learning(alpha_P=...)."
            raise InvalidTypeError(message("Projection.learning", "a Learning or None", self.learning, fix))
        check_text("Projection.error", self.error)
        if bool(self.error) != (self.learning is not None):
            fix = 'as in error="unit*(output - y)".'
            raise InvalidValueError(message("Projection.error", "learning and error together", self.error, fix))
        if self.error:
            object.__setattr__(self, "error", check_error_code("Projection.error", self.error))
        self._check_rule()

    def _check_delta(self) -> None:
        """Refuse what delta synapses do not have, for they have no variable of their own."""
        what = {"parameters": "no parameters", "learning": "no trace to learn from", "at_spikes": "no trace to read"}
        for key in what if is_delta(self.synapse) else ():
            if given := getattr(self, key):
                fix = f"leave {key} out, or name a synapse file."
                raise InvalidValueError(problem(f"Projection.{key}", f"'delta' has {what[key]}", given, fix))

    def _check_pre(self) -> None:
        pre: Any = self.pre
        if isinstance(pre, tuple | list):
            for each in pre:
                check_text("Projection.pre", each)
            if not pre or len(set(pre)) != len(pre):
                raise InvalidValueError(message("Projection.pre", "one or more populations, each once", pre))
            object.__setattr__(self, "pre", pre[0] if len(pre) == 1 else tuple(pre))
        else:
            check_text("Projection.pre", pre)

    def _check_rule(self) -> None:
        """Check the options of learning, which a projection without it does not have."""
        check_text("Projection.supervisor", self.supervisor)
        check_flag("Projection.divide_by_source", self.divide_by_source)
        check_flag("Projection.at_spikes", self.at_spikes)
        check_choice("Projection.when", self.when, ("end", "start"))
        if not isinstance(self.variables, Mapping):
            fix = 'as in {"other": "exc.v"}.'
            raise InvalidTypeError(message("Projection.variables", "a dictionary of names", self.variables, fix))
        for name in self.variables:
            check_variable_name("Projection.variables", name)
        texts = {key: expression_of(each, f"Projection.variables[{key!r}]") for key, each in self.variables.items()}
        object.__setattr__(self, "variables", texts)
        if self.factor is not None:
            object.__setattr__(self, "factor", check_table("Projection.factor", self.factor, ("n_pre", "n_post")))
        given = {"supervisor": self.supervisor, "variables": self.variables, "divide_by_source": self.divide_by_source}
        given |= {"factor": self.factor is not None, "when": self.when != "end"}
        given |= {key: getattr(self, key) is not None for key in ("signs", "alpha_P", "groups", "row_sum")}
        for key in (key for key, is_given in given.items() if is_given and self.learning is None):
            fix = f"leave {key} out, or pass learning."
            raise InvalidValueError(problem(f"Projection.{key}", "the weights do not learn", getattr(self, key), fix))

    @property
    def sources(self) -> tuple[str, ...]:
        """What it comes from, by names."""
        return (self.pre,) if isinstance(self.pre, str) else self.pre

    @property
    def reads_trace(self) -> bool:
        """Whether a trace of the presynaptic neurons is read: by weights that act on it in each step, or by a rule."""
        return self.learning is not None or self.synapse.presynaptic or self.at_spikes

    def _describe(self) -> dict[str, object]:
        shown: dict[str, object] = {"pre": self.pre, "post": self.post, "into": self.into, "synapse": self.synapse.name}
        return shown | {"learns": self.learning is not None}
