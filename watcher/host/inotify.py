"""Hints from the operating system that files changed.

They come in milliseconds, and may be lost: a queue overflows, a folder is replaced, a
file system tells nothing.  So nobody relies on them; scheduled looks find everything.
"""

import os
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any


class Events:
    """Watches folders through inotify while that works and pays.

    Attributes:
        error: why there are no events, "" while there are.
    """

    def __init__(self, roots: Sequence[Path], touch: Callable[[str], None]) -> None:
        self._roots = roots
        self._touch = touch
        self._observer: Any = None
        self._armed: dict[Path, tuple[int, int] | None] = {}
        self.error = ""

    @property
    def running(self) -> bool:
        """Whether events come."""
        return self._observer is not None

    def arm(self) -> None:
        """Starts watching, or starts again what broke; cheap where all is well."""
        now = {root: _key(root) for root in self._roots}
        if self._observer is not None and now == self._armed and self._is_alive():
            return
        self.stop()
        there = [root for root, key in now.items() if key is not None]
        if there:
            self._start(there)
        self._armed = now

    def stop(self) -> None:
        """Ends watching."""
        observer, self._observer = self._observer, None
        if observer is not None:
            _end(observer)

    def abandon(self) -> None:
        """Ends watching without waiting: in a flood its threads take seconds to end.

        What they still say meanwhile are hints as good as others.
        """
        observer, self._observer = self._observer, None
        if observer is not None:
            threading.Thread(target=_end, args=(observer,), daemon=True).start()

    def _start(self, roots: Sequence[Path]) -> None:
        from watchdog.events import (
            FileCreatedEvent,
            FileDeletedEvent,
            FileModifiedEvent,
            FileMovedEvent,
        )
        from watchdog.observers import Observer

        # Our own reading makes events of other kinds.
        kinds = [FileCreatedEvent, FileDeletedEvent, FileModifiedEvent, FileMovedEvent]
        observer: Any = None
        try:
            observer = Observer()
            for root in roots:
                observer.schedule(
                    _handler(self._touch), str(root), recursive=True, event_filter=kinds
                )
            observer.start()
        except OSError as error:
            self.error = _reason(error)
            if observer is not None:
                observer.stop()  # what of it runs already
            return
        self.error = ""
        self._observer = observer

    def _is_alive(self) -> bool:
        emitters = list(self._observer.emitters)
        return self._observer.is_alive() and all(e.is_alive() for e in emitters)


def _end(observer: Any) -> None:
    observer.stop()
    observer.join(timeout=2.0)


def _handler(touch: Callable[[str], None]) -> Any:
    from watchdog.events import FileSystemEvent, FileSystemEventHandler

    class Handler(FileSystemEventHandler):
        """Only notes which paths changed: an error here would end all events."""

        def on_any_event(self, event: FileSystemEvent) -> None:
            touch(os.fsdecode(event.src_path))
            if event.dest_path:
                touch(os.fsdecode(event.dest_path))

    return Handler()


def _key(root: Path) -> tuple[int, int] | None:
    try:
        seen = root.stat()
    except OSError:
        return None
    return seen.st_dev, seen.st_ino


def _reason(error: OSError) -> str:
    import errno

    if error.errno == errno.ENOSPC:
        return "no inotify watches left; looking every second (gptwatch doctor)"
    if error.errno == errno.EMFILE:
        return "no inotify instances left; looking every second (gptwatch doctor)"
    return f"no events ({error.strerror}); looking every second"
