"""Networks of populations, projections and readouts: what is declared, in plain numpy."""
