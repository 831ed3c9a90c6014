"""Mixin of FORCEModel: what the Brian2 adapter asks the model for."""

from __future__ import annotations

from typing import Any, ClassVar

from ...declare.learning import Learning
from ...tensorflow.bases import ModelPart

__all__ = ["Declared"]


class Declared(ModelPart):
    """The model's part in a `Declaration`; the layer adds its own. Part of FORCEModel."""

    #: from what the recurrent kernel learns, see `Plastic`
    recurrent_error: ClassVar[str] = "output"
    divide_by_source: ClassVar[bool] = False

    @property
    def readout_P(self) -> Any:
        """P of the output kernel, as it is stored."""
        return getattr(self, "P_output", None)

    @property
    def recurrent_P(self) -> Any:
        """P of the recurrent kernel, as it is stored."""
        return self._P_GG

    def refusal_of_brian2(self) -> str | None:
        """Say why the model cannot run on Brian2, beside overridden methods; None: it can."""
        return self.original_force_layer.refusal_of_brian2()

    def declaration(self) -> Any:
        """Return the model as a `Declaration`, see `tension_sim.keras_style.on_brian.declaration`."""
        return self.original_force_layer.declaration(self)

    def learns_in_run(self, kernel: str) -> bool:
        """Whether a kernel of the layer, such as "output_kernel", learns while a run goes on."""
        return self.trains(kernel)

    def steps_to_update(self) -> int | None:
        """Return after how many time steps a run ends for `learn_between`; None: it need not."""
        return None

    def learn_between(self, h: Any, y: Any) -> None:
        """Learn from the rates and targets of a run that has ended, (steps, units) and (steps, outputs)."""

    def learning_rule(self) -> tuple[Any, int | None]:
        """Return how the model learns as a `Learning`, and the step of its clock, or None out of ``fit``.

        A `Learning` updates at multiples of ``update_every``, so its clock is ahead of the
        trained time steps by one.
        """
        ahead = int(self._update_every > 1)
        start = self._learn_start + ahead
        stop = None if self._learn_stop is None else max(self._learn_stop + ahead, start)
        gain = "divided" if self._divided else "undivided"
        forgetting, relaxation, _ = self._forgets
        rule = Learning(
            self.alpha_P, gain, self._update_every, start, stop, forgetting=forgetting, relaxation=relaxation
        )
        return rule, int(self._steps_learned.numpy()) + ahead if self._phase == "train" else None

    @property
    def brian2_dtype(self) -> str:
        """Precision on Brian2: the one that layer or model were given, else float64."""
        given = self.original_force_layer._constructed.values.get("dtype")
        return "float64" if given is None else self.compute_dtype
