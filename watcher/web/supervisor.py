"""Keeps the page running beside the daemon: restarted with backoff when it dies."""

import contextlib
import logging
import os
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from watcher.host import page
from watcher.web.command import Settings, arguments


LOGGER: Final = logging.getLogger("gptwatch")
_BACKOFF_S: Final = 1.0
_BACKOFF_MAX_S: Final = 300.0
# Having run for so long, it begins anew with the short wait.
_STABLE_S: Final = 60.0
_STOP_S: Final = 3.0


class Supervisor:
    """A thread that starts the page's process, and starts it again."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._stopped = threading.Event()
        self._process: subprocess.Popen[str] | None = None
        self._thread = threading.Thread(target=self._run, name="page", daemon=True)

    def start(self) -> None:
        """Begins."""
        self._thread.start()

    def stop(self) -> None:
        """Ends the page."""
        self._stopped.set()
        page.note_problem(Path(self._settings.state), "")
        if self._process is not None:
            self._process.terminate()
        self._thread.join(_STOP_S)
        if self._process is not None and self._process.poll() is None:
            self._process.kill()

    def _run(self) -> None:
        wait = _BACKOFF_S
        while not self._stopped.is_set():
            started = time.monotonic()
            self._serve()
            if self._stopped.is_set():
                return
            if time.monotonic() - started > _STABLE_S:
                wait = _BACKOFF_S
            problem = f"the page's process ended; restarting it in {wait:.0f} s"
            LOGGER.warning("%s", problem)
            page.note_problem(Path(self._settings.state), problem)
            self._stopped.wait(wait)
            wait = min(2 * wait, _BACKOFF_MAX_S)

    def _serve(self) -> None:
        """Runs the process to its end, and logs the address that it prints."""
        root = str(Path(__file__).parents[2])
        paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter
            arguments(self._settings),
            # Its end tells the page that the daemon is gone, even after kill -9.
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)},
            # Ctrl-C is for the daemon, which ends this process itself.
            start_new_session=True,
        )
        with self._process as process:
            assert process.stdout is not None
            for line in process.stdout:
                LOGGER.info("page: %s", line.strip())
                page.note_problem(Path(self._settings.state), "")


@contextlib.contextmanager
def beside(settings: Settings) -> Iterator[None]:
    """A page while the body runs."""
    supervisor = Supervisor(settings)
    supervisor.start()
    try:
        yield
    finally:
        supervisor.stop()
