"""Metrics for Prometheus: what the database knows of all runs, as text."""
