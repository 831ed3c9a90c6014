"""What a page says in words and numbers about its run."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..measures import summary
from ..references import bibtex, doi_of, web_address
from ..run_data import RunData, spiking

__all__ = ["Facts", "Measured", "facts_of", "measured_of", "shown_number"]

Rows = list[tuple[str, str]]


@dataclass(frozen=True)
class Measured:
    """A number of the run beside what is expected, as texts."""

    label: str
    value: str
    expected: str = ""
    judged: str = ""


@dataclass(frozen=True)
class Facts:
    """All texts of a page."""

    title: str
    summary: str
    verdict: str
    as_expected: bool | None
    run: Rows
    changed: list[tuple[str, str, str]]
    settings: list[tuple[str, Rows]]
    measured: list[Measured]
    expected_from: str
    warnings: list[str]
    timings: Rows
    versions: Rows
    machine: Rows
    repeat: str
    source: str
    address: str
    doi: str
    script: str
    bibtex: str
    neuron_source: str = ""
    date: str = ""
    number: str = ""


def shown_number(value: Any, unit: str = "") -> str:
    """Return a number with three digits and its unit; a dash where it is none.

    Examples
    --------
    >>> shown_number(0.12345), shown_number(5, "Hz"), shown_number(None)
    ('0.123', '5 Hz', '-')
    """
    if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
        return "-"
    return f"{value:.3g} {unit}".rstrip()


def _seconds(value: float) -> str:
    return f"{value:.3g} s" if value < 120 else f"{value / 60:.3g} min"


def facts_of(results: RunData) -> Facts:
    """Return what is known of a run; what its provenance lacks is left empty."""
    about = results.provenance
    machine = _mapping(about.get("machine"))
    verdict = _mapping(about.get("verdict"))
    source = _text(about.get("publication"))
    return Facts(
        title=results.name,
        summary=_text(about.get("summary")),
        verdict=_text(verdict.get("text")),
        as_expected=verdict.get("as_expected"),
        run=_run_rows(results),
        changed=_changed(about),
        settings=_settings(about),
        measured=measured_of(results),
        expected_from=_text(about.get("expected_from")),
        warnings=_warnings(results),
        timings=[(name, _seconds(seconds)) for name, seconds in results.timings.items()],
        versions=[(name, _text(version)) for name, version in _mapping(about.get("versions")).items()],
        machine=[(name, _text(value)) for name, value in machine.items() if name != "date"],
        repeat=_text(about.get("repeat")),
        source=source,
        address=web_address(source),
        doi=doi_of(source),
        script=_text(about.get("script")),
        bibtex=bibtex(source),
        neuron_source=web_address(_text(about.get("source"))),
        date=_text(machine.get("date")),
        number=_text(about.get("run")),
    )


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def _run_rows(results: RunData) -> Rows:
    about = results.provenance
    rows = [
        ("recipe", about.get("recipe")),
        ("protocol", about.get("protocol")),
        ("goes on from", _mapping(about.get("continued")).get("from")),
        ("network", f"{_counted(results.n_neurons, 'neuron')}, {_counted(results.n_outputs, 'output')}"),
        ("neuron", about.get("neuron")),
        ("synapse", about.get("synapse")),
        ("time", f"{results.n_steps * results.dt:.6g} s in {results.n_steps} steps of {results.dt:.3g} s"),
        *(
            (f"phase: {phase.name}", f"{phase.start * results.dt:.6g} s to {phase.stop * results.dt:.6g} s")
            for phase in results.phases
        ),
        ("seed", about.get("seed")),
        ("target", about.get("target")),
        ("precision", about.get("dtype")),
        ("spikes", f"{len(results.spike_step)}" if results.n_recorded_neurons else None),
    ]
    return [(name, _text(value)) for name, value in rows if value not in (None, "")]


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _changed(about: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    return [(name, _text(pair[0]), _text(pair[1])) for name, pair in _mapping(about.get("changed")).items()]


def _settings(about: Mapping[str, Any]) -> list[tuple[str, Rows]]:
    tables = _mapping(about.get("settings"))
    return [(name, [(key, _text(value)) for key, value in _mapping(keys).items()]) for name, keys in tables.items()]


def measured_of(results: RunData) -> list[Measured]:
    """Return the numbers of a recipe as it reports them, or those that any run has."""
    rows = results.provenance.get("measured")
    if not rows:
        return _of_any(results)
    return [
        Measured(
            _text(row["label"]),
            shown_number(row["value"], row["unit"]),
            " to ".join(shown_number(end, "") for end in row["expected"])
            + (f" {row['unit']}" if row["expected"] else ""),
            _text(row["judged"]),
        )
        for row in rows
    ]


def _of_any(results: RunData) -> list[Measured]:
    found = summary(results)
    aligned, peaks = found["lag_aligned_rmse"], found["peak_frequency"]
    rows = [(f"error (RMSE), {name.replace('_', ' ')}", value, "") for name, value in found["rmse"].items()]
    rows += [("error (RMSE) of the test, windows of 1 s at their best lag", aligned.get("windows"), "")]
    rows += [(f"peak frequency, {name}", _first(value), "Hz") for name, value in peaks.items()]
    rows += [(f"firing rate, {name}", value, "Hz") for name, value in found["firing_rate"].items()]
    return [Measured(name, shown_number(value, unit)) for name, value, unit in rows if value is not None]


def _first(value: Any) -> Any:
    return value[0] if isinstance(value, list) and value else value


def _warnings(results: RunData) -> list[str]:
    about = results.provenance
    found = [_text(text) for name in ("remarks", "warnings") for text in about.get(name) or ()]
    if about.get("interrupted"):
        found.append(f"The run was interrupted: it holds what was reached, up to {results.t_stop:.6g} s.")
    stopped = about.get("stopped")
    if isinstance(stopped, dict):
        found.append(f"The run ended early, at {results.t_stop:.6g} s: {_text(stopped.get('why'))}.")
    if results.output.size and not np.isfinite(results.output).all():
        found.append("The output has values that are not finite: learning diverged.")
    recorded = np.count_nonzero(spiking(results))
    if recorded and not len(results.spike_step):
        found.append(f"None of the {recorded} recorded neurons fired.")
    return found
