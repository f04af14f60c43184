"""The one thread that reads the database; questions wait for each other, not long."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from watcher.errors import StorageError
from watcher.storage.database import Database
from watcher.views.clocks import Clocks
from watcher.views.series import Series
from watcher.web.fleet import Fleet


T = TypeVar("T")


class Desk:
    """What the questions are asked of; it belongs to one thread."""

    def __init__(self, folder: Path) -> None:
        self.database = Database(folder, read_only=True)
        self.series = Series(self.database)
        self.fleet = Fleet(folder, self.database, self.series)
        self.clocks = Clocks(self.database, self.series)

    def close(self) -> None:
        """Closes the database."""
        self.database.close()


class Reader:
    """Asks questions in a thread of their own; opens the database again if need be."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="reader")
        # Reading a log may wait for a slow disk: the curves do not.
        self._files = ThreadPoolExecutor(2, thread_name_prefix="files")
        self._desk: Desk | None = None

    async def ask(self, question: Callable[[Desk], T]) -> T:
        """The answer of a question.

        Raises:
            StorageError: the database cannot be read now.
        """
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, self._answer, question)

    def watch(self) -> Database:
        """A database of the caller's thread, whose version shows whether another wrote.

        Raises:
            StorageError: the database cannot be read now.
        """
        return Database(self._folder, read_only=True)

    async def read(self, reading: Callable[[], T]) -> T:
        """What is read of files."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._files, reading)

    def close(self) -> None:
        """Waits for the question under way, and closes the database."""
        self._pool.submit(self._drop)
        self._pool.shutdown(wait=True, cancel_futures=False)
        self._files.shutdown(wait=False, cancel_futures=True)

    def _answer(self, question: Callable[[Desk], T]) -> T:
        try:
            if self._desk is None:
                self._desk = Desk(self._folder)
            # A damaged database is set aside, and another takes its name.
            self._desk.database.check_place()
            return question(self._desk)
        except StorageError:
            self._drop()
            raise

    def _drop(self) -> None:
        if self._desk is not None:
            self._desk.close()
        self._desk = None
