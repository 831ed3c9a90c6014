"""States that pass from run to run as they are, beside variables that show them rounded.

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
from .declaration import Link
from .fingerprint import Fingerprint

__all__ = ["ExactState"]

_LARGEST = 64_000_000  # numbers of variables of which no second copy is kept


@dataclass(frozen=True)
class _Kept:
    """Entries of a state that variables show; valid as long as the variables were not written since."""

    shown: Fingerprint
    entries: dict[str, np.ndarray]
    shift: float


class ExactState:
    """What the last runs left, by variable; let go where a variable was written since.

    Examples
    --------
    >>> from tension_sim.keras_style.on_brian.declaration import Link
    >>> shown = np.zeros(1, np.float32)
    >>> link = Link((shown,), ("v",), lambda: {"v": shown.astype(float)}, lambda state: None)
    >>> exact = ExactState()
    >>> exact.keep(link, {"v": np.array([1e-300])})
    >>> exact.entries(link)
    {'v': array([1.e-300])}
    >>> shown[0] = 2.0
    >>> exact.entries(link)
    {'v': array([2.])}
    """

    def __init__(self, kept: Mapping[str, _Kept] | None = None) -> None:
        self._kept: dict[str, _Kept] = dict(kept or {})

    def copy(self) -> ExactState:
        """Return what is known now, for later."""
        return ExactState(self._kept)

    def entries(self, link: Link) -> dict[str, Any]:
        """Return a link's entries of the state to start from."""
        kept = self._kept.get(link.entries[0]) if link.entries else None
        if kept is None or not kept.shown.matches(link.variables):
            return dict(link.to_state())
        ahead = link.shift - kept.shift
        return {name: values + ahead if ahead else values for name, values in kept.entries.items()}

    def keep(self, link: Link, state: Mapping[str, Any]) -> None:
        """Keep a link's entries of a state, after the link has set its variables from it."""
        if not link.entries:
            return
        if sum(np.prod(variable.shape) for variable in link.variables) > _LARGEST:
            self._kept.pop(link.entries[0], None)
            return
        names = (*link.entries, *_belonging(link.entries, state))
        entries = {name: _ours(state[name]) for name in names}
        self._kept[link.entries[0]] = _Kept(Fingerprint(link.variables), entries, link.shift)

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Return all of it under names of one file."""
        arrays = {}
        for key, kept in self._kept.items():
            arrays[f"exact|{key}"] = np.array([kept.shown.checksum, kept.shift])
            arrays |= {f"exact|{key}|{name}": values for name, values in kept.entries.items()}
        return arrays

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Any]) -> ExactState:
        """Return what :meth:`to_arrays` gave; other names are passed over."""
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
    """Return values that nobody else changes; what stays in a file cannot be, and the next run reads it there."""
    return values if file_behind(values) is not None else np.array(values)


def _belonging(names: tuple[str, ...], state: Mapping[str, Any]) -> list[str]:
    """Return the other entries of the rules that `names` belong to: terms that wait, and scales."""
    parts = {name.partition(".")[0] for name in names if name.endswith(".P_packed")}
    return [name for name in state if name.partition(".")[0] in parts and name not in names]
