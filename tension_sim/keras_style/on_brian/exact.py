"""States that pass from run to run without rounding, beside the variables that hold them rounded.

A neuron may rest an ulp below its threshold. The variables of a model are float32 unless
asked otherwise, and the nearest float32 can be the threshold itself: a state that went
through them would make such neurons fire at the start of every run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...system.memory_maps import file_behind
from .declaration import Binding
from .fingerprint import Fingerprint

__all__ = ["ExactState"]

_LARGEST = 64_000_000  # numbers of variables of which no second copy is kept


@dataclass(frozen=True)
class _Kept:
    """Unrounded entries of a state; valid as long as nobody writes the variables that hold them rounded."""

    fingerprint: Fingerprint
    entries: dict[str, np.ndarray]
    shift: float


class ExactState:
    """The states that the last runs left, by variable; forgotten once a variable was written since.

    Examples
    --------
    >>> from tension_sim.keras_style.on_brian.declaration import Binding
    >>> variable = np.zeros(1, np.float32)
    >>> binding = Binding((variable,), ("v",), lambda: {"v": variable.astype(float)}, lambda state: None)
    >>> exact = ExactState()
    >>> exact.keep(binding, {"v": np.array([1e-300])})
    >>> exact.entries(binding)
    {'v': array([1.e-300])}
    >>> variable[0] = 2.0
    >>> exact.entries(binding)
    {'v': array([2.])}
    """

    def __init__(self, kept: Mapping[str, _Kept] | None = None) -> None:
        self._kept: dict[str, _Kept] = dict(kept or {})

    def copy(self) -> ExactState:
        """Return what is known now, for later."""
        return ExactState(self._kept)

    def entries(self, binding: Binding) -> dict[str, Any]:
        """Return a binding's entries of the state to start from."""
        kept = self._kept.get(binding.entries[0]) if binding.entries else None
        if kept is None or not kept.fingerprint.matches(binding.variables):
            return dict(binding.to_state())
        ahead = binding.shift - kept.shift
        return {name: values + ahead if ahead else values for name, values in kept.entries.items()}

    def keep(self, binding: Binding, state: Mapping[str, Any]) -> None:
        """Keep a binding's entries of a state, after the binding has set its variables from it."""
        if not binding.entries:
            return
        if sum(np.prod(variable.shape) for variable in binding.variables) > _LARGEST:
            self._kept.pop(binding.entries[0], None)
            return
        names = (*binding.entries, *_belonging(binding.entries, state))
        entries = {name: _ours(state[name]) for name in names}
        self._kept[binding.entries[0]] = _Kept(Fingerprint(binding.variables), entries, binding.shift)

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Return everything as arrays with names for one file."""
        arrays = {}
        for key, kept in self._kept.items():
            arrays[f"exact|{key}"] = np.array([kept.fingerprint.checksum, kept.shift])
            arrays |= {f"exact|{key}|{name}": values for name, values in kept.entries.items()}
        return arrays

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Any]) -> ExactState:
        """Rebuild from what :meth:`to_arrays` returned; other names are ignored."""
        entries: dict[str, dict[str, np.ndarray]] = {}
        heads: dict[str, tuple[float, float]] = {}
        for name in arrays:
            tag, _, key = name.partition("|")
            key, _, entry = key.partition("|")
            if tag != "exact":
                continue
            values = np.array(arrays[name])
            if entry:
                entries.setdefault(key, {})[entry] = values
            else:
                heads[key] = (values[0], values[1])
        return cls(
            {
                key: _Kept(Fingerprint.of_checksum(int(checksum)), entries.get(key, {}), float(shift))
                for key, (checksum, shift) in heads.items()
            }
        )


def _ours(values: Any) -> np.ndarray:
    """Return values that nobody else changes: a copy, unless they stay in a file, where the next run reads them."""
    return values if file_behind(values) is not None else np.array(values)


def _belonging(names: tuple[str, ...], state: Mapping[str, Any]) -> list[str]:
    """Return the other entries of the rules that `names` belong to: terms that wait, and scales."""
    parts = {name.partition(".")[0] for name in names if name.endswith(".P_packed")}
    return [name for name in state if name.partition(".")[0] in parts and name not in names]
