"""The daemon's mailbox: what other threads want it to look at."""

import threading
from typing import Any


class Inbox:
    """What the owner thread is told by all the others."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._messages: list[tuple[str, Any]] = []
        self._paths: set[str] = set()
        self._touches = 0

    def put(self, kind: str, value: Any = None) -> None:
        """A message; the owner wakes up."""
        with self._changed:
            self._messages.append((kind, value))
            self._changed.notify()

    def touch(self, path: str) -> None:
        """A file that changed; the owner wakes up."""
        with self._changed:
            self._touches += 1
            if path not in self._paths:
                self._paths.add(path)
                self._changed.notify()

    def take(self) -> tuple[list[tuple[str, Any]], set[str], int]:
        """Messages, changed files, and how often files changed, since the last time."""
        with self._changed:
            taken = self._messages, self._paths, self._touches
            self._messages, self._paths, self._touches = [], set(), 0
        return taken

    def has_messages(self) -> bool:
        """Whether there is a message."""
        return bool(self._messages)

    def wait(self, timeout: float) -> None:
        """Returns when something is there, or after so many seconds."""
        with self._changed:
            if not self._messages and not self._paths:
                self._changed.wait(timeout)

    def wait_for_message(self, timeout: float) -> None:
        """As `wait`, but changed files alone do not end it."""
        with self._changed:
            self._changed.wait_for(lambda: bool(self._messages), timeout)
