"""The declaration of recursive least squares: what, when and how."""

from __future__ import annotations

from dataclasses import dataclass

from .validation import check_choice, check_fraction, check_positive, check_steps, check_window

__all__ = ["FOREVER", "GAINS", "Learning"]

#: The step that stands for "to the end of the run".
FOREVER = 2**62

GAINS = ("divided", "undivided")


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
        Weight of the past from one update to the next, in (0, 1].
    probability : float
        Chance of an update at each step of the schedule, in (0, 1].

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

    def __post_init__(self) -> None:
        check_positive("Learning.alpha_P", self.alpha_P, "P(0) = alpha_P I must be positive.")
        check_choice("Learning.gain", self.gain, GAINS)
        off = "to switch learning off, leave learning out or set stop=0."
        check_steps("Learning.update_every", self.update_every, 1, off)
        check_steps("Learning.start", self.start, 0)
        if self.stop is not None:
            check_steps("Learning.stop", self.stop, 0)
            check_window("Learning.stop", self.start, self.stop)
        check_fraction("Learning.forgetting", self.forgetting, "1 keeps all of the past.")
        check_fraction("Learning.probability", self.probability)
