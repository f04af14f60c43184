"""The mailbox of the owner thread: messages, and paths that changed."""

import threading
from typing import Any


class Mailbox:
    """Messages of all other threads to the owner of the daemon's state."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._messages: list[tuple[str, Any]] = []
        self._paths: set[str] = set()
        self._events = 0

    def put(self, kind: str, value: Any = None) -> None:
        """Posts a message; the owner wakes up."""
        with self._changed:
            self._messages.append((kind, value))
            self._changed.notify()

    def touch(self, path: str) -> None:
        """Marks a path as changed; the owner wakes up."""
        with self._changed:
            self._events += 1
            if path not in self._paths:
                self._paths.add(path)
                self._changed.notify()

    def take(self) -> tuple[list[tuple[str, Any]], set[str], int]:
        """Messages, changed paths, and the number of events since the last time."""
        with self._changed:
            taken = self._messages, self._paths, self._events
            self._messages, self._paths, self._events = [], set(), 0
        return taken

    def has_messages(self) -> bool:
        """Whether there is a message."""
        return bool(self._messages)

    def wait(self, timeout: float) -> None:
        """Returns when something was posted, or after so many seconds."""
        with self._changed:
            if not self._messages and not self._paths:
                self._changed.wait(timeout)

    def wait_for_message(self, timeout: float) -> None:
        """As `wait`, but changed paths alone do not end it: a debounce."""
        with self._changed:
            self._changed.wait_for(lambda: bool(self._messages), timeout)
