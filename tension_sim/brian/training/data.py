"""Samples of a training: trials of targets and inputs that fit their signals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from brian2.units.fundamentalunits import DIMENSIONLESS

from ...declare.sample_file import SampleFile
from ...errors import InvalidTypeError, InvalidValueError, UnitsError, message, problem, unknown_name
from ...system.memory import check_memory
from ..dimensions import numbers_with_unit, unit_name
from ..signal import Signal

__all__ = ["Trial", "by_argument", "trials_of"]

_EXPECTED = "an array of shape (timesteps, channels) or (trials, timesteps, channels)"


@dataclass(frozen=True, eq=False)
class Trial:
    """Input of one run.

    Attributes
    ----------
    samples : dict of str to array or SampleFile, shape (rows, channels)
        By the name of the signal that plays them; what is in a file stays there.
    steps : int
        Time steps.
    """

    samples: dict[str, np.ndarray | SampleFile]
    steps: int


def trials_of(
    where: str, given: Mapping[str, Any], signals: Mapping[str, Signal], steps: Any, outputs: int
) -> tuple[list[Trial], bool]:
    """Return the trials, and whether they were given as such (3D).

    Parameters
    ----------
    where : str
        Class and method, for messages.
    given : mapping of str to array
        Samples by the name of their argument: ``"y"``, ``"x"`` or ``"x['name']"``.
    signals : mapping of str to Signal
        What plays them, by the same names.
    steps : int or None
        Time steps where nothing is given.
    outputs : int
        Numbers of each time step that are kept in memory.
    """
    series = {name: _series(f"{where}.{name}", given[name], signals[name]) for name in given}
    if not series:
        if steps is None:
            raise InvalidValueError(message(f"{where}.steps", "steps, where no samples are given", None))
        check_memory(f"{where}.steps", 8 * steps * outputs, "fewer steps or outputs")
        return [Trial({}, steps)], False
    every = {name: int(signals[name].variables["every"].get_value().item()) for name in series}
    sizes = {name: (len(trials), len(trials[0]) * every[name]) for name, (trials, _) in series.items()}
    first, wanted = next(iter(sizes.items()))
    for name, size in sizes.items():
        if size != wanted:
            shown = f"{size[0]} trial(s) of {size[1]} time steps"
            raise InvalidValueError(
                message(
                    f"{where}.{name}", f"{wanted[0]} trial(s) of {wanted[1]} time steps, as {first}", shown, "cut one."
                )
            )
    if steps is not None and steps > wanted[1]:
        raise InvalidValueError(message(f"{where}.steps", f"at most the {wanted[1]} steps of the samples", steps))
    length = wanted[1] if steps is None else steps
    check_memory(f"{where}.steps", 8 * length * wanted[0] * outputs, "fewer steps or outputs")
    stacked = any(three for _, three in series.values())
    trials = [
        Trial({signals[name].name: trials[n] for name, (trials, _) in series.items()}, length) for n in range(wanted[0])
    ]
    return trials, stacked


def _series(where: str, value: Any, signal: Signal) -> tuple[Sequence[np.ndarray | SampleFile], bool]:
    """Return the samples of each trial, of shape (rows, channels), and whether there were several trials."""
    files, stacked = _files(where, value)
    if files:
        _check_fit(where, DIMENSIONLESS, files[0].channels, np.shape(value) or files[0].shape, signal)
        for file in files:
            file.check_finite(where)
        return files, stacked
    array, dim = numbers_with_unit(where, value, _EXPECTED)
    stacked = array.ndim == 3
    if array.ndim == 1:
        array = array[:, None]
    if array.ndim == 2:
        array = array[None]
    if array.ndim != 3 or 0 in array.shape:
        raise InvalidValueError(message(where, f"{_EXPECTED}, not empty", np.shape(value)))
    _check_fit(where, dim, array.shape[2], np.shape(value), signal)
    if not np.isfinite(array).all():
        at = tuple(np.argwhere(~np.isfinite(array))[0].tolist())
        raise InvalidValueError(
            message(where, "finite values", float(array[at]), "correct the samples that are not finite.")
        )
    return list(array), stacked


def _files(where: str, value: Any) -> tuple[list[SampleFile], bool]:
    """Return the files in which the samples of the trials stay; none where they are, or have to be, in memory."""
    if isinstance(value, np.memmap) and value.ndim == 3 and value.size:
        found = [SampleFile.of(where, trial) for trial in value]
        return ([one for one in found if one is not None], True) if None not in found else ([], True)
    file = SampleFile.of(where, value)
    return [] if file is None else [file], False


def _check_fit(where: str, dim: Any, channels: int, shape: tuple[int, ...], signal: Signal) -> None:
    """Refuse samples of another unit, or of another number of channels, than a signal plays."""
    wanted = signal.variables["value"].dim
    if dim is not wanted:
        raise UnitsError(message(where, f"samples in {unit_name(wanted)}", unit_name(dim)))
    if channels != len(signal):
        fix = f"{signal.name} has {len(signal)} channel(s)."
        raise InvalidValueError(message(where, f"{len(signal)} channel(s) (last axis)", shape, fix))


def by_argument(where: str, inputs: Any, x: Any) -> dict[str, Any]:
    """Return the samples of the inputs by the names of their arguments."""
    if x is None:
        return {}
    if isinstance(inputs, Mapping):
        if not isinstance(x, Mapping):
            raise InvalidTypeError(message(f"{where}.x", f"a mapping with {', '.join(sorted(inputs))}", x))
        for name in x:
            if name not in inputs:
                raise unknown_name(f"{where}.x", "input", name, inputs)
        return {f"x[{name!r}]": samples for name, samples in x.items()}
    if inputs is None:
        fix = "pass inputs=Signal(...) to the Trainer, or leave x out."
        raise InvalidValueError(problem(f"{where}.x", "the Trainer has no inputs", x, fix))
    return {"x": x}
