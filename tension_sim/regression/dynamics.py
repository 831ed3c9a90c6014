"""How the rates of one sample give those of the next: two kinds of rate units, and steps within a sample."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["DYNAMICS", "Dynamics"]

#: ``"current"``: tau da/dt = -a + W'r, r = tanh(a); ``"rate"``: tau dr/dt = -r + tanh(W'r).
DYNAMICS = ("current", "rate")

#: No unit answers with more than 1. Noise of the rates asks for little more, a wrong time constant for much more.
_STEEP = 1.1


@dataclass(frozen=True)
class Dynamics:
    """Euler's steps of a rate unit from one sample to the next.

    With k = dt/tau and f steps a sample, what is there at a sample decays by (1 - k)^f, and the
    inputs of the f steps add up with the weights k (1 - k)^(f - 1 - j). Between two samples the rates
    count as interpolated, so that the steps together see ``(1 - lead) r(t) + lead r(t + 1)``.

    Attributes
    ----------
    kind : str
        One of `DYNAMICS`.
    decay : float
        Factor from sample to sample without inputs, (1 - k)^f.
    lead : float
        Part of the next sample in what the weights act on; 0 with one step a sample.

    Examples
    --------
    >>> Dynamics.of("current", step=0.25, substeps=1)
    Dynamics(kind='current', decay=0.75, lead=0.0)
    >>> round(Dynamics.of("rate", step=0.1, substeps=5).lead, 3)
    0.442
    """

    kind: str
    decay: float
    lead: float

    @classmethod
    def of(cls, kind: str, step: float, substeps: int) -> Dynamics:
        """Return the dynamics of steps of dt/tau = `step`, `substeps` for each sample."""
        j = np.arange(substeps)
        weight = step * (1 - step) ** (substeps - 1 - j)
        return cls(kind, float((1 - step) ** substeps), float(weight @ j / (weight.sum() * substeps)))

    @property
    def gain(self) -> float:
        """Factor on the weights' input in the argument of tanh."""
        return 1 - self.decay if self.kind == "current" else 1.0

    def regression(
        self, before: np.ndarray, after: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray | None, float]:
        """Return x, response, offset and steep of `OneStep`.

        Parameters
        ----------
        before, after : array, shape (pairs, neurons)
            The rates of each sample and of the next.
        """
        x = before if self.lead == 0 else (1 - self.lead) * before + self.lead * after
        if self.kind == "current":
            return x, after, self.decay * np.arctanh(before), 0.0
        response = self.decay * before
        np.subtract(after, response, out=response)
        response /= 1 - self.decay
        steep = np.count_nonzero(np.abs(response) > _STEEP) / response.size
        return x, np.clip(response, -1, 1, out=response), None, steep

    def next_rates(self, before: np.ndarray, inputs: np.ndarray) -> np.ndarray:
        """Return the rates of the next sample from those before and from the inputs, W'x.

        Examples
        --------
        >>> Dynamics.of("rate", 0.1, 1).next_rates(np.array([0.5]), np.array([0.0]))
        array([0.45])
        """
        if self.kind == "current":
            return np.tanh(self.decay * np.arctanh(before) + self.gain * inputs)
        return self.decay * before + (1 - self.decay) * np.tanh(inputs)
