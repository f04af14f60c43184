"""Event files as TensorBoard itself reads them, checksums included."""

from pathlib import Path
from typing import Any

from tensorboard.backend.event_processing.event_file_loader import (
    RawEventFileLoader,
)
from tensorboard.compat.proto.event_pb2 import Event


def events(folder: Path) -> list[Any]:
    """All events of a directory with one event file, in order; none before it is."""
    paths = list(folder.glob("*tfevents*"))
    assert len(paths) <= 1
    return [
        Event.FromString(raw)
        for path in paths
        for raw in RawEventFileLoader(str(path)).Load()
    ]


def points(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """Steps and values by tag, in order."""
    found: dict[str, list[tuple[int, float]]] = {}
    for event in events(folder):
        for value in event.summary.value:
            if value.WhichOneof("value") == "simple_value":
                pair = event.step, value.simple_value
                found.setdefault(value.tag, []).append(pair)
    return found
