"""Arguments of a Trainer, refused before anything is generated."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from brian2.core.network import Network

from ...errors import InvalidTypeError, InvalidValueError, message
from .._base import resolve_source
from ..linear_map import LinearMap
from ..signal import Signal

__all__ = ["check_metrics", "check_network", "check_output", "check_signals", "validation_pair"]


def check_network(network: Any) -> list[Any]:
    """Return the objects of a network."""
    if not isinstance(network, Network):
        raise InvalidTypeError(message("Trainer.network", "a Network", network, "put its objects in Network(...)."))
    members = list(network.sorted_objects)
    if not members:
        raise InvalidValueError(message("Trainer.network", "a Network with objects", [], "add groups and readout."))
    return members


def check_output(output: Any, members: list[Any]) -> tuple[Any, str]:
    """Return group and variable of the output."""
    where = "Trainer.output"
    if isinstance(output, LinearMap):
        _check_member(where, output, members)
        group, variable = output.output
    elif isinstance(output, tuple) and len(output) == 2 and isinstance(output[1], str):
        group, variable = output
    else:
        raise InvalidTypeError(
            message(where, "a LinearMap, or (group, variable name)", output, "such as output=readout.")
        )
    resolve_source(where, group, variable)
    _check_member(where, getattr(group, "source", group) if group not in members else group, members)
    return group, variable


def check_signals(target: Any, inputs: Any, members: list[Any], clock: Any) -> dict[str, Signal]:
    """Return the signals by the names of their arguments."""
    signals = {} if target is None else {"y": ("Trainer.target", target)}
    if isinstance(inputs, Mapping):
        signals |= {f"x[{name!r}]": (f"Trainer.inputs[{name!r}]", one) for name, one in inputs.items()}
    elif inputs is not None:
        signals["x"] = ("Trainer.inputs", inputs)
    for where, signal in signals.values():
        if not isinstance(signal, Signal):
            raise InvalidTypeError(message(where, "a Signal, which plays samples", signal, "make it with Signal(...)."))
        _check_member(where, signal, members)
        if signal.clock is not clock:
            raise InvalidValueError(
                message(
                    where, f"the clock of the output, {clock.name}", signal.clock.name, "pass clock= to the Signal."
                )
            )
    return {name: signal for name, (_, signal) in signals.items()}


def _check_member(where: str, member: Any, members: list[Any]) -> None:
    if not any(member is one for one in members):
        raise InvalidValueError(
            message(where, "an object of the network", getattr(member, "name", member), "add it: network.add(...).")
        )


def check_metrics(metrics: Any) -> dict[str, Callable[..., float]]:
    """Return metrics by their names."""
    if metrics is None:
        return {}
    if not isinstance(metrics, Mapping):
        listed = metrics if isinstance(metrics, list | tuple) else [metrics]
        named = [getattr(one, "__name__", type(one).__name__) for one in listed]
        if len(set(named)) < len(named):
            fix = 'name them, as in {"worst": metric}.'
            raise InvalidValueError(message("Trainer.metrics", "functions of different names", named, fix))
        metrics = dict(zip(named, listed, strict=True))
    for name, metric in metrics.items():
        if not callable(metric):
            raise InvalidTypeError(
                message(f"Trainer.metrics[{name!r}]", "a function metric(y, z) of arrays", metric, "pass a function.")
            )
        if name in ("loss", "mae"):
            raise InvalidValueError(message("Trainer.metrics", "names other than loss and mae", name, "rename it."))
    return dict(metrics)


def validation_pair(data: Any) -> tuple[Any, Any]:
    """Return x and y of validation_data."""
    if not isinstance(data, tuple | list) or len(data) != 2:
        raise InvalidTypeError(
            message("Trainer.fit.validation_data", "a pair (x, y)", data, "without inputs write (None, y).")
        )
    return data[0], data[1]
