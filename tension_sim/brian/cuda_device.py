"""Brian2's CUDA device for a script of the user's own, in one call."""

from __future__ import annotations

from typing import Any

import brian2

from ..system.cuda import build_preferences

__all__ = ["set_cuda_device"]


def set_cuda_device(directory: str | None = "output", build_on_run: bool = True, **options: Any) -> None:
    """Let Brian2 run on CUDA: ``brian2.set_device("cuda_standalone")`` with a current toolkit.

    Call it where a script would call ``set_device``, before groups are made. It imports brian2cuda and
    sets the preferences of `tension_sim.system.cuda.build_preferences`, which brian2cuda alone has not: C++17,
    the GPU's compute capability, and where cuRAND is. Change others, such as
    ``prefs.devices.cuda_standalone.use_atomics``, afterwards. No GPU is needed to build a program.

    Parameters
    ----------
    directory : str or None, optional
        Where the program is built; None: in a temporary folder.
    build_on_run : bool, optional
        Whether ``run`` builds and starts the program; False: ``brian2.device.build`` does, after several runs.
    **options
        Further arguments of ``brian2.set_device``.

    Raises
    ------
    CompilerNotFoundError
        If nvcc, brian2cuda or cuRAND is missing; nothing has changed then.

    Examples
    --------
    >>> from tension_sim.brian import set_cuda_device  # doctest: +SKIP
    >>> set_cuda_device(build_on_run=False)  # doctest: +SKIP
    """
    preferences = build_preferences("set_cuda_device")
    import brian2cuda  # noqa: F401  (registers device and preferences)

    for name, value in preferences.items():
        brian2.prefs[name] = value
    brian2.set_device("cuda_standalone", directory=directory, build_on_run=build_on_run, **options)
