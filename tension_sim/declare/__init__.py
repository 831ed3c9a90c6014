"""Declarations: equation files, parameters, networks, what learns and how; plain data, no engine."""
