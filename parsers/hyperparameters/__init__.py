"""Hyperparameters that a log prints: their names, patterns and values."""
