"""Output formats: one module each, named by the suffix of its files, found by looking into this folder.

A module ends with ``FORMAT = Format(write=..., read=...)``, see `tension_sim.results.format`. An
installed package adds a format by an entry point of the group ``tension_sim.formats``, whose name is
the suffix: ``csv = "my_package.csv_format"``. Modules that begin with an underscore are no formats.
"""
