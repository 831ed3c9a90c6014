"""Circuits: the parts and blocks of P that a declaration needs, in the same form for every engine."""
