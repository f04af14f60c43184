"""The log of a command: a full disk costs it lines, and the command nothing."""

import contextlib
import itertools
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from watcher.errors import OutputError


Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended.

    Attributes:
        code: exit code as shells have it: 128 + n after signal n.
        status: "finished", "crashed", "killed" or "interrupted".
    """

    code: int
    status: str


class Log:
    """The file that keeps the output, new and of its own.

    Raises:
        OutputError: it cannot be made.
    """

    def __init__(self, folder: Path, name: str, now: datetime, say: Say) -> None:
        self._say = say
        self._told = self._torn = False
        self._last = b"\n"
        stem = f"{name}-{now:%Y%m%d_%H%M%S}"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for number in itertools.count(1):
                more = f"-{number}" if number > 1 else ""
                self.path = folder / f"{stem}{more}.log"
                with contextlib.suppress(FileExistsError):
                    self._handle = os.open(self.path, flags, 0o666)
                    break
        except OSError as error:
            raise OutputError(
                f"{folder}: no log can be made there ({error.strerror}); "
                "choose another folder with --dir"
            ) from None

    def write(self, data: bytes) -> None:
        """Appends bytes; where that fails, says so once, and goes on with later lines.

        Half a line must not become a whole one with the half of another.
        """
        if self._torn:
            _, newline, rest = data.partition(b"\n")
            if not newline:
                return
            data = b"\n" + rest
        try:
            while data:
                written = os.write(self._handle, data)
                self._last = data[written - 1 : written]
                data = data[written:]
        except OSError as error:
            self._torn = True
            if not self._told:
                self._say(
                    f"{self.path}: cannot be written ({error.strerror}); "
                    "the command goes on, its output is not kept until this is mended"
                )
            self._told = True
            return
        self._torn = False

    def finish(self, ended: Ended) -> None:
        """Appends how the command ended, on a line of its own, and closes the log."""
        facts = {"event": "exit", "status": ended.status, "code": ended.code}
        start = b"\n" if self._torn or self._last != b"\n" else b""
        self.write(start + f"gptwatch: {json.dumps(facts)}\n".encode())
        os.close(self._handle)

    def discard(self) -> None:
        """Removes the log again: nothing was run."""
        os.close(self._handle)
        self.path.unlink(missing_ok=True)
