"""Watches training logs, draws their curves, and says when a model overfits."""

from importlib.metadata import PackageNotFoundError, version


try:
    __version__ = version("gptwatch")
except PackageNotFoundError:  # a checkout that was never installed
    __version__ = "0.1.0"
