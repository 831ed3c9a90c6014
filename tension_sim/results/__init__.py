"""Results of a run: measures, files, figures."""
