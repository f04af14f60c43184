"""Watches training logs, draws their curves, and says when a model overfits."""

__version__ = "0.1.0"
