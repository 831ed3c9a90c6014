"""Start, progress and end of a compiled run, all given at run time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from ..circuit.watched import MOST_SHOWN, Watched
from ._base import GeneratedObject, resolve_source

__all__ = ["Conductor"]

_OF_RULE = (
    "fresh", "alpha_P", "partner", "block_start", "P_start", "pending_start", "term_start", "P_packed", "pending_k",
    "pending_c", "P_scale", "pending",
)  # fmt: skip


class Conductor(GeneratedObject):
    """End the run after ``stop_step - 1``, and report steps done while it goes on, and what is watched.

    The network itself is generated with a practically endless duration, so that the
    number of steps is not compiled in.

    Parameters
    ----------
    clock : Clock
        Of the network.
    what : Watched, optional
        What the program can show while it runs; it does if ``watch_sample`` or ``watch_block`` is not 0.
    objects : mapping of str to BrianObject
        The parts by their names.
    """

    def __init__(
        self, clock: Any, what: Watched | None = None, objects: Mapping[str, Any] | None = None, name: str = "conductor"
    ) -> None:
        arrays = {} if what is None else dict(_arrays(what, objects or {}))
        super().__init__(
            "tsim_conductor", clock=clock, when="end", order=1000, name=name,
            needed_variables=list(arrays), template_kwds={} if what is None else _shapes(what, objects or {}),
        )  # fmt: skip
        self.variables.add_constant("N", 1)
        integers = ("stop_step", *(() if what is None else ("watch_block", "watch_sample", "watch_spikes")))
        for each in integers:
            self.variables.add_array(each, size=1, scalar=True, dtype=np.int64, values=0)
        if what is not None:
            self.variables.add_array("watch_error", size=1, scalar=True, dtype=np.float64, values=0)
        for each, (group, variable) in arrays.items():
            self.variables.add_reference(each, group, variable)
            self.add_dependency(group)
        self._enable_group_attributes()


def _arrays(what: Watched, objects: Mapping[str, Any]) -> Iterator[tuple[str, tuple[Any, str]]]:
    """Yield the names under which the program reads arrays of other objects."""
    for k, (z, y) in enumerate(zip(what.outputs, what.targets, strict=True)):
        yield f"z_{k}", (objects[z.part], z.name)
        if y is not None:
            yield f"y_{k}", (objects[y.part], y.name)
    for k, group in enumerate(what.spiking):
        yield f"spikes_{k}", (objects[group], "_spikespace")
    for k, weights in enumerate(what.weights):
        yield f"w_{k}", (objects[weights.part], weights.name)
    for k, rule in enumerate(what.rules):
        for variable in _OF_RULE:
            yield f"{variable}_{k}", (objects[rule], variable)


def _shapes(what: Watched, objects: Mapping[str, Any]) -> dict[str, Any]:
    """Return the sizes that the program's template needs."""
    outputs, shown = [], 0
    for z, y in zip(what.outputs, what.targets, strict=True):
        _, start, size = resolve_source("watch", objects[z.part], z.name)
        some = min(size, MOST_SHOWN - shown)
        outputs.append({"start": start, "size": size, "shown": some, "compared": y is not None})
        shown += some
    rules = [objects[rule] for rule in what.rules]
    return {
        "outputs": outputs,
        "shown": shown,
        "n_spiking": len(what.spiking),
        "sizes": [len(objects[group]) for group in what.spiking],
        "weights": list(what.n_weights),
        "rules": [
            {
                "blocks": int(rule.variables["P_scale"].size),
                "partners": int(rule.variables["partner"].size),
                "alpha_each": int(rule.variables["alpha_P"].size > 1),
                "grouped": "group_of" in rule.variables,
            }
            for rule in rules
        ],
    }
