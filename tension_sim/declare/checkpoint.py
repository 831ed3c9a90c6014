"""Where a run keeps its checkpoints, and how often it writes one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import InvalidTypeError, InvalidValueError, message
from ..system.checkpoint_folder import CheckpointFolder
from ..system.files import check_path
from .validation import check_flag, check_positive

__all__ = ["Checkpoint", "check_checkpoint", "check_identity"]


@dataclass(frozen=True)
class Checkpoint:
    """Write the state of a run while it goes on, so that a kill loses no more than an interval.

    A run that is given the checkpoint of a killed or interrupted one goes on where that was last
    written, with the same bits as a run that was never interrupted. Recordings go to the folder
    too: the memory that a run needs does not grow with its length.

    Parameters
    ----------
    folder : str or Path
        Where it lies; made if it is not there. One run at a time may use it.
    every : float, optional
        Seconds from one checkpoint to the next. Each is written within it, also where P is large.
    resume : bool, optional
        Whether a checkpoint in the folder is gone on from. That of a run which came to its end
        gives its results at once. False begins anew, and replaces it by the first one written.
    note : mapping, optional
        Kept in the checkpoint, as JSON can hold it; the command line notes its words there.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from tension_sim import Checkpoint, ForceNetwork, Simulation
    >>> simulation = Simulation(ForceNetwork.random("lif", n=20, seed=1), target="numpy")
    >>> simulation.run(np.zeros(10), checkpoint=Checkpoint(tempfile.mkdtemp(), every=30)).n_steps
    10
    """

    folder: str | Path
    every: float = 60.0
    resume: bool = True
    note: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "folder", check_path("Checkpoint.folder", self.folder))
        object.__setattr__(self, "every", check_positive("Checkpoint.every", self.every))
        check_flag("Checkpoint.resume", self.resume)

    def remove(self) -> None:
        """Remove what the folder holds of a checkpoint, and the folder if nothing else is in it."""
        CheckpointFolder("Checkpoint.remove", self.folder).remove()


def check_checkpoint(where: str, checkpoint: object) -> Checkpoint | None:
    """Return a checkpoint, or None; a path means one written every minute."""
    if checkpoint is None or isinstance(checkpoint, Checkpoint):
        return checkpoint
    if isinstance(checkpoint, str | Path):
        return Checkpoint(checkpoint)
    raise InvalidTypeError(message(where, "a Checkpoint or the path of a folder", checkpoint, "Checkpoint(folder)."))


def check_identity(where: str, own: Mapping[str, str], found: Mapping[str, str], place: Path) -> None:
    """Refuse what was written for other settings, another program or other data, by their name."""
    for name in [*own, *(name for name in found if name not in own)]:
        mine, theirs = own.get(name, "nothing"), found.get(name, "nothing")
        if mine != theirs:
            fix = "go on with the same settings, program and data, or begin anew in another folder."
            received = f"one of {name} = {theirs}, in {place}"
            raise InvalidValueError(message(where, f"a checkpoint of {name} = {mine}", received, fix))
