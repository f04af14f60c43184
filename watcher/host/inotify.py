"""inotify events, through watchdog: hints that files changed.

They come in milliseconds, and may be lost: the queue overflows, a directory is
replaced, a network file system has none.  So nothing relies on them; scheduled scans
find everything.
"""

import os
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any


class Events:
    """Watches directories through inotify while that works and is cheap.

    Attributes:
        error: why there are no events, "" while there are some.
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

    def arm(self, linked: Sequence[Path] = ()) -> None:
        """Starts the observer, or restarts one that died or lost a root; else cheap.

        `linked`: symlinks to directories below the roots, which the kernel does not
        follow by itself.
        """
        now = {root: _key(root) for root in (*self._roots, *linked)}
        if self._observer is not None and now == self._armed and self._is_alive():
            return
        self.stop()
        there = [root for root, key in now.items() if key is not None]
        if there:
            self._start(there)
        self._armed = now

    def stop(self) -> None:
        """Stops the observer."""
        observer, self._observer = self._observer, None
        if observer is not None:
            _end(observer)

    def abandon(self) -> None:
        """Stops without joining: in a flood of events its threads take seconds to end.

        Events that still arrive from them are as good as others.
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

        # Without this filter, our own reads make events (opened, closed_no_write).
        kinds = [FileCreatedEvent, FileDeletedEvent, FileModifiedEvent, FileMovedEvent]
        observer: Any = None
        try:
            observer = Observer()
            for root in roots:
                # The observer does not follow symlinks.
                target = os.path.realpath(root)
                touch = _renaming(self._touch, target, str(root))
                observer.schedule(
                    _handler(touch), target, recursive=True, event_filter=kinds
                )
            observer.start()
        except OSError as error:
            self.error = _reason(error)
            if observer is not None:
                observer.stop()  # its threads that run already
            return
        self.error = ""
        self._observer = observer

    def _is_alive(self) -> bool:
        emitters = list(self._observer.emitters)
        return self._observer.is_alive() and all(e.is_alive() for e in emitters)


def _end(observer: Any) -> None:
    observer.stop()
    observer.join(timeout=2.0)


def _renaming(
    touch: Callable[[str], None], target: str, shown: str
) -> Callable[[str], None]:
    """Names paths below a directory as a scan finds them, through a symlink to it."""
    if target == shown:
        return touch
    return lambda path: touch(shown + path.removeprefix(target))


def _handler(touch: Callable[[str], None]) -> Any:
    from watchdog.events import FileSystemEvent, FileSystemEventHandler

    class Handler(FileSystemEventHandler):
        """Only notes paths: an exception here would end the observer's thread."""

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
        return "no inotify watches left; polling (see gptwatch doctor)"
    if error.errno == errno.EMFILE:
        return "no inotify instances left; polling (see gptwatch doctor)"
    return f"no inotify events ({error.strerror}); polling"
