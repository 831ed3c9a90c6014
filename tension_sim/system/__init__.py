"""Files, processes, memory and compilers: the base of all other rooms."""
