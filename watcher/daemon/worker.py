"""Measures, judges and draws runs, in a process of its own.

Reading never waits for it, and what goes wrong in a drawing stays there.  Jobs and
results are lines of JSON; what a run holds is read from the store.

    python -m watcher.daemon.worker '{"state": "plots/.gptwatch", "lang": "en", ...}'
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final, TextIO

from watcher import config
from watcher.analysis.curves import analyse
from watcher.analysis.finding import Finding
from watcher.analysis.pipeline import Reading, judged
from watcher.daemon.jobs import Job, Options, Result
from watcher.errors import GptwatchError, StorageCorruptError
from watcher.files import remove_leftovers, remove_oldest, write_atomically
from watcher.outputs import text
from watcher.outputs.text.findings import as_dict
from watcher.storage.database import Database


_TIMEOUT_S: Final = 300.0
# A picture is drawn in less.
_PATIENCE_S: Final = 2.0
_NICE: Final = 10


class Analyst:
    """Does jobs, one after the other."""

    def __init__(self, options: Options) -> None:
        self._options = options
        # The file itself may have changed since it was found to be right.
        self._config = config.of(options.config)

    def do(self, job: Job) -> Result:
        """Measures and judges a run, and writes its files; never raises."""
        started = time.process_time()
        try:
            result = self._do(job)
        except GptwatchError as error:
            damaged = isinstance(error, StorageCorruptError)
            result = Result(job.run, trouble=str(error), damaged=damaged)
        except Exception as error:  # noqa: BLE001 - one run must not stop the others
            import traceback

            traceback.print_exc()
            result = Result(job.run, trouble=f"{job.path}: {error!r}")
        return _costing(result, time.process_time() - started)

    def _do(self, job: Job) -> Result:
        started = time.process_time()
        reading, lines = self._reading(job)
        analysis = reading.analysis
        found = Result(
            job.run,
            lines=lines,
            bytes=reading.bytes,
            metrics=bool(analysis.curves),
            findings=[self._told(finding) for finding in analysis.findings],
            summary=asdict(analysis.summary),
            headline=text.headline(analysis, self._options.lang),
            judge_s=time.process_time() - started,
        )
        if not job.folder or not analysis.curves:
            return found
        try:
            return _with(found, made=self._write(job, reading))
        except GptwatchError as error:
            return _with(found, trouble=str(error))

    def _reading(self, job: Job) -> tuple[Reading, int]:
        store = Database(Path(self._options.state), read_only=True)
        with contextlib.closing(store), store.snapshot():
            row = store.run(job.run)
            run, parser = store.load(job.run, self._config.formats, ended=job.ended)
        plain = analyse(
            run,
            name=job.name,
            path=job.path,
            window=self._options.window,
            changed_at=job.changed_at,
        )
        analysis = judged(plain, self._config.rules)
        return Reading(analysis, parser, row.bytes), row.lines

    def _told(self, finding: Finding) -> dict[str, Any]:
        return as_dict(finding, self._options.lang)

    def _write(self, job: Job, reading: Reading) -> dict[str, str]:
        from watcher.outputs.report import artifacts

        folder, options = Path(job.folder), self._options
        remove_leftovers(folder)
        look = {"lang": options.lang, "theme": options.theme}
        picture = artifacts.draw(reading.analysis, log_x=options.log_x, **look)
        made = {"figure": folder / "latest.png"}
        write_atomically(made["figure"], [picture])
        if job.step is not None:
            write_atomically(folder / f"iter_{job.step}_{job.stamp}.png", [picture])
            remove_oldest(folder, "iter_*_*.png", keep=options.keep)
        made |= artifacts.write_texts(
            reading,
            report=folder / "latest.txt",
            data=folder / "latest.json",
            lang=options.lang,
        )
        if job.final:
            made |= artifacts.write_dated(
                reading, picture, folder, lang=options.lang, stamp=job.stamp
            )
        return {kind: str(path) for kind, path in made.items()}


class Inline:
    """Does jobs at once, in this process: for tests."""

    def __init__(self, options: Options, done: Callable[[Result], None]) -> None:
        self._analyst = Analyst(options)
        self._done = done

    @property
    def busy(self) -> bool:
        """Whether a job is under way."""
        return False

    def start(self, job: Job) -> None:
        """Does a job."""
        self._done(self._analyst.do(job))

    def check(self) -> None:
        """Nothing can hang here."""

    def stop(self) -> None:
        """Nothing is left to stop."""


class Worker:
    """Does jobs in a process of its own, one at a time.

    `done` is called with each result, in another thread.
    """

    def __init__(
        self,
        options: Options,
        done: Callable[[Result], None],
        *,
        uptime: Callable[[], float],
    ) -> None:
        self._options = options
        self._done = done
        self._uptime = uptime
        self._process: subprocess.Popen[str] | None = None
        self._job: Job | None = None
        self._since = 0.0
        self._lock = threading.Lock()

    @property
    def busy(self) -> bool:
        """Whether a job is under way."""
        return self._job is not None

    def start(self, job: Job) -> None:
        """Begins a job; there must be none under way."""
        assert self._job is None
        if self._process is None or self._process.poll() is not None:
            self._launch()
        assert self._process is not None
        assert self._process.stdin is not None
        with self._lock:
            self._job, self._since = job, self._uptime()
        # A process that died takes nothing: its end is seen by the reader.
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(asdict(job)) + "\n")
            self._process.stdin.flush()

    def check(self) -> None:
        """Ends a process that takes too long for one job."""
        if self.busy and self._uptime() - self._since > _TIMEOUT_S and self._process:
            self._process.kill()

    def stop(self) -> None:
        """Ends the process; a job under way is dropped."""
        process, self._process = self._process, None
        if process is None:
            return
        # What it writes just now it takes away again.
        process.terminate()
        try:
            process.wait(_PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _launch(self) -> None:
        root = str(Path(__file__).parents[1])
        paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter
            [
                sys.executable,
                "-m",
                "watcher.daemon.worker",
                json.dumps(asdict(self._options)),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)},
            # Ctrl-C is for the daemon, which ends this process itself.
            start_new_session=True,
        )
        reader = threading.Thread(target=self._read, args=(self._process,), daemon=True)
        reader.start()

    def _read(self, process: "subprocess.Popen[str]") -> None:
        assert process.stdout is not None
        with process.stdout as lines:
            for line in lines:
                self._deliver(Result(**json.loads(line)))
        code = process.wait()
        with self._lock:
            job = self._job if self._process in {process, None} else None
        if job is not None and self._process is process:
            trouble = f"{job.path}: the drawing process ended with code {code}"
            self._deliver(Result(job.run, trouble=trouble))

    def _deliver(self, result: Result) -> None:
        with self._lock:
            self._job = None
        self._done(result)


def main(options: str, jobs: TextIO, results: TextIO) -> None:
    """Does the jobs that come, until no more can come."""
    os.nice(_NICE)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    analyst = Analyst(Options(**json.loads(options)))
    for line in jobs:
        result = analyst.do(Job(**json.loads(line)))
        try:
            results.write(json.dumps(asdict(result)) + "\n")
            results.flush()
        except BrokenPipeError:
            # The daemon is gone, and nobody is left to complain to.
            os._exit(0)


def _costing(result: Result, seconds: float) -> Result:
    return _with(result, cost_s=seconds)


def _with(result: Result, **fields: Any) -> Result:
    from dataclasses import replace

    return replace(result, **fields)


if __name__ == "__main__":
    # What a library prints must not stand between the results.
    out, sys.stdout = sys.stdout, sys.stderr
    main(sys.argv[1], sys.stdin, out)
