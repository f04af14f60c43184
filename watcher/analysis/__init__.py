"""Analysis of a run: curves, segments, findings and summary."""
