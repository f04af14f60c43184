"""A file of alerts, one JSON object a line, for other programs."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

from watcher.errors import DeliveryError


class JsonLines:
    """`alerts.jsonl` in the output directory."""

    name = "alerts.jsonl"

    def __init__(self, path: Path) -> None:
        self._path = path

    def send(self, notification: Mapping[str, Any], /) -> None:
        """Appends a line and syncs it to disk."""
        text = json.dumps(notification, ensure_ascii=False) + "\n"
        line = text.encode("utf-8", "backslashreplace")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("ab+") as file:
                # A torn line, of a full disk or a power cut, must not swallow the next.
                file.write(line if _ends_a_line(file) else b"\n" + line)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise DeliveryError(
                "{path}: cannot be written ({reason})",
                path=self._path,
                reason=error.strerror,
            ) from None


def _ends_a_line(file: BinaryIO) -> bool:
    if not file.seek(0, os.SEEK_END):
        return True
    file.seek(-1, os.SEEK_END)
    return file.read(1) == b"\n"
