"""The quantities of a run, from the sums that it tells."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ...circuit.watched import Frame, Watched

__all__ = ["Measures"]


@dataclass(frozen=True)
class Measures:
    """How sums over some steps become the quantities of `StopWhen`.

    Attributes
    ----------
    what : Watched
        What is watched.
    outputs : int
        Number of outputs.
    compared : bool
        Whether the run has a target.
    dt : float
        Time step, seconds.
    """

    what: Watched
    outputs: int
    compared: bool
    dt: float

    @property
    def there(self) -> tuple[str, ...]:
        """The quantities that this run has."""
        return tuple(name for name, lack in self._lacks.items() if not lack)

    def lack(self, name: str) -> str:
        """Say why the run does not have a quantity."""
        return self._lacks[name]

    @property
    def _lacks(self) -> dict[str, str]:
        what = self.what
        return {
            "rmse": "" if self.compared and what.outputs else "it has no target to compare an output with",
            "rate": "" if what.n_spiking else "it has no neurons that spike",
            "weight_norm": "" if what.weights else "it has no weights that can be learned",
            "P_trace": "" if what.rules else "nothing in it learns",
        }

    def of(self, frame: Frame) -> dict[str, float]:
        """Return all quantities of a frame or a block in SI units; NaN for those that the run does not have."""
        steps = max(frame.steps, 1)
        mean = frame.error / (steps * self.outputs) if self.outputs else math.nan
        found = {
            "rmse": math.sqrt(mean) if mean >= 0 else math.nan,
            "rate": frame.spikes / (self.what.n_spiking * steps * self.dt) if self.what.n_spiking else math.nan,
            "weight_norm": frame.weights,
            "P_trace": frame.P,
        }
        found = {name: math.nan if self.lack(name) else float(np.float64(value)) for name, value in found.items()}
        return found | {"t": frame.step * self.dt}
