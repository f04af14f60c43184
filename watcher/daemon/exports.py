"""The daemon's side of the exporter process: starts it, and restarts it."""

import contextlib
import json
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final


LOGGER: Final = logging.getLogger("gptwatch")
_RESTART_S: Final = 10.0
_TERMINATE_S: Final = 2.0


class Exports:
    """Runs the exporter process while there is something to export.

    Attributes:
        error: what does not work, "" while all is well.
    """

    def __init__(
        self, state: Path, config: Mapping[str, Any], *, uptime: Callable[[], float]
    ) -> None:
        self._options = {"state": str(state), "config": dict(config)}
        self._uptime = uptime
        self._process: subprocess.Popen[str] | None = None
        self._started_at = float("-inf")
        self.error = ""

    def check(self) -> None:
        """Starts the process, or restarts it after it died."""
        if (
            not self._options["config"]
            or self._uptime() - self._started_at < _RESTART_S
        ):
            return
        if self._process is not None and self._process.poll() is None:
            return
        self._close()
        self._started_at = self._uptime()
        try:
            self._process = self._launch()
        except OSError as error:
            self._report(f"the exporter process cannot be started ({error.strerror})")
            return
        threading.Thread(target=self._read, args=(self._process,), daemon=True).start()

    def stop(self) -> None:
        """Ends the process."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(_TERMINATE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._close()

    def _launch(self) -> subprocess.Popen[str]:
        root = str(Path(__file__).parents[2])
        paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
        options = json.dumps(self._options)
        return subprocess.Popen(  # noqa: S603 - our own interpreter
            [sys.executable, "-m", "watcher.daemon.exporter", options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)},
            start_new_session=True,
        )

    def _read(self, process: subprocess.Popen[str]) -> None:
        """Takes its reports, until it ends."""
        assert process.stdout is not None
        # A process that is killed may leave half a line.
        with process.stdout as lines, contextlib.suppress(json.JSONDecodeError):
            for line in lines:
                self._report(json.loads(line)["error"])

    def _report(self, error: str) -> None:
        self.error = error
        if error:
            LOGGER.error("%s", error)

    def _close(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(BrokenPipeError):
            if process.stdin is not None:
                process.stdin.close()
