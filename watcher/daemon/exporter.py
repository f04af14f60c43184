"""The exporter process: keeps the files for other tools fresh.

Metrics for node_exporter are written here, beside the daemon: a slow disk delays
nothing else.  It ends when its standard input is closed.  A line of JSON on standard
output reports each change of what does not work.

    python -m watcher.daemon.exporter '{"state": "plots/.gptwatch", "config": {...}}'
"""

import json
import os
import select
import sys
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final, TextIO

from watcher import config
from watcher.daemon.analyst import exit_on_sigterm
from watcher.errors import GptwatchError
from watcher.export import live
from watcher.export.mirror import Mirror
from watcher.files import write_atomically
from watcher.metrics.collect import exposition
from watcher.storage.database import Database
from watcher.storage.recovery import NAME


_NICE: Final = 10
_TURN_S: Final = 1.0
_METRICS_S: Final = 5.0
_RETRY_S: Final = 30.0
_LIVE_S: Final = 5.0


class Exporter:
    """What is written, and when each file is due."""

    def __init__(self, state: Path, settings: config.Config) -> None:
        self._state = state
        self._settings = settings
        self._seen: dict[str, tuple[int, ...]] = {}
        self._due: dict[str, float] = {}
        self._tasks: dict[str, Callable[[Database], float]] = {}
        if settings.metrics.textfile:
            self._tasks["metrics"] = self._write_metrics
        if settings.export.tensorboard:
            self._mirror = Mirror(Path(settings.export.tensorboard).expanduser())
            self._tasks["tensorboard"] = self._write_events
        read = live.reader(settings.rules, settings.formats)
        self._live: dict[str, live.Live] = {}
        if settings.export.parquet:
            folder = Path(settings.export.parquet).expanduser()
            self._live["parquet"] = live.parquet_files(folder, read)
        if settings.export.mlflow:
            self._live["mlflow"] = live.mlflow_runs(settings.export.mlflow, read)
        for name in self._live:
            self._tasks[name] = partial(self._update, name)
        self.errors: dict[str, str] = {}

    def turn(self, now: float) -> None:
        """Writes what is due; `now`: an uptime.  Errors are kept, and retried."""
        seen = self._fingerprint()
        for name in self._tasks:
            fresh = seen != self._seen.get(name) or name in self.errors
            if fresh and now >= self._due.get(name, now):
                self._due[name] = now + self._run(name)
                self._seen[name] = seen

    def _run(self, name: str) -> float:
        """Runs a task; seconds until it is due again."""
        try:
            store = Database(self._state, read_only=True)
            try:
                pause = self._tasks[name](store)
            finally:
                store.close()
        except GptwatchError as error:
            self.errors[name] = str(error)
            return _RETRY_S
        self.errors.pop(name, None)
        return pause

    def _fingerprint(self) -> tuple[int, ...]:
        """Another one after every commit."""
        found = []
        for name in (NAME, f"{NAME}-wal"):
            try:
                seen = (self._state / name).stat()
            except OSError:
                continue
            found += [seen.st_ino, seen.st_mtime_ns, seen.st_size]
        return tuple(found)

    def _write_metrics(self, store: Database) -> float:
        settings = self._settings.metrics
        path = Path(settings.textfile).expanduser()
        write_atomically(path, [exposition(store, now=time.time(), settings=settings)])
        return _METRICS_S

    def _write_events(self, store: Database) -> float:
        self._mirror.update(store)
        return _TURN_S

    def _update(self, name: str, store: Database) -> float:
        self._live[name].update(store, time.monotonic())
        return _LIVE_S


def main(options: Mapping[str, Any], commands: TextIO, reports: TextIO) -> None:
    """Writes what is due until `commands` is closed."""
    os.nice(_NICE)
    exit_on_sigterm()
    exporter = Exporter(Path(options["state"]), config.of(options["config"]))
    reported = ""
    while not select.select([commands], [], [], _TURN_S)[0]:
        exporter.turn(time.monotonic())
        error = next(iter(exporter.errors.values()), "")
        if error != reported:
            reported = error
            reports.write(json.dumps({"error": error}) + "\n")
            reports.flush()


if __name__ == "__main__":
    main(json.loads(sys.argv[1]), sys.stdin, sys.stdout)
