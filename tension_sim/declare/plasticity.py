"""Recurrent weights that learn: which, from what error, and the network that gives them targets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..errors import InvalidTypeError, InvalidValueError, message, problem
from .converted import Converted, Declared, File, declared
from .declaration import check_currents
from .equations import Neuron, neuron_of
from .kernels import SparseKernel
from .language.code import check_error_code
from .learning import Learning
from .validation import check_choice, check_flag, check_matrix, check_table, check_text
from .values import check_mappings

__all__ = ["ERRORS", "Plastic", "TargetNetwork"]

#: From the name of a rule to the error of each neuron's weights, an expression of: ``z``, the
#: input that the weights gave it in this step; ``z_now``, what they give for this step's rates;
#: ``z_out``, the network's output; ``r``, its rate; ``y``, the supervisor; ``z_target``, what
#: the neuron of the same number receives in the target-generating network; ``unit``, the
#: unit of currents, which plain numbers count in.
ERRORS = {
    "output": "unit*(z_out - y)",
    "input": "z - unit*y",
    "rate": "unit*(r - y)",
    "target_network": "z_now - z_target",
}

#: What those expressions may name.
NAMES = ("z", "z_now", "z_out", "r", "y", "z_target", "unit")


@declared()
class Plastic(Declared):
    """Recurrent weights, from rates to currents, that learn.

    Attributes
    ----------
    kernel : SparseKernel or array, shape (n, n)
        Initial weights from row to column, in the unit of the neuron file's currents; of an
        array every entry learns, of a SparseKernel those it holds, also where they are 0.
    learning : Learning
        Rule and schedule.
    error : str
        A name in `ERRORS`, or a Brian2 expression of the names given there: ``"output"``
        is FORCE on the recurrent kernel, ``"input"`` BioFORCE, ``"target_network"``
        full-FORCE, ``"rate"`` a network fitted to recorded rates.
    factor : array, shape (n, n), optional
        Factor on what each weight learns, such as a structural connectivity.
    divide_by_source : bool
        Divide a second time, by ``forgetting + r'P r`` of the presynaptic neuron, as the published
        program of BioFORCE does.
    when : str
        ``"end"``: learn from the rates of this step; ``"start"``: from those it began with,
        before they advance, as the programs of CURBD do.
    shares_P : bool, optional
        Whether these weights and the readout learn by one rule, so that neurons with the same
        partners as the readout use its P. They need the same `learning`, ``when="end"``, no
        `divide_by_source`, and a readout without traces. Where all this holds, P is shared unless
        this is False. Where it does not, it is not shared, and True is refused.

    Examples
    --------
    >>> plastic = Plastic(np.zeros((3, 3)), Learning(alpha_P=1.0), error="input")
    >>> len(plastic.kernel), plastic.expression
    (9, 'z - unit*y')
    """

    kernel: Converted[SparseKernel, ArrayLike]
    learning: Learning
    error: str = "output"
    factor: Converted[np.ndarray | None, ArrayLike] = Converted(None)
    divide_by_source: bool = False
    when: str = "end"
    shares_P: bool | None = None

    def __post_init__(self) -> None:
        check_choice("Plastic.when", self.when, ("end", "start"))
        check_flag("Plastic.divide_by_source", self.divide_by_source)
        if self.shares_P is not None:
            check_flag("Plastic.shares_P", self.shares_P)
        if not isinstance(self.kernel, SparseKernel):
            matrix = check_table("Plastic.kernel", self.kernel, ("n", "n"))
            n = len(matrix)
            check_matrix("Plastic.kernel", matrix, (n, n), "pre, post")
            object.__setattr__(self, "kernel", SparseKernel.from_dense(matrix, every_entry=True))
        if not isinstance(self.learning, Learning):
            raise InvalidTypeError(message("Plastic.learning", "a Learning", self.learning, "Learning(alpha_P=...)."))
        if not isinstance(self.error, str):
            known = ", ".join(ERRORS)
            raise InvalidTypeError(message("Plastic.error", f"one of {known}, or an expression", self.error))
        check_error_code("Plastic.error", self.expression, NAMES)
        if self.factor is not None:
            n = self.kernel.n
            object.__setattr__(self, "factor", check_matrix("Plastic.factor", self.factor, (n, n), "pre, post"))
        if not len(self.kernel):
            raise InvalidValueError(message("Plastic.kernel", "at least one weight to learn", 0))

    @property
    def expression(self) -> str:
        """The error as a Brian2 expression."""
        return ERRORS.get(self.error, self.error)


@declared()
class TargetNetwork(Declared):
    """The rate network that full-FORCE takes its targets from, driven by the supervisor.

    Attributes
    ----------
    neuron : Neuron or str or Path
        A rate unit.
    recurrent_kernel : array, shape (n, n)
        From row to column.
    target_kernel : array, shape (n_outputs, n)
        How the supervisor enters.
    input_kernel : array, shape (n_inputs, n), optional
        How the external inputs enter, which the learning network receives too.
    hint_kernel : array, shape (n_inputs, n), optional
        How hints enter: inputs of this network alone, which are part of its targets.
    parameters, initial, activation
        As in `ForceNetwork`.
    scale : float
        Current of the learning network for a value of 1 here, in its file's current unit.
    output_kernel : array, shape (n, n_outputs), optional
        A readout of this network, learned by `learning`.
    learning : Learning, optional
        Rule and schedule of that readout.
    """

    neuron: Converted[Neuron, File]
    recurrent_kernel: Converted[np.ndarray, ArrayLike]
    target_kernel: Converted[np.ndarray, ArrayLike]
    input_kernel: Converted[np.ndarray | None, ArrayLike] = Converted(None)
    hint_kernel: Converted[np.ndarray | None, ArrayLike] = Converted(None)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    initial: Mapping[str, Any] = field(default_factory=dict)
    activation: str = ""
    scale: float = 1.0
    output_kernel: Converted[np.ndarray | None, ArrayLike] = Converted(None)
    learning: Learning | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "neuron", neuron_of(self.neuron, "TargetNetwork.neuron"))
        check_mappings(self)
        check_text("TargetNetwork.activation", self.activation)
        scale = float(check_matrix("TargetNetwork.scale", self.scale, (), "one number"))
        object.__setattr__(self, "scale", scale)
        if self.learning is not None and not isinstance(self.learning, Learning):
            fix = "Learning(alpha_P=...)."
            raise InvalidTypeError(message("TargetNetwork.learning", "a Learning or None", self.learning, fix))
        if self.neuron.spiking:
            raise InvalidValueError(message("TargetNetwork.neuron", "a rate unit", self.neuron.name))
        check_currents("TargetNetwork.neuron", self.neuron)
        self._put("recurrent_kernel", ("n", "n"))
        n = self.n
        self._put("recurrent_kernel", (n, n))
        self._put("target_kernel", ("n_outputs", n))
        self._put("input_kernel", ("n_inputs", n))
        self._put("hint_kernel", ("n_inputs", n))
        self._put("output_kernel", (n, len(self.target_kernel)))
        if self.learning is not None and self.output_kernel is None:
            what, fix = "there is no readout to learn", "pass output_kernel, or leave learning out."
            raise InvalidValueError(problem("TargetNetwork.learning", what, "output_kernel=None", fix))

    def _put(self, name: str, shape: tuple[int | str, int | str]) -> None:
        kernel = getattr(self, name)
        if kernel is not None or name in ("recurrent_kernel", "target_kernel"):
            object.__setattr__(self, name, check_table(f"TargetNetwork.{name}", kernel, shape))

    @property
    def n(self) -> int:
        """Number of rate units."""
        return len(self.recurrent_kernel)
