"""What is compiled in: the parts and blocks that a declaration needs, in the same form for every engine."""
