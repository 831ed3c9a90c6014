"""Where the command begins and ends: interrupts of its imports, words and streams that are not as they should be."""

from __future__ import annotations

import json
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


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full")
def test_what_is_printed_may_not_fit():
    with open("/dev/full", "w") as full:
        words = [sys.executable, "-m", "tension_sim", "list", "--json"]
        ended = subprocess.run(words, stdout=full, stderr=subprocess.PIPE, text=True, timeout=120, check=False)
    error = json.loads(ended.stderr)["error"]
    assert error["message"] == (
        "What the command prints cannot be written: No space left on device.\nFix: send it to a place with room."
    )
    assert ended.returncode == 2


@pytest.mark.slow
def test_words_need_not_be_utf8():
    """Brian2 writes the command line into its log when it is imported; file names may be any bytes."""
    script = "import os, sys, tension_sim.brian; sys.exit(os.fsencode(sys.argv[1]) != b'\\xff')"
    ended = subprocess.run([sys.executable, "-c", script, b"\xff"], capture_output=True, timeout=120, check=False)
    assert (ended.returncode, ended.stderr) == (0, b"")
