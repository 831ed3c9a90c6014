"""Load Brian2 so that a killed process leaves no log of Brian2's in the folder for temporary files.

Brian2 writes its log, and a copy of the script, there and removes both at the end. Where it is this
package that loads Brian2, nobody looks for them: their names go at once. A script that imports
Brian2 itself, before, keeps both.
"""

from __future__ import annotations

import contextlib
import os
import sys

_BEFORE = "brian2" in sys.modules

from . import _brian2  # noqa: E402, F401  (imports it in any thread)

# isort: split
from brian2.utils.logger import BrianLogger  # noqa: E402

if not _BEFORE:
    for _name in ("tmp_log", "tmp_script"):
        with contextlib.suppress(OSError, TypeError):
            os.unlink(getattr(BrianLogger, _name, None))
        setattr(BrianLogger, _name, None)
