"""The keyword arguments of `RLS`, by what they belong to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, TypedDict

import numpy as np

from ..circuit.blocks import Blocks, BlockSizes
from ..declare.options import Default
from .times import StepsOrTime

__all__ = [
    "ErrorOptions",
    "GroupOptions",
    "PlaceOptions",
    "RLSOptions",
    "ScheduleOptions",
    "SynapticOptions",
    "UpdateOptions",
]


class SynapticOptions(TypedDict, total=False):
    """Of Synapses: which of their variables learn, and from what."""

    weight: Annotated[str | Sequence[str] | None, Default(None)]
    trace: Annotated[str | np.ndarray | Sequence[str | np.ndarray] | None, Default(None)]
    trainable: Annotated[str | Sequence[str] | None, Default(None)]


class GroupOptions(TypedDict, total=False):
    """The penalty on sums of weights."""

    row_sum: Annotated[Any, Default(None)]
    groups: Annotated[Any, Default(None)]


class ErrorOptions(TypedDict, total=False):
    """The error, and what its names mean."""

    error: Annotated[str | Sequence[str], Default("z - y")]
    variables: Annotated[Mapping[str, tuple[Any, str]] | None, Default(None)]
    namespace: Annotated[Mapping[str, Any] | None, Default(None)]


class UpdateOptions(TypedDict, total=False):
    """How an update changes the weights, and which rows share P."""

    gain: Annotated[str, Default("divided")]
    divide_by_source: Annotated[bool, Default(False)]
    factor: Annotated[Any, Default(None)]
    signs: Annotated[Any, Default(None)]
    blocks: Annotated[Blocks | BlockSizes | None, Default(None)]


class ScheduleOptions(TypedDict, total=False):
    """When updates fall, and how much of the past they keep."""

    update_every: Annotated[StepsOrTime, Default(1)]
    start: Annotated[StepsOrTime, Default(0)]
    stop: Annotated[StepsOrTime | None, Default(None)]
    forgetting: Annotated[float, Default(1.0)]
    relaxation: Annotated[float, Default(0.0)]
    probability: Annotated[float, Default(1.0)]
    seed: Annotated[int, Default(0)]


class PlaceOptions(TypedDict, total=False):
    """The place within the time step, and the name."""

    when: Annotated[str | None, Default(None)]
    order: Annotated[int | None, Default(None)]
    name: Annotated[str, Default("rls*")]


class RLSOptions(
    SynapticOptions, GroupOptions, ErrorOptions, UpdateOptions, ScheduleOptions, PlaceOptions, total=False
):
    """All of them."""
