"""A kit that proves the CUDA target: `prepare` makes it where there is no GPU, `check` runs it where there is one."""
