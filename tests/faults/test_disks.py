"""Disks of many sizes: every run on one ends in whole results or in an error of ours, and never in a part."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from targets import skip_unless_here

TESTS = Path(__file__).parents[1]
SCRIPT = Path(__file__).with_name("full_disks.py")


@pytest.fixture(scope="module")
def namespace() -> list[str]:
    """Return the command that gives a process mounts of its own."""
    skip_unless_here("cpp_standalone")
    if shutil.which("unshare") is None:
        pytest.skip("no unshare: disks of other sizes need a mount namespace")
    for options in (["-m"], ["-r", "-m"]):  # as root, or as the root of a namespace
        command = ["unshare", *options]
        found = subprocess.run(
            [*command, "sh", "-c", "mount -t tmpfs -o size=8k tmpfs /mnt"], capture_output=True, text=True
        )
        if found.returncode == 0:
            return command
    pytest.skip(f"no rights for a mount namespace: {found.stderr.strip()}")


def ended(namespace: list[str], kind: str, folder: Path, sizes: np.ndarray) -> list[dict]:
    """Run on disks of these sizes, and return how each run ended."""
    environment = {name: value for name, value in os.environ.items() if name not in ("TMPDIR", "TEMP", "TMP")}
    environment["PYTHONPATH"] = os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", str(TESTS.parent))])
    found = subprocess.run(
        [*namespace, sys.executable, SCRIPT, kind, folder, *map(str, sizes)],
        env=environment, capture_output=True, text=True, timeout=600,
    )  # fmt: skip
    assert found.returncode == 0, found.stderr[-3000:]
    runs = [json.loads(line) for line in found.stdout.splitlines()]
    assert [run["size"] for run in runs] == list(sizes)
    return runs


# too small for the inputs, for the results, and for nothing
few = pytest.param(np.array([2**13, 133 * 2**12, 2**23]), id="3")
many = pytest.param(np.geomspace(2**17, 2**22, 30).astype(int) // 4096 * 4096, id="30", marks=pytest.mark.slow)


@pytest.mark.parametrize("sizes", [few, many])
def test_a_full_disk_is_an_error_or_nothing_is_missing(namespace, tmp_path, sizes):
    runs = ended(namespace, "disk", tmp_path, sizes)
    for run in runs:
        print(run)
        assert not run["left"]
        for done in ("run", "save"):
            text = run.get(done, "whole")
            if text != "whole":
                assert "No space left on device" in text or re.search(
                    r"need at least \d+ bytes, and \d+ are free", text
                )
                assert str(tmp_path / "disk") in text and "\nFix: " in text
    endings = {run["run"].partition(" of ")[0].partition(" program ")[0] for run in runs}
    assert endings >= {"whole", "The files"}
    assert runs[-1]["run"] == runs[-1]["save"] == "whole"
    texts = [run["run"] for run in runs if run["run"].startswith("The compiled program could not write ")]
    assert texts and all("bytes are free there" in text for text in texts)


@pytest.mark.parametrize("sizes", [few, many])
def test_what_outgrows_the_memory_moves_to_the_disk(namespace, tmp_path, sizes):
    for run in ended(namespace, "memory", tmp_path, sizes):
        assert run["run"] == "whole" and not run["left"]
