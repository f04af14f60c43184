"""A file of alerts, one JSON object a line, for other programs."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from watcher.notify.errors import DeliveryError


class JsonLines:
    """`alerts.jsonl` in the output folder."""

    name = "alerts.jsonl"

    def __init__(self, path: Path) -> None:
        self._path = path

    def send(self, notice: Mapping[str, Any]) -> None:
        """Appends it, and sees it to the disk."""
        line = json.dumps(notice, ensure_ascii=False) + "\n"
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("ab") as file:
                file.write(line.encode("utf-8", "backslashreplace"))
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise DeliveryError(
                f"{self._path}: cannot be written ({error.strerror})"
            ) from None
