"""Equation files as text: a neuron or filter written so that it can be read, and is checked, like any other file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .delta import DELTA
from .equations import Neuron, SynapticFilter, read_neuron, read_synapse
from .poisson import POISSON

__all__ = ["from_text", "to_text"]


def to_text(found: Neuron | SynapticFilter) -> str:
    """Return the text of an equation file.

    Examples
    --------
    >>> from tension_sim.declare.equations import load_neuron
    >>> lif = load_neuron("lif")
    >>> from_text("lif", to_text(lif)) == lif
    True
    """
    texts = {"summary": found.summary, "source": found.source, "equations": found.equations}
    tables: dict[str, Mapping[str, str]] = {"parameters": found.parameters}
    if isinstance(found, SynapticFilter):
        texts |= {"kind": found.kind, "output": found.output, "integration": found.integration}
        texts |= {"reset": found.reset} if found.reset else {}
        tables |= {} if found.reset else {"spike": found.spike}
    elif found.spiking:
        texts |= {"kind": "neuron", "threshold": found.threshold, "reset": found.reset}
        texts |= {"refractory": found.refractory} if found.refractory else {}
        tables["units"] = {"current": found.current_unit, "rate": found.rate_unit}
    else:
        texts |= {"kind": "rate", "rate": found.rate, "activation": found.activation}
    if isinstance(found, Neuron):
        texts |= {"method": found.method, "membrane": found.membrane}
        tables |= {"inputs": found.inputs, "initial": found.initial}
    if found.ranges:
        tables["ranges"] = found.ranges
    lines = [f"{key} = {_quoted(text)}" for key, text in texts.items()]
    for name, table in tables.items():
        lines += ["", f"[{name}]", *(f"{_quoted(key)} = {_quoted(text)}" for key, text in table.items())]
    for name, each in found.more_inputs.items() if isinstance(found, Neuron) else ():
        texts = {"unit": each.unit, "meaning": each.meaning}
        lines += ["", f"[inputs.{_quoted(name)}]", *(f"{key} = {_quoted(text)}" for key, text in texts.items())]
    return "\n".join(lines) + "\n"


def from_text(name: str, text: str) -> Neuron | SynapticFilter:
    """Return the neuron or filter of a text by `to_text`, checked as a file of that name is.

    Raises
    ------
    InvalidValueError
        If the text is no equation file.
    """
    for built_in in (POISSON, DELTA):
        if name == built_in.name and text == to_text(built_in):
            return built_in
    path, content = Path(f"{name}.toml"), text.encode()
    of_synapse = any(f'\nkind = "{kind}"\n' in f"\n{text}" for kind in ("filter", "synapse"))
    return read_synapse(path, content) if of_synapse else read_neuron(path, content)


def _quoted(text: Any) -> str:
    # TOML's texts are JSON's, but for this one character
    return json.dumps(str(text), ensure_ascii=False).replace("\x7f", "\\u007f")
