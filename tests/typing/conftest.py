"""The scripts beside the test are read by type checkers, not run."""

collect_ignore = ["right.py", "wrong.py"]
