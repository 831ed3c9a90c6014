"""Run a network: the cache of compiled programs, their runs, and trials."""
