"""Watches training logs, draws their curves, and says when a model overfits.

`from watcher import read` gives runs in Python: see `watcher.interface`.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any


if TYPE_CHECKING:
    from watcher.interface import read as read

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    # Imported when it is asked for: `import watcher` stays light.
    if name == "read":
        return import_module("watcher.interface").read
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
