"""The log of a command: on a full disk lines are lost, and the command goes on."""

import contextlib
import itertools
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from watcher.errors import OutputError


# Shows a text of the catalogue, its `{names}` filled in, on standard error.
Echo = Callable[..., None]


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
    """A new file that the output of the command is appended to.

    Raises:
        OutputError: it cannot be created.
    """

    def __init__(self, folder: Path, name: str, now: datetime, echo: Echo) -> None:
        self._echo = echo
        self._warned = self._torn = False
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
                "{folder}: cannot create a log there ({reason}); choose "
                "another directory with --dir",
                folder=folder,
                reason=error.strerror,
            ) from None

    def write(self, data: bytes) -> None:
        """Appends bytes; on an error warns once, drops the line and goes on.

        Halves of two lines must not be joined into one.
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
            if not self._warned:
                self._echo(
                    "{path}: cannot be written ({reason}); the command goes on, but "
                    "its output is lost until the log is writable again",
                    path=self.path,
                    reason=error.strerror,
                )
            self._warned = True
            return
        self._torn = False

    def finish(self, ended: Ended) -> None:
        """Appends how the command ended, on a line of its own, and closes the log."""
        record = {"event": "exit", "status": ended.status, "code": ended.code}
        start = b"\n" if self._torn or self._last != b"\n" else b""
        self.write(start + f"gptwatch: {json.dumps(record)}\n".encode())
        os.close(self._handle)

    def discard(self) -> None:
        """Removes the log: the command did not start."""
        os.close(self._handle)
        self.path.unlink(missing_ok=True)
