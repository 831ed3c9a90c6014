"""An interrupt while the command imports what it needs: the documented status, and no traceback."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

#: Does something when a module is looked for.
SITE = """
import signal
import sys

def interrupt():
    {how}

class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == "{module}":
            sys.meta_path.remove(self)
            interrupt()

sys.meta_path.insert(0, Finder())
"""
PLAIN = "signal.raise_signal({number})"
#: Python marks a process in which an interrupt leaves a text that is executed, and then ends it by SIGINT.
EXECUTED = "exec('signal.raise_signal({number})')"
#: As modules in C do.
CONVERTED = """
    try:
        signal.raise_signal({number})
    except BaseException:
        raise ImportError("initialization failed") from None
"""


@pytest.mark.parametrize(
    ("module", "how", "number"),
    [
        ("numpy", PLAIN, signal.SIGINT),
        ("typer", EXECUTED, signal.SIGTERM),
        ("rich.table", CONVERTED, signal.SIGTERM),
        *(pytest.param("brian2.core.network", how, number, marks=pytest.mark.slow)
          for how, number in ((PLAIN, signal.SIGINT), (CONVERTED, signal.SIGTERM))),
    ],
)  # fmt: skip
def test_an_interrupt_while_modules_are_imported(tmp_path, module, how, number):
    site = SITE.format(module=module, how=how.format(number=int(number)))
    (tmp_path / "sitecustomize.py").write_text(site)
    path = os.pathsep.join([str(tmp_path), *(entry for entry in sys.path if entry)])
    words = ["run", "lif_sine", "--set", "n=10", "--set", "duration=2*ms", "--target", "numpy", "--out", "out"]
    done = subprocess.run(
        [sys.executable, "-m", "tension_sim", *words],
        cwd=tmp_path, env=os.environ | {"PYTHONPATH": path}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 128 + number, done.stderr
    assert "Traceback" not in done.stderr and not (tmp_path / "out").exists()
