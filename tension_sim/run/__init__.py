"""How a network is run: the toolchain, the cache of compiled programs, and their runs."""
