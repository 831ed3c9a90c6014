"""A `neo.Block` as an NWB file: monitors of any Brian2 network, runs of a Trainer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import InvalidValueError, message
from ._nwb_file import image_of, new_file, si_unit, units_table

if TYPE_CHECKING:
    import neo
    import pynwb

__all__ = ["block_image"]


def block_image(block: neo.Block) -> bytes:
    """Return the content of an NWB file that holds a Block.

    A neuron is one unit, over all Segments; Segments are epochs. Signals and events keep their
    names; where there are several Segments, the name of theirs goes before.

    Raises
    ------
    InvalidValueError
        If the Block has no Segment.
    """
    if not block.segments:
        raise InvalidValueError(message("save.source", "a Block with at least one Segment", block.name))
    file = new_file(block.name or "a network", dict(block.annotations))
    spans = [_span(segment) for segment in block.segments]
    for segment, (start, stop) in zip(block.segments, spans, strict=True):
        if stop > start:
            file.add_epoch(start, stop, [segment.name or "segment"])
    _add_units(file, block, spans)
    several = len(block.segments) > 1
    for segment in block.segments:
        for series in _series(segment, f"{segment.name}, " if several else ""):
            file.add_acquisition(series)
        for table in _events(segment, f"{segment.name}, " if several else ""):
            file.add_events_table(table)
    return image_of(file)


def _seconds(time: Any) -> float:
    return float(time.rescale("s").magnitude)


def _span(segment: neo.Segment) -> tuple[float, float]:
    return _seconds(segment.t_start), _seconds(segment.t_stop)


def _joined(spans: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Join spans that touch: programs that know one span for each unit can read them."""
    joined: list[tuple[float, float]] = []
    for start, stop in sorted(spans):
        if joined and start <= joined[-1][1] * (1 + 1e-12):
            joined[-1] = (joined[-1][0], max(stop, joined[-1][1]))
        else:
            joined.append((start, stop))
    return joined


def _add_units(file: pynwb.NWBFile, block: neo.Block, spans: list[tuple[float, float]]) -> None:
    """Put the trains of one neuron together: it is known by its population and its index there."""
    rows: dict[tuple[str, int], list[np.ndarray]] = {}
    for segment in block.segments:
        for number, train in enumerate(segment.spiketrains):
            population = train.annotations.get("source_population", train.name or "neurons")
            key = str(population), int(train.annotations.get("source_index", number))
            rows.setdefault(key, []).append(train.times.rescale("s").magnitude)
    if not rows:
        return
    trains = [np.unique(np.concatenate(parts)) for parts in rows.values()]
    times = np.concatenate(trains)
    gaps = np.diff(np.unique(times))
    columns: dict[str, tuple[str, list[Any]]] = {
        "source_population": ("Group of neurons", [population for population, _ in rows]),
        "source_index": ("Index of the neuron in its group", [index for _, index in rows]),
    }
    numbers = np.repeat(np.arange(len(trains)), [len(train) for train in trains])
    # the time step, where all of the network has one: no two times differ by less
    resolution = float(gaps.min()) if len(gaps) else 1e-9
    file.units = units_table(times, numbers, np.arange(len(trains)), _joined(spans), resolution, columns)


def _series(segment: neo.Segment, prefix: str) -> Iterator[pynwb.TimeSeries]:
    import pynwb

    taken: dict[str, int] = {}

    def name_of(thing: Any) -> str:
        name = f"{prefix}{thing.name or 'signal'}".replace("/", " per ").replace(":", " ")
        taken[name] = taken.get(name, 0) + 1
        return name if taken[name] == 1 else f"{name} {taken[name]}"

    for signal in segment.analogsignals:
        unit, conversion = si_unit(str(signal.dimensionality))
        about = {"name": name_of(signal), "unit": unit, "conversion": conversion}
        rate = float(signal.sampling_rate.rescale("Hz").magnitude)
        yield pynwb.TimeSeries(
            data=signal.magnitude,
            starting_time=_seconds(signal.t_start),
            rate=rate,
            description=_about(signal),
            **about,
        )
    for signal in segment.irregularlysampledsignals:
        unit, conversion = si_unit(str(signal.dimensionality))
        times = signal.times.rescale("s").magnitude
        yield pynwb.TimeSeries(
            name=name_of(signal), data=signal.magnitude, timestamps=times, unit=unit, conversion=conversion,
            description=_about(signal),
        )  # fmt: skip


def _events(segment: neo.Segment, prefix: str) -> Iterator[Any]:
    from pynwb.event import EventsTable

    for number, event in enumerate(segment.events):
        table = EventsTable(name=f"{prefix}{event.name or number}".replace("/", " per "), description=_about(event))
        for time, label in zip(event.times.rescale("s").magnitude, _labels(event), strict=True):
            table.add_row(timestamp=float(time), annotation=label)
        yield table


def _labels(event: neo.Event) -> list[str]:
    return [str(label) for label in event.labels] if len(event.labels) else [""] * len(event)


def _about(thing: Any) -> str:
    population = thing.annotations.get("source_population")
    return thing.description or f"{thing.name} of {population or 'the network'}"
