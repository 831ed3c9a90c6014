"""Supervisors that are melodies: one output per pitch, one pulse per note.

A melody is written as music: ``"E E F G | E. D/8 D/2"``. A note is its letter, a sharp (#) or flat (b),
an octave if it is not the fourth, ``/8`` for an eighth (a quarter is meant otherwise) and a dot for half
as long again; ``|`` ends a bar and is only read by people.
"""

from __future__ import annotations

import re

import numpy as np

from ..errors import InvalidValueError, message, unknown_name
from .registry import Grid, supervisor

__all__ = ["MELODIES", "song_matrix"]

_OPENING = "E E F G | G F E D | C C D E | E. D/8 D/2"
_ANSWER = "E E F G | G F E D | C C D E | D. C/8 C/2"
_MIDDLE = "D D E C | D E/8 F/8 E C | D E/8 F/8 E D | C D G3/2"

#: Melodies known by name: Beethoven's Ode to Joy, its first four bars and all sixteen.
MELODIES = {
    "ode_to_joy": _OPENING,
    "ode_to_joy_long": " | ".join((_OPENING, _ANSWER, _MIDDLE, _ANSWER)),
}

_NOTE = re.compile(r"([A-G])([#b]?)(\d?)(?:/(1|2|4|8|16))?(\.?)")
_PITCH = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}


def _parse(melody: str) -> list[tuple[int, float, float]]:
    """Return pitch class, onset and duration (in quarters) of every note."""
    notes, onset = [], 0.0
    for word in melody.replace("|", " ").split():
        match = _NOTE.fullmatch(word)
        if match is None:
            raise InvalidValueError(
                message("Task.melody", 'notes such as "E", "F#", "G3/2" or "E."', word, "correct this note.")
            )
        letter, accidental, _, fraction, dot = match.groups()
        pitch = (_PITCH[letter] + {"#": 1, "b": -1, "": 0}[accidental]) % 12
        duration = 4 / int(fraction or 4) * (1.5 if dot else 1.0)
        notes.append((pitch, onset, duration))
        onset += duration
    if not notes or onset != int(onset):
        raise InvalidValueError(
            message("Task.melody", "notes that fill a whole number of quarters", melody, "add a note.")
        )
    return notes


def song_matrix(melody: str) -> tuple[np.ndarray, np.ndarray]:
    """Turn a melody into the published coding of one slot per quarter.

    A slot carries the first note that begins in it (so that a dotted quarter and an eighth become two
    quarters). A slot in which none begins goes on with the note before it, and the two are a half note.

    Parameters
    ----------
    melody : str
        A name of `MELODIES`, or notes.

    Returns
    -------
    J : numpy.ndarray of int, shape (n_notes, n_pitches)
        1 where a slot carries a pitch; pitches in the order of the scale from C, in any octave.
    HN : numpy.ndarray of int, shape (n_notes - 1,)
        1 where a half note begins.

    Raises
    ------
    UnknownNameError, InvalidValueError
        If the melody is neither a known name nor notes that can be coded.

    Examples
    --------
    >>> J, HN = song_matrix("C D/2 C")
    >>> J.tolist(), HN.tolist()
    ([[1, 0], [0, 1], [0, 1], [1, 0]], [0, 1, 0])
    """
    if re.fullmatch(r"[a-z][a-z0-9_]*", melody):
        if melody not in MELODIES:
            raise unknown_name("Task.melody", "melody", melody, MELODIES)
        melody = MELODIES[melody]
    notes = _parse(melody)
    n_slots = int(sum(duration for _, _, duration in notes))
    pitches = sorted({pitch for pitch, _, _ in notes})
    first: dict[int, int] = {}
    for pitch, onset, _ in notes:
        first.setdefault(int(onset), pitch)
    J = np.zeros((n_slots, len(pitches)), dtype=int)
    HN = np.zeros(n_slots - 1, dtype=int)
    begun = -1
    for slot in range(n_slots):
        if slot in first:
            begun, pitch = slot, first[slot]
        elif slot - begun == 1:
            HN[begun] = 1
        else:
            raise InvalidValueError(
                message(
                    "Task.melody",
                    "notes no longer than a half note, that begin on a quarter if they last longer than one",
                    f"{melody!r}, silent at quarter {slot + 1}",
                    "write a longer note as several.",
                )
            )
        J[slot, pitches.index(pitch)] = 1
    # a pulse of two slots begins one step before its slot, which the first slot does not have
    if HN.size and HN[0]:
        raise InvalidValueError(
            message("Task.melody", "no half note at the very start", melody, "begin with a quarter.")
        )
    return J, HN


def _count(melody: str, note_rate: float, clock: bool) -> int:
    J, _ = song_matrix(melody)
    return J.shape[1] + (len(J) if clock else 0)


def _note_steps(grid: Grid, note_rate: float) -> int:
    if not note_rate > 0:
        raise InvalidValueError(message("Task.note_rate", "a rate above 0", note_rate))
    return grid.steps_in(1 / note_rate, "Task.note_rate")


def _period(grid: Grid, melody: str, note_rate: float, clock: bool) -> int:
    return len(song_matrix(melody)[0]) * _note_steps(grid, note_rate)


@supervisor(outputs=_count, period=_period, melody="text", note_rate="hertz", clock="bool")
def song(grid: Grid, melody: str, note_rate: float = 4.0, clock: bool = False) -> np.ndarray:
    """A melody: one output per pitch, and with clock = true one more output per note, which marks its turn."""
    J, HN = song_matrix(melody)
    n_notes = len(J)
    if clock:
        J = np.hstack([J, np.eye(n_notes, dtype=int)])
    q = _note_steps(grid, note_rate)
    period = n_notes * q
    # i counts steps from 1 as published: slot m holds steps m q .. (m + 1) q - 1
    i = np.arange(1, min(period, grid.n_steps) + 1)
    pulse = np.abs(np.sin(np.pi * i / q))
    target = np.zeros((len(i), J.shape[1]))
    for m, row in enumerate(J):
        begin, end = max(m * q - 1, 0), (m + 1) * q - 1
        for column in np.flatnonzero(row).tolist():
            target[begin:end, column] = pulse[begin:end]
    # the last step of all belongs to no slot
    target[period - 1 :] = pulse[period - 1 :, None]
    half = np.sin(np.pi * np.arange(1, 2 * q + 2) / (2 * q + 1))
    for m in np.flatnonzero(HN).tolist():
        column = int(np.flatnonzero(J[m])[0])
        part = target[m * q - 1 : (m + 2) * q, column]
        part[:] = half[: len(part)]
    return target
