"""The worker process: analyses runs, and writes their plots and reports.

Jobs and results are lines of JSON; a run's points are read from the database.

    python -m watcher.daemon.analyst '{"state": "plots/.gptwatch", "lang": "en", ...}'
"""

import atexit
import contextlib
import ctypes
import gc
import json
import os
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import FrameType
from typing import Any, Final, TextIO

from watcher import config
from watcher.analysis.curves import concluded
from watcher.analysis.finding import Finding
from watcher.analysis.model import Analysis
from watcher.analysis.pieces import Log
from watcher.analysis.pipeline import Reading, analyse
from watcher.daemon import followed
from watcher.daemon.jobs import Job, Options, Result
from watcher.errors import GptwatchError, StorageCorruptError
from watcher.files import remove_leftovers, remove_oldest, write_atomically
from watcher.outputs.text.findings import as_dict
from watcher.outputs.text.headline import headline
from watcher.storage import spans
from watcher.storage.columns import Run
from watcher.storage.database import Database
from watcher.storage.rows import Row
from watcher.views.followed import analysed
from watcher.views.series import Series


_NICE: Final = 10
_EXIT_AGAIN_S: Final = 0.5
# Records of which a dated document has all points: of more the worker would take
# hundreds of MB, and few programs open what it writes.
_WHOLE_RECORDS: Final = 1_000_000
# Of all that is kept of runs between jobs: their states, and the blocks that pictures
# are drawn from.
_CACHE_BYTES: Final = 60 << 20


@dataclass(frozen=True, slots=True)
class _Judged:
    """What is known of a run.

    Attributes:
        row: of the run then.
        analysis: its findings and summary.
        cost_s: CPU seconds of that.
        reading: what its files show, None where none are written.
        is_whole: whether that has all points.
    """

    row: Row
    analysis: Analysis
    cost_s: float
    reading: Reading | None
    is_whole: bool


class Analyst:
    """Runs jobs, one after the other."""

    def __init__(self, options: Options) -> None:
        self._options = options
        # The file itself may have changed since it was found to be right.
        self._config = config.of(options.config)
        self._store: Database | None = None
        self._series: Series | None = None
        self._states = followed.Followed(
            Path(options.state), self._config.rules, options.config
        )
        self._worded: dict[int, list[tuple[Finding, dict[str, Any]]]] = {}

    def close(self) -> None:
        """Closes the database."""
        if self._store is not None:
            self._store.close()
        self._store = self._series = None
        self._states.clear()
        self._worded.clear()

    def store(self) -> None:
        """Stores what another worker can go on from."""
        self._states.store()

    def run(self, job: Job) -> Result:
        """Analyses a run, and writes its files; never raises."""
        started = time.process_time()
        try:
            result = self._result(job)
        except GptwatchError as error:
            self.close()  # it may be another file by the next job
            damaged = isinstance(error, StorageCorruptError)
            result = Result(job.run, error=str(error), damaged=damaged)
        except Exception as error:  # noqa: BLE001 - one run must not stop the others
            if _is_exiting():  # an extension module made another error of the exit
                sys.exit()
            import traceback

            traceback.print_exc()
            self.close()
            result = Result(job.run, error=f"{job.path}: {error!r}")
        if job.ended:
            self._forget(job.run)
        return replace(result, cost_s=time.process_time() - started)

    def _result(self, job: Job) -> Result:
        judged = self._judged(job)
        found, reading = judged.analysis, judged.reading
        result = Result(
            job.run,
            lines=judged.row.lines,
            bytes=judged.row.bytes,
            metrics=bool(found.curves),
            findings=self._findings(job.run, found.findings),
            summary=asdict(found.summary),
            headline=headline(found, self._options.lang),
            analysis_s=judged.cost_s,
        )
        if reading is None:
            return result
        try:
            made = self._write(job, reading, is_whole=judged.is_whole)
            return replace(result, made=made)
        except GptwatchError as error:
            return replace(result, error=str(error))
        finally:
            _release_memory()

    def _judged(self, job: Job) -> _Judged:
        """A run at one moment.

        The snapshot ends before anything is drawn: while it lasts, the write-ahead log
        cannot be emptied, and a worker that gets little CPU draws for minutes.
        """
        started = time.process_time()
        with spans.columns(self._opened()) as columns:
            row = self._opened().run(job.run)
            ending = self._ending(job) if job.ended else None
            found = ending.analysis if ending else self._followed(job, row, columns)
            cost_s = time.process_time() - started
            reading = None
            if job.folder and found.curves:
                reading = ending or self._decimated(job, row)
        return _Judged(row, found, cost_s, reading, is_whole=ending is not None)

    def _forget(self, run: int) -> None:
        """Nothing more is expected of a run: the memory is for those that go on."""
        self._states.forget(run)
        self._worded.pop(run, None)
        if self._series is not None:
            self._series.forget(run)

    def _opened(self) -> Database:
        """The database, opened once; again where another file took its place."""
        if self._store is not None:
            try:
                self._store.check_place()
            except StorageCorruptError:
                self.close()
        if self._store is None:
            self._store = Database(Path(self._options.state), read_only=True)
            left = _CACHE_BYTES - followed.MAX_BYTES
            self._series = Series(self._store, cache_bytes=left)
        return self._store

    def _followed(self, job: Job, row: Row, columns: spans.Columns) -> Analysis:
        """What is known of a run, without its points.

        Only what was added since the last job is read.
        """
        entry = self._states.take(row)
        log = Log(
            job.name,
            job.path,
            None,
            {},
            changed_at=job.changed_at,
            ended=job.ended,
        )
        follower = entry.follower
        follower.update(self._opened(), columns, log, row, self._config.formats)
        for run in self._states.put(row, entry):
            self._worded.pop(run, None)
        findings, summary = follower.course.judged()
        return concluded(follower.course.facts(), findings, summary)

    def _ending(self, job: Job) -> Reading | None:
        """A run that ends with a line without an end: it counts, and is not stored."""
        store = self._opened()
        delta = store.parser(job.run, self._config.formats).flush()
        if not delta.batches and not delta.milestones:
            return None
        return self._whole(job)

    def _whole(self, job: Job) -> Reading:
        """The run with all its points."""
        store = self._opened()
        row = store.run(job.run)
        run, parser = store.load(job.run, self._config.formats, ended=job.ended)
        return Reading(self._analysis(run, job, ended=job.ended), parser, row.bytes)

    def _decimated(self, job: Job, row: Row) -> Reading:
        """The run with as many points as a picture can show."""
        assert self._series is not None
        analysis = analysed(
            self._states[job.run],
            self._series,
            self._config.formats,
            window=self._options.window,
            log_x=self._options.log_x,
        )
        parser = self._opened().parser(job.run, self._config.formats)
        return Reading(analysis, parser, row.bytes)

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

    def _findings(self, run: int, found: Sequence[Finding]) -> list[dict[str, Any]]:
        """The findings in words; those of the last job need not be put so again."""
        before = {_place(pair[0]): pair for pair in self._worded.pop(run, ())}
        pairs = []
        for finding in found:
            known = before.get(_place(finding))
            if known is None or known[0] != finding:
                known = finding, as_dict(finding, self._options.lang)
            pairs.append(known)
        if run in self._states:
            self._worded[run] = pairs
        return [text for _, text in pairs]

    def _write(self, job: Job, reading: Reading, *, is_whole: bool) -> dict[str, str]:
        from watcher.outputs.report import artifacts

        folder, options = Path(job.folder), self._options
        remove_leftovers(folder)
        picture = self._draw(reading.analysis)
        made = {"figure": folder / "latest.png"}
        write_atomically(made["figure"], [picture])
        made |= artifacts.write_texts(
            reading,
            report=folder / "latest.txt",
            data=folder / "latest.json",
            lang=options.lang,
        )
        if options.html:
            made["html"] = folder / "latest.html"
            write_atomically(made["html"], [self._page(reading.analysis)])
        # After the latest ones: they may fill the disk.
        for step, drawn in self._archived(job, picture):
            name = f"iter_{step}_{artifacts.label(job.name)}_{job.stamp}.png"
            write_atomically(folder / name, [drawn])
            remove_oldest(folder, "iter_*_*.png", keep=options.keep)
        if job.final:
            is_long = reading.analysis.summary.records > _WHOLE_RECORDS
            made |= artifacts.write_dated(
                reading if is_whole or is_long else self._whole(job),
                picture,
                folder,
                lang=options.lang,
                stamp=job.stamp,
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
            run, _ = self._opened().load(job.run, self._config.formats, ended=False)
            for step in job.missed:
                analysis = self._analysis(run.until(step), job, ended=False)
                yield step, self._draw(analysis)
        if job.step is not None:
            yield job.step, latest

    def _page(self, analysis: Analysis) -> bytes:
        from watcher.html.report import document

        return document(analysis, lang=self._options.lang)


def _place(finding: Finding) -> tuple[str, int, int | None]:
    return finding.rule, finding.step, finding.since_step


def _release_memory() -> None:
    """Gives freed memory back: a picture leaves 10 MB in cycles and in the heap."""
    gc.collect()
    with contextlib.suppress(AttributeError, OSError):  # another C library
        ctypes.CDLL(None).malloc_trim(0)


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
    # While the interpreter ends, nothing handles the signal any more: it would kill.
    atexit.register(signal.setitimer, signal.ITIMER_REAL, 0.0)
    sys.unraisablehook = ignored


def _is_exiting() -> bool:
    """Whether SIGTERM came: the exit is raised again until the process has ended."""
    return signal.getitimer(signal.ITIMER_REAL)[0] > 0


def main(options: str, jobs: TextIO, results: TextIO) -> None:
    """Runs the jobs that arrive, until standard input is closed."""
    os.nice(_NICE)
    exit_on_sigterm()
    analyst = Analyst(Options(**json.loads(options)))
    try:
        for line in jobs:
            result = analyst.run(Job(**json.loads(line)))
            results.write(json.dumps(asdict(result)) + "\n")
            results.flush()
    except BrokenPipeError:
        # The daemon is gone, and nobody reads an error message.
        os._exit(0)
    finally:
        analyst.store()


if __name__ == "__main__":
    # What a library prints must not come between the results.
    out, sys.stdout = sys.stdout, sys.stderr
    main(sys.argv[1], sys.stdin, out)
