"""What a run's records say: curves, segments, summary and findings."""
