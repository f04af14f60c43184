"""The worker process: analyses runs, and writes their plots and reports.

Jobs and results are lines of JSON; a run's points are read from the database.

    python -m watcher.daemon.analyst '{"state": "plots/.gptwatch", "lang": "en", ...}'
"""

import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from types import FrameType
from typing import Any, Final, TextIO

from watcher import config
from watcher.analysis.finding import Finding
from watcher.analysis.model import Analysis
from watcher.analysis.pipeline import Reading, analyse
from watcher.daemon.jobs import Job, Options, Result
from watcher.errors import GptwatchError, StorageCorruptError
from watcher.files import remove_leftovers, remove_oldest, write_atomically
from watcher.outputs.text.findings import as_dict
from watcher.outputs.text.headline import headline
from watcher.storage.columns import Run
from watcher.storage.database import Database


_NICE: Final = 10
_EXIT_AGAIN_S: Final = 0.5


class Analyst:
    """Runs jobs, one after the other."""

    def __init__(self, options: Options) -> None:
        self._options = options
        # The file itself may have changed since it was found to be right.
        self._config = config.of(options.config)

    def run(self, job: Job) -> Result:
        """Analyses a run, and writes its files; never raises."""
        started = time.process_time()
        try:
            result = self._result(job)
        except GptwatchError as error:
            damaged = isinstance(error, StorageCorruptError)
            result = Result(job.run, error=str(error), damaged=damaged)
        except Exception as error:  # noqa: BLE001 - one run must not stop the others
            import traceback

            traceback.print_exc()
            result = Result(job.run, error=f"{job.path}: {error!r}")
        return replace(result, cost_s=time.process_time() - started)

    def _result(self, job: Job) -> Result:
        started = time.process_time()
        reading, lines = self._reading(job)
        analysis = reading.analysis
        found = Result(
            job.run,
            lines=lines,
            bytes=reading.bytes,
            metrics=bool(analysis.curves),
            findings=[self._finding(finding) for finding in analysis.findings],
            summary=asdict(analysis.summary),
            headline=headline(analysis, self._options.lang),
            analysis_s=time.process_time() - started,
        )
        if not job.folder or not analysis.curves:
            return found
        try:
            return replace(found, made=self._write(job, reading))
        except GptwatchError as error:
            return replace(found, error=str(error))

    def _reading(self, job: Job) -> tuple[Reading, int]:
        store = Database(Path(self._options.state), read_only=True)
        with contextlib.closing(store), store.snapshot():
            row = store.run(job.run)
            run, parser = store.load(job.run, self._config.formats, ended=job.ended)
        analysis = self._analysis(run, job, ended=job.ended)
        return Reading(analysis, parser, row.bytes), row.lines

    def _analysis(self, run: Run, job: Job, *, ended: bool) -> Analysis:
        return analyse(
            run,
            name=job.name,
            path=job.path,
            window=self._options.window,
            changed_at=job.changed_at,
            ended=ended,
            settings=self._config.rules,
        )

    def _finding(self, finding: Finding) -> dict[str, Any]:
        return as_dict(finding, self._options.lang)

    def _write(self, job: Job, reading: Reading) -> dict[str, str]:
        from watcher.outputs.report import artifacts

        folder, options = Path(job.folder), self._options
        remove_leftovers(folder)
        picture = self._draw(reading.analysis)
        made = {"figure": folder / "latest.png"}
        write_atomically(made["figure"], [picture])
        for step, drawn in self._archived(job, picture):
            name = f"iter_{step}_{artifacts.label(job.name)}_{job.stamp}.png"
            write_atomically(folder / name, [drawn])
            remove_oldest(folder, "iter_*_*.png", keep=options.keep)
        made |= artifacts.write_texts(
            reading,
            report=folder / "latest.txt",
            data=folder / "latest.json",
            lang=options.lang,
        )
        if options.html:
            made["html"] = folder / "latest.html"
            write_atomically(made["html"], [self._page(reading.analysis)])
        if job.final:
            made |= artifacts.write_dated(
                reading, picture, folder, lang=options.lang, stamp=job.stamp
            )
        return {kind: str(path) for kind, path in made.items()}

    def _draw(self, analysis: Analysis) -> bytes:
        from watcher.outputs.report import artifacts

        options = self._options
        return artifacts.draw(
            analysis, lang=options.lang, theme=options.theme, log_x=options.log_x
        )

    def _archived(self, job: Job, latest: bytes) -> Iterator[tuple[int, bytes]]:
        """The plots to keep, by step; those that were missed as they were then."""
        if job.missed:
            store = Database(Path(self._options.state), read_only=True)
            with contextlib.closing(store):
                run, _ = store.load(job.run, self._config.formats, ended=False)
            for step in job.missed:
                analysis = self._analysis(run.until(step), job, ended=False)
                yield step, self._draw(analysis)
        if job.step is not None:
            yield job.step, latest

    def _page(self, analysis: Analysis) -> bytes:
        from watcher.html.report import document

        return document(analysis, lang=self._options.lang)


def exit_on_sigterm() -> None:
    """Ends the process on SIGTERM; what it writes just now is removed on the way."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        # Raised in a destructor or a callback, the exit is only printed, and ignored.
        signal.setitimer(signal.ITIMER_REAL, _EXIT_AGAIN_S)
        sys.exit()

    def ignored(exception: "sys.UnraisableHookArgs") -> None:
        if not isinstance(exception.exc_value, SystemExit):
            sys.__unraisablehook__(exception)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGALRM, stop)
    sys.unraisablehook = ignored


def main(options: str, jobs: TextIO, results: TextIO) -> None:
    """Runs the jobs that arrive, until standard input is closed."""
    os.nice(_NICE)
    exit_on_sigterm()
    analyst = Analyst(Options(**json.loads(options)))
    for line in jobs:
        result = analyst.run(Job(**json.loads(line)))
        try:
            results.write(json.dumps(asdict(result)) + "\n")
            results.flush()
        except BrokenPipeError:
            # The daemon is gone, and nobody reads an error message.
            os._exit(0)


if __name__ == "__main__":
    # What a library prints must not come between the results.
    out, sys.stdout = sys.stdout, sys.stderr
    main(sys.argv[1], sys.stdin, out)
