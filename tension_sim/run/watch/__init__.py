"""A run that is watched and steered: what it shows while it goes on, when it ends early, and what is changed in it.

`Steered` runs a simulation's steps and tells a `Watch` of them. Orders, of a person or of a script, are obeyed between
two time steps: the run pauses there, its values are changed, and it goes on from its state, so that a script of the
orders and their steps repeats it bit for bit.
"""
