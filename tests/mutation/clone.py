"""The last chance of a survivor: default tests of a clone of the last commit in which the changed file lies.

They take minutes for each mutant, and none is left out: the slower ones and those that start processes run too.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys

from mutants import Mutant
from reach import ROOT, SCRATCH
from runner import Verdict

#: Seconds after which the tests are in an endless loop.
PATIENCE = 3600.0


def try_in_clone(mutant: Mutant, paths: list[str]) -> Verdict:
    """Run the default tests of some paths, all of them without a path, until one fails."""
    clone = SCRATCH / "clone"
    shutil.rmtree(clone, ignore_errors=True)
    subprocess.run(["git", "clone", "-q", str(ROOT), str(clone)], check=True)
    if (clone / mutant.file).read_text(encoding="utf-8") != (ROOT / mutant.file).read_text(encoding="utf-8"):
        raise RuntimeError(f"{mutant.file} differs from that of the last commit")
    (clone / mutant.file).write_text(mutant.text, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-n", "0", "--tb=line", "--show-capture=no", *paths]
    environment = os.environ | {"PYTHONPATH": str(clone), "TENSION_SIM_CACHE": str(SCRATCH / "programs")}
    try:
        found = subprocess.run(command, cwd=clone, env=environment, capture_output=True, text=True, timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        return Verdict("time-out", 0, "the clock")
    (SCRATCH / "clone.txt").write_text(found.stdout + found.stderr, encoding="utf-8")
    ran = sum(int(count) for count in re.findall(r"(\d+) (?:passed|failed)", found.stdout))
    if found.returncode == 0:
        return Verdict("survived", ran)
    failed = re.search(r"^(?:FAILED|ERROR) (\S+)(.*)$", found.stdout, re.MULTILINE)
    if failed is None:
        raise RuntimeError(f"the tests did not run: see {SCRATCH / 'clone.txt'}")
    return Verdict("killed", ran, failed[1], failed[2][:300])
