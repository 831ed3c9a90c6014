"""What a run gave: results, measures, files, figures."""
