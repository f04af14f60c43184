"""Server-sent events: what changed, to all pages that are open."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Collection
from typing import Any, Final

import orjson

from watcher.errors import StorageError
from watcher.outputs.text.catalog import LANGUAGES
from watcher.outputs.text.errors import said
from watcher.storage.database import Database
from watcher.web.reader import Desk, Reader


LOGGER: Final = logging.getLogger("gptwatch")
_EVERY_S: Final = 0.1
# Whether there was a commit is looked for as often: that costs microseconds.
_GLANCE_S: Final = 0.025
# The daemon's process is looked for, whatever was committed.
_LONGEST_S: Final = 1.0
# Looking takes at most so large a share of a core.
_REST: Final = 30.0
_SLOWEST_S: Final = 2.0
_COMMENT_S: Final = 15.0
# A page that takes no more events is dropped; it comes back and asks what it missed.
_QUEUED: Final = 64


class Hub:
    """Looks for changes while somebody wants to know, and sends them."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._queues: set[asyncio.Queue[bytes | None]] = set()
        self._wanted = asyncio.Event()
        self._watched: Database | None = None
        self._version = -1

    async def run(self) -> None:
        """Looks again and again, until it is cancelled."""
        while True:
            await self._wanted.wait()
            # CPU, not time: on a busy machine it is not made later still.
            started = time.process_time()
            await self._look()
            took = time.process_time() - started
            await asyncio.sleep(min(max(_EVERY_S, _REST * took), _SLOWEST_S))
            await self._until_written()

    async def events(self, last: int) -> AsyncIterator[bytes]:
        """What changed since a revision, then everything that changes."""
        queue: asyncio.Queue[bytes | None] = asyncio.Queue(_QUEUED)
        self._queues.add(queue)
        self._wanted.set()
        try:
            yield b"retry: 2000\n\n"
            yield await self._missed(last, queue)
            while True:
                try:
                    event = await asyncio.wait_for(queue.get(), _COMMENT_S)
                except TimeoutError:
                    event = b": still here\n\n"
                if event is None:
                    return
                yield event
        finally:
            self._queues.discard(queue)
            if not self._queues:
                self._wanted.clear()

    def close(self) -> None:
        """Ends all streams."""
        for queue in self._queues:
            _put(queue, None)
        self._leave()

    async def _until_written(self) -> None:
        """Returns soon after the next commit, or that before if it is not known."""
        try:
            self._watched = self._watched or self._reader.watch()
            self._watched.check_place()
            for _ in range(round(_LONGEST_S / _GLANCE_S)):
                before, self._version = self._version, self._watched.data_version()
                if self._version != before or not self._queues:
                    return
                await asyncio.sleep(_GLANCE_S)
        except StorageError:
            self._leave()
            await asyncio.sleep(_LONGEST_S)

    def _leave(self) -> None:
        if self._watched is not None:
            self._watched.close()
        self._watched = None

    async def _look(self) -> None:
        try:
            change = await self._reader.ask(lambda desk: desk.fleet.changes())
        except StorageError as error:
            change = _problem(error)
            await asyncio.sleep(_SLOWEST_S)
        self._send(change, self._queues)

    def _send(
        self,
        change: dict[str, Any] | None,
        queues: "Collection[asyncio.Queue[bytes | None]]",
    ) -> None:
        if change is not None:
            event = _event(change)
            for queue in queues:
                _put(queue, event)

    async def _missed(self, last: int, own: "asyncio.Queue[bytes | None]") -> bytes:
        def question(desk: Desk) -> tuple[dict[str, Any], dict[str, Any] | None]:
            change = desk.fleet.changes()
            new = {entry["run"]: entry for entry in desk.fleet.since(last)}
            # A page that was never here asks for the list itself.
            fleet = {"rev": desk.fleet.rev, "pid": desk.fleet.pid}
            return {**fleet, "runs": new if last else {}, "gone": []}, change

        try:
            missed, change = await self._reader.ask(question)
        except StorageError as error:
            return _event(_problem(error))
        self._send(change, self._queues - {own})
        return _event(missed)


def _put(queue: "asyncio.Queue[bytes | None]", event: bytes | None) -> None:
    try:
        queue.put_nowait(event)
    except asyncio.QueueFull:
        while not queue.empty():
            queue.get_nowait()
        queue.put_nowait(None)


def _problem(error: StorageError) -> dict[str, Any]:
    """In all languages: the readers of a stream may have chosen different ones."""
    return {"error": {lang: said(error, lang) for lang in LANGUAGES}}


def _event(change: dict[str, Any]) -> bytes:
    data = orjson.dumps(change, option=orjson.OPT_SERIALIZE_NUMPY)
    number = f"id: {change['rev']}\n".encode() if "rev" in change else b""
    return number + b"data: " + data + b"\n\n"
