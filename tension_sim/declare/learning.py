"""The declaration of recursive least squares: what, when and how."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import InvalidValueError, message
from .validation import check_choice, check_fraction, check_number, check_positive, check_steps, check_window

__all__ = ["FOREVER", "GAINS", "Learning", "check_forgotten", "check_relaxation"]

#: The step that stands for "to the end of the run".
FOREVER = 2**62

GAINS = ("divided", "undivided")


def check_relaxation(where: str, value: Any) -> float:
    """Return a number in [0, 1)."""
    number = check_number(where, value)
    if not 0 <= number < 1:
        raise InvalidValueError(message(where, "a number in [0, 1)", value, "0 keeps all of the past."))
    return number


def check_forgotten(where: str, forgetting: Any, relaxation: Any, dtype: Any = "float64") -> None:
    """Check what an update forgets: P is divided, or goes back towards its start, by enough for numbers of `dtype`."""
    check_fraction(f"{where}.forgetting", forgetting, "1 keeps all of the past.")
    if check_relaxation(f"{where}.relaxation", relaxation) and forgetting != 1:
        expected = f"0 beside forgetting={forgetting:g}, which forgets too"
        raise InvalidValueError(message(f"{where}.relaxation", expected, relaxation, "leave out one of the two."))
    number = np.dtype(dtype).type
    kept, name, least = 1 - number(relaxation), number.__name__, float(np.finfo(number).epsneg)
    fix = "less is lost in rounding: forget more" + ("." if number is np.float64 else ', or use dtype="float64".')
    if number(forgetting) == 1 != forgetting:
        expected = f"1, or at most {1 - least:.9g} in {name}"
        raise InvalidValueError(message(f"{where}.forgetting", expected, forgetting, fix))
    if relaxation and kept == 1:
        expected = f"0, or at least {least:.2g} in {name}"
        raise InvalidValueError(message(f"{where}.relaxation", expected, relaxation, fix))


@dataclass(frozen=True)
class Learning:
    """Recursive least squares on the readout: what, when and how.

    Attributes
    ----------
    alpha_P : float
        Initial P scale: P(0) = alpha_P I, the inverse of the ridge penalty.
    gain : str
        ``"divided"``: W -= e c P r, least squares; ``"undivided"``: W -= e P r, as in the
        programs of Nicola & Clopath (2017).
    update_every, start, stop : int
        In time steps: an update falls on step k where ``start <= k < stop`` and
        ``k % update_every == 0``. ``stop=None`` means to the end.
    forgetting : float
        Weight of the past from one update to the next, in (0, 1]: P is divided by it. Nothing
        bounds P where the rates do not vary (wind-up), so that a long run ends in a
        divergence: 100 rate units that learned a sine diverged after 3,203 updates with 0.99,
        after 28,740 with 0.999 and after 247,951 with 0.9999 (in float32 after 1,331, 9,269
        and 87,114). Use `relaxation` instead, which follows a changing target for any time.
    relaxation : float
        How far P goes back towards its start after each update, in [0, 1):
        P <- (1 - relaxation) P + relaxation P(0). P stays positive and at most P(0): its
        eigenvalues stay in (0, alpha_P]. A direction in which the rates have the mean square s is remembered for
        about 1 / sqrt(relaxation alpha_P s) updates; try 1e-6, then larger. It is the Kalman
        filter of weights that drift about 0 (Van Vaerenbergh, Lazaro-Gredilla & Santamaria
        2012, doi:10.1109/TNNLS.2012.2200500, there "back to the prior").
    probability : float
        Chance of an update at each step of the schedule, in (0, 1]. The rules of a network share
        the number that is drawn in a step, so that those of one chance update together.

    Examples
    --------
    >>> Learning(alpha_P=0.1, update_every=0)
    Traceback (most recent call last):
    tension_sim.errors.InvalidValueError: Learning.update_every: expected a whole number of time steps, at least 1.
    Received: 0
    Fix: to switch learning off, leave learning out or set stop=0.
    """

    alpha_P: float
    gain: str = "divided"
    update_every: int = 1
    start: int = 0
    stop: int | None = None
    forgetting: float = 1.0
    probability: float = 1.0
    relaxation: float = 0.0

    def __post_init__(self) -> None:
        check_positive("Learning.alpha_P", self.alpha_P, "P(0) = alpha_P I must be positive.")
        check_choice("Learning.gain", self.gain, GAINS)
        off = "to switch learning off, leave learning out or set stop=0."
        check_steps("Learning.update_every", self.update_every, 1, off)
        check_steps("Learning.start", self.start, 0)
        if self.stop is not None:
            check_steps("Learning.stop", self.stop, 0)
            check_window("Learning.stop", self.start, self.stop)
        check_forgotten("Learning", self.forgetting, self.relaxation)
        check_fraction("Learning.probability", self.probability)

    def check_dtype(self, where: str, dtype: str) -> None:
        """Refuse what P in numbers of a type would not notice.

        Raises
        ------
        InvalidValueError
        """
        check_forgotten(where, self.forgetting, self.relaxation, dtype)
