"""Files, processes, memory and compilers: what every room above stands on."""
