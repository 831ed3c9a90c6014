"""Mutation score of the default tests: `nice python tests/mutation --seed 1`.

A random sample of mutants of the declaration, the circuit and the rules; for each, the tests that reach the changed
line run, fast ones first, until one fails. What is printed last is the score, and each mutant that no test noticed.
A survivor is a missing test, or it changes nothing: then it goes into `equivalent.toml`, with the reason.

A score is made in up to three passes, each on the survivors of the one before; the sample stays what the seed drew.
    python tests/mutation --seed 1                            tests that take 10 s, as measured, for each mutant
    python tests/mutation --seed 1 --survivors --seconds 60   more tests, of more modules
    python tests/mutation --seed 1 --clone tests/cli          all default tests of some folders, or of all
The first two change no file: a process of its own imports the changed text. So tests that start processes are left
out, and so are those of 5 s and more: without the third pass the score is a lower bound. The order is random, so the
first mutants of a run that was cut off are a fair sample too; started again, it goes on where it stopped. A score to
write down is that of a seed whose mutants nobody has seen: tests that were written for a sample notice that one.

cosmic-ray makes the mutants; its own runner knows one command for all tests. mutmut calls each function through
another, which Brian2 takes for the caller whose names an equation may have.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections import Counter

import reach
from clone import try_in_clone
from mutants import equivalent, sample
from runner import Runner


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1, help="of the sample")
    parser.add_argument("--sample", type=int, default=300, help="how many mutants, about")
    parser.add_argument("--seconds", type=float, default=10.0, help="of tests that are tried at most on one mutant")
    parser.add_argument("--control", action="store_true", help="run the tests on unchanged code: none may fail")
    parser.add_argument("--survivors", action="store_true", help="try only those that survived last time")
    parser.add_argument("--clone", nargs="*", metavar="PATH", help="try these by all default tests, of PATH alone")
    parser.add_argument("--measure", nargs="*", metavar="PATH", help="measure anew what tests reach, of all or of PATH")
    given = parser.parse_args()
    if given.measure is not None or not reach.measured():
        # a process of its own: this one must import nothing of the package
        subprocess.run([sys.executable, reach.__file__, *(given.measure or [])], check=True)
    known = reach.load()
    results = reach.SCRATCH / f"{'control' if given.control else 'seed'}_{given.seed}.json"
    done = json.loads(results.read_text(encoding="utf-8")) if results.exists() else {}
    mutants = sample(given.sample, given.seed)
    runner = Runner(known, given.seconds, changed=not given.control) if given.clone is None else None
    again, reasons = given.survivors or runner is None, equivalent()
    for number, mutant in enumerate(mutants, 1):
        key = repr((mutant.file, mutant.operator, mutant.occurrence, mutant.before))
        if done.get(key, {}).get("outcome") != ("survived" if again else None):
            continue
        if again and (mutant.file, mutant.before, mutant.after) in reasons:
            continue
        begin = time.monotonic()
        verdict = try_in_clone(mutant, given.clone) if runner is None else runner.try_mutant(mutant)
        done[key] = {**mutant.as_dict(), **verdict.as_dict()}
        results.write_text(json.dumps(done, indent=1), encoding="utf-8")
        took = f"{time.monotonic() - begin:.0f} s"
        print(f"{number}/{len(mutants)} {mutant.file}:{mutant.first} {verdict.outcome} {verdict.by} {took}", flush=True)
    return report(list(done.values()), given.seed)


def report(found: list[dict[str, object]], seed: int) -> int:
    """Print survivors and the score."""
    reasons = equivalent()
    for each in found:
        if each["outcome"] == "survived" and (each["file"], each["before"], each["after"]) in reasons:
            each["outcome"] = "equivalent"
        elif each["outcome"] == "survived":
            print(f"\n{each['file']}:{each['first']} ({each['tests']} tests)\n- {each['before']}\n+ {each['after']}")
    count = Counter(each["outcome"] for each in found)
    noticed = count["killed"] + count["time-out"]
    counted = len(found) - count["equivalent"]
    print(f"\nseed {seed}: {noticed} of {counted} noticed ({100 * noticed / counted:.1f} %), {dict(count)}")
    return 0 if noticed >= 0.9 * counted else 1


if __name__ == "__main__":
    sys.exit(main())
