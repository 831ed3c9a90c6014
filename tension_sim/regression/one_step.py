"""What each pair of neighbouring samples tells about the weights: tanh(offset + gain x W) gives the response."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..errors import InvalidValueError, message
from .dynamics import Dynamics

__all__ = ["OneStep"]


@dataclass(frozen=True, eq=False)
class OneStep:
    """Pairs of samples as a regression: ``response = tanh(offset + gain * (x @ W))``, up to noise.

    Attributes
    ----------
    x : ndarray, shape (pairs, sources)
        Rates that the weights act on.
    response : ndarray, shape (pairs, targets)
        In [-1, 1].
    offset : ndarray, shape (pairs, targets), or None
        What the argument of tanh is without weights; None stands for 0.
    gain : float
        Factor on the weights' input.
    steep : float
        Part of the responses that was far beyond 1 and counts as 1: there, rates changed faster than such units can.

    Examples
    --------
    >>> rates = np.array([[0.0, 0.5], [0.1, 0.5], [0.2, 0.4]])
    >>> pairs = OneStep.of(rates, Dynamics.of("rate", step=0.1, substeps=1))
    >>> pairs.x.shape, pairs.response[:, 0].round(3).tolist()
    ((2, 2), [1.0, 1.0])
    """

    x: np.ndarray
    response: np.ndarray
    offset: np.ndarray | None
    gain: float
    steep: float = 0.0

    @classmethod
    def of(
        cls,
        rates: np.ndarray,
        dynamics: Dynamics,
        begins: tuple[int, ...] = (),
        part: float = 1.0,
        rng: np.random.Generator | None = None,
        where: str = "OneStep.rates",
    ) -> OneStep:
        """Return the pairs of a recording.

        Parameters
        ----------
        rates : array, shape (samples, neurons)
            Within (-1, 1); pairs with a gap (NaN) on either side are left out.
        dynamics : Dynamics
            How rates follow from inputs.
        begins : tuple of int
            Samples at which a trial begins: these do not follow from the one before.
        part : float
            Part of the pairs that is used, in (0, 1].
        rng : numpy.random.Generator, optional
            Draws that part.
        where : str
            Class and argument, for messages.

        Raises
        ------
        InvalidValueError
            If no pair is left.
        """
        complete = np.isfinite(rates.sum(axis=1))
        follows = complete[1:] & complete[:-1]
        follows[[sample - 1 for sample in begins if sample > 0]] = False
        pairs = np.flatnonzero(follows)
        if part < 1 and rng is not None:
            pairs = np.sort(rng.choice(pairs, max(1, round(part * len(pairs))), replace=False))
        if not len(pairs):
            fix = 'fill the gaps, leave out neurons that have many, or fit with method="closed_loop".'
            what = "at least one sample that follows another, without a gap in any neuron"
            raise InvalidValueError(message(where, what, "none", fix))
        everything = len(pairs) == len(follows)
        before = rates[:-1] if everything else rates[pairs]
        after = rates[1:] if everything else rates[pairs + 1]
        x, response, offset, steep = dynamics.regression(before, after)
        return cls(x, response, offset, dynamics.gain, steep)

    def __len__(self) -> int:
        return len(self.x)

    def with_fixed(self, weights: np.ndarray) -> OneStep:
        """Return the regression that is left when some weights, shape (sources, targets), are known."""
        if not np.any(weights):
            return self
        known = self.gain * (self.x @ weights)
        return replace(self, offset=known if self.offset is None else self.offset + known)

    def of_targets(self, targets: np.ndarray) -> OneStep:
        """Return the regression of some targets, indices, alone."""
        if len(targets) == self.response.shape[1]:
            return self
        offset = None if self.offset is None else self.offset[:, targets]
        return replace(self, response=self.response[:, targets], offset=offset)

    def of_sources(self, sources: np.ndarray) -> OneStep:
        """Return the regression on some sources, indices, alone."""
        return self if len(sources) == self.x.shape[1] else replace(self, x=self.x[:, sources])

    def inputs(self, largest: float) -> np.ndarray:
        """Return the inputs that would give the responses, shape (pairs, targets).

        Parameters
        ----------
        largest : float
            Responses beyond count as this, below 1: the input of 1 would be infinite.
        """
        argument = np.arctanh(np.clip(self.response, -largest, largest))
        if self.offset is not None:
            argument -= self.offset
        return argument if self.gain == 1 else argument / self.gain
