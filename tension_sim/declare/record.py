"""Choice of what a run records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from numpy.typing import ArrayLike

from ..errors import InvalidTypeError, InvalidValueError, message, unknown_name
from .arrays_in import whole_numbers
from .converted import Converted, Declared, declared
from .validation import check_choice, check_steps, check_text, check_whole

__all__ = ["Record"]


@declared(eq=True)
class Record(Declared):
    """Choice of what a run records.

    Attributes
    ----------
    every : int
        Output and variables are recorded at steps that are multiples of this.
    spikes_of : int or None
        Spikes of the first so many neurons; all by default.
    variables : mapping of str to tuple of int
        State variables of some neurons, e.g. ``{"v": (0, 1, 2)}``.
    off : tuple of str
        Of `variables`, those that a run leaves out; a compiled program serves both ways.
    dtype : str, optional
        Type in which variables are kept, "float64" or "float32"; by default that of the network.
    """

    every: int = 1
    spikes_of: int | None = None
    variables: Converted[Mapping[str, tuple[int, ...]], Mapping[str, ArrayLike] | None] = Converted(None)
    off: Converted[tuple[str, ...], str | Sequence[str]] = Converted(())
    dtype: str | None = None

    def __post_init__(self) -> None:
        check_steps("Record.every", self.every, 1)
        if self.spikes_of is not None:
            check_whole("Record.spikes_of", self.spikes_of, 0)
        if self.dtype is not None:
            check_choice("Record.dtype", self.dtype, ("float64", "float32"))
        given = {} if self.variables is None else self.variables
        if not isinstance(given, Mapping):
            raise InvalidTypeError(
                message("Record.variables", "names with neurons", given, 'write it as in {"v": [0, 1]}.')
            )
        variables = {}
        for name, indices in given.items():
            check_text("Record.variables", name, 'name variables in quotes, as in {"v": [0, 1]}.')
            array = whole_numbers(f"Record.variables[{name!r}]", indices, "a list of neurons")
            variables[name] = tuple(array.tolist())
        off = (self.off,) if isinstance(self.off, str) else self.off
        if not isinstance(off, tuple | list) or not all(isinstance(name, str) for name in off):
            raise InvalidTypeError(message("Record.off", "names of recorded variables", self.off, 'as in ("v",).'))
        object.__setattr__(self, "off", tuple(off))
        object.__setattr__(self, "variables", variables)

    def check(self, known: Mapping[str, object], n: int | Mapping[str, int]) -> None:
        """Refuse variables or neurons that a network does not have; n of each variable, or of all."""
        for name in self.off:
            if name not in self.variables:
                raise unknown_name("Record.off", "recorded variable", name, self.variables)
        for name, indices in self.variables.items():
            if name not in known:
                raise unknown_name("Record.variables", "state variable", name, known)
            last = (n if isinstance(n, int) else n[name]) - 1
            if not indices or min(indices) < 0 or max(indices) > last:
                raise InvalidValueError(message(f"Record.variables[{name!r}]", f"neurons from 0 to {last}", indices))
