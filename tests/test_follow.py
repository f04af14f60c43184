"""The worker follows a run: what it says is what the whole run says."""

import io
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
from test_prefixes import eventful

from parsers.parser import Parser
from watcher.analysis.pipeline import analyse
from watcher.daemon import analyst, followed
from watcher.daemon.analyst import Analyst
from watcher.daemon.jobs import Job, Options, Result
from watcher.outputs.text.findings import as_dict
from watcher.storage.checkpoint import Cursor
from watcher.storage.columns import Run
from watcher.storage.database import Database


class Watched:
    """A log that is read into a database, and judged now and then."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = Database(folder)
        self.run = self.store.begin("/logs", "a.log", reason="new", now=0.0)
        self.parser = Parser()
        self.text = b""
        self.analyst = Analyst(Options(str(folder)))

    def read(self, text: bytes, at_s: float | None = None) -> None:
        """The log grew; `at_s`: when, where its end was seen."""
        delta = self.parser.feed(text)
        cursor = Cursor(1, 1)
        if at_s is not None:
            size = len(self.text) + len(text)
            cursor = Cursor(1, 1, offset=size, size=size, mtime_ns=int(at_s * 1e9))
        with self.store.transaction():
            self.store.add(self.run, delta, cursor, self.parser, text)
        self.text += text

    def judge(self, **changed: Any) -> Result:
        """A job of the worker."""
        result = self.analyst.run(Job(self.run, "a.log", "/logs/a.log", **changed))
        assert not result.error
        return result

    def expected(self, *, ended: bool = False) -> tuple[Any, Any]:
        """Findings and figures of the whole log, read at once."""
        parser, run = Parser(), Run()
        run.add(parser.feed(self.text))
        if ended:
            run.add(parser.flush())
        whole = analyse(run, name="a.log", path="/logs/a.log", ended=ended)
        return [as_dict(f, "en") for f in whole.findings], whole.summary

    def agrees(self, **changed: Any) -> bool:
        """Whether the worker says of the run what the whole log says."""
        result = self.judge(**changed)
        findings, summary = self.expected(ended=bool(changed.get("ended")))
        figures = {name: getattr(summary, name) for name in result.summary}
        return bool(findings == result.findings and figures == result.summary)


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Watched]:
    found = Watched(tmp_path)
    yield found
    found.analyst.close()
    found.store.close()


def cut(text: bytes, rng: np.random.Generator, lines: int) -> Iterator[bytes]:
    """The text in pieces of up to so many lines, some of which end within a line."""
    whole = text.splitlines(keepends=True)
    at = 0
    while at < len(whole):
        end = at + int(rng.integers(1, lines))
        yield b"".join(whole[at:end])
        at = end


@pytest.mark.parametrize("seed", range(3))
def test_a_log_that_grows_is_judged_as_the_whole(log: Watched, seed: int) -> None:
    """With restarts and all that happens, and chunks that are merged meanwhile."""
    rng = np.random.default_rng(seed)
    for n, piece in enumerate(cut(eventful(seed), rng, 12)):
        log.read(piece)
        if n % 9 == 0:
            assert log.agrees(), n

    assert log.agrees()
    follower = log.analyst._states[log.run]
    assert 1 < follower.course.rebuilds < 9  # a resumption and the first metrics


def test_a_worker_that_starts_later_judges_alike(log: Watched) -> None:
    """What was read before is folded anew from the database."""
    for piece in cut(eventful(4), np.random.default_rng(4), 40):
        log.read(piece)

    assert log.agrees()
    log.analyst.close()
    log.read(b"iter 6000: loss 1.5000, time 100.00ms, mfu 30.00%\n")
    assert log.agrees()


@pytest.fixture
def stored_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """States of short runs are stored, too."""
    monkeypatch.setattr(followed, "_MIN_LINES", 1)
    monkeypatch.setattr(followed, "_MIN_LINES_EVICTED", 1)


@pytest.mark.usefixtures("stored_often")
@pytest.mark.parametrize("seed", range(4))
def test_a_worker_goes_on_from_the_stored_state(log: Watched, seed: int) -> None:
    """Killed or stopped at any time, the next one judges as if it had read it all."""
    rng = np.random.default_rng(seed)
    read = 0
    for piece in cut(eventful(seed), rng, 500):
        log.read(piece)
        log.judge()
        if rng.random() < 0.5:
            log.analyst.store()
        if rng.random() < 0.5:
            assert log.agrees()
        log.analyst.close()
        read += log.analyst._states.take(log.store.run(log.run)).stored > 0

    assert log.agrees()
    assert read > 1


@pytest.mark.usefixtures("stored_often")
@pytest.mark.parametrize("harm", ["flip", "cut", "empty", "code", "settings", "run"])
def test_a_state_that_is_not_right_is_folded_again(
    log: Watched, harm: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Damaged, of other code or settings, or of another database's run."""
    log.read(eventful(1))
    log.judge()
    path = log.folder / "followed" / f"{log.run}.state"
    content = path.read_bytes()
    options = Options(str(log.folder))
    if harm == "flip":
        path.write_bytes(content[:-9] + bytes([content[-9] ^ 1]) + content[-8:])
    elif harm == "cut":
        path.write_bytes(content[:-9])
    elif harm == "empty":
        path.write_bytes(b"")
    elif harm == "code":
        monkeypatch.setattr(followed, "_code", lambda: b"other")
    elif harm == "settings":
        options = Options(str(log.folder), config={"rules": {"spike": {"rise": 0.9}}})
    else:
        log.store.set(log.run, first_seen=1.0)

    log.analyst = Analyst(options)

    assert not log.analyst._states.take(log.store.run(log.run)).stored
    assert harm == "settings" or log.agrees()


def test_a_state_runs_no_code() -> None:
    """A file that another user could write holds nothing but states."""
    text = pickle.dumps(print)

    with pytest.raises(pickle.UnpicklingError, match="no part of a state"):
        followed._Unpickler(io.BytesIO(text)).load()


@pytest.mark.usefixtures("stored_often")
def test_a_log_that_was_read_again_while_no_worker_ran(log: Watched) -> None:
    """Its milestones have other numbers than those in the state."""
    log.read(eventful(1))
    log.judge()
    log.analyst.close()
    other = log.store.begin("/logs", "b.log", reason="new", now=0.0)
    with log.store.transaction():
        for run in (other, log.run):
            log.store.rewind(run)
            parser = Parser()
            delta = parser.feed(eventful(1))
            log.store.add(run, delta, Cursor(1, 1), parser, eventful(1))
    log.parser = parser

    log.read(b"iter 6000: loss 1.5000, time 100.00ms, mfu 30.00%\n")

    assert log.agrees()


def test_states_in_memory_are_bounded(
    log: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By their size; the one that was judged last stays."""
    monkeypatch.setattr(followed, "MAX_BYTES", 1)
    log.read(eventful(1))
    log.judge()
    assert log.run in log.analyst._states
    other = log.store.begin("/logs", "b.log", reason="new", now=0.0)

    log.analyst.run(Job(other, "b.log", "/logs/b.log"))

    assert log.run not in log.analyst._states
    assert log.agrees()


def test_a_log_that_is_read_again_is_followed_anew(log: Watched) -> None:
    """Its records were deleted; others take their place."""
    log.read(eventful(1))
    log.judge()
    with log.store.transaction():
        log.store.rewind(log.run)
    log.parser, log.text = Parser(), b""

    log.read(eventful(2))

    assert log.agrees()


def test_a_last_line_without_an_end_counts_when_the_log_has_ended(log: Watched) -> None:
    """And counts once, if the log goes on behind it after all."""
    log.read(eventful(1) + b"iter 6000: loss 1.5000, time 100.00ms, mfu 30.00%")

    assert log.agrees()
    assert log.agrees(ended=True)
    log.read(b"\niter 6010: loss 1.5000, time 100.00ms, mfu 30.00%\n")
    assert log.agrees()


def test_files_of_a_long_run_are_bounded(
    log: Watched, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The latest document is decimated, and says so; so is the dated one of many."""
    lines = (
        b"iter %d: loss %.4f, time 100.00ms, mfu 30.00%%\n" % (i, 2 + 1 / (i + 1))
        for i in range(30_000)
    )
    log.read(b"".join(lines))
    out = tmp_path / "plots"
    out.mkdir()

    made = log.judge(folder=str(out), final=True, stamp="20260101_000000").made

    latest = orjson.loads((out / "latest.json").read_bytes())
    assert latest["decimated"]
    assert 1000 < len(latest["training"]["iters"]) < 5000
    assert 30_000 == latest["summary"]["records"]
    whole = orjson.loads(Path(made["data"]).read_bytes())
    assert not whole["decimated"]
    assert 30_000 == len(whole["training"]["iters"])

    monkeypatch.setattr(analyst, "_WHOLE_RECORDS", 29_999)
    made = log.judge(folder=str(out), final=True, stamp="20260101_000001").made

    longer = orjson.loads(Path(made["data"]).read_bytes())
    assert longer["decimated"]
    assert whole["summary"] == longer["summary"]


def arriving(log: Watched, ms: Callable[[int], float], n: int = 4000) -> Iterator[int]:
    """The log grows by ten lines without a time at once; how many there are."""
    at_s = 1.7e9
    for first in range(0, n, 10):
        steps = range(first, first + 10)
        at_s += sum(map(ms, steps)) / 1000
        lines = (b"step=%d/9999 loss=%.4f\n" % (i, 2 + 9 / (i + 9)) for i in steps)
        log.read(b"".join(lines), at_s)
        yield first + 10


@pytest.mark.parametrize("restarts", [False, True])
def test_times_of_arrival_stand_in_for_those_of_the_log(
    log: Watched, tmp_path: Path, *, restarts: bool
) -> None:
    """Time, what is left and a slowdown; and the report names where they come from."""
    out = tmp_path / "plots"
    out.mkdir()
    for lines in arriving(log, lambda step: 1500 if step < 3000 else 6000):
        if lines % 500 == 0:
            log.judge()
            if restarts:
                log.analyst.close()

    result = log.judge(folder=str(out))

    assert result.summary["times_seen"]
    assert 1500 == result.summary["typical_ms"]
    assert result.summary["training_s"] == pytest.approx(
        3000 * 1.5 + 1000 * 6, rel=0.02
    )
    assert result.summary["eta_s"] == pytest.approx(5999 * 6, rel=0.05)
    assert ["slowdown"] == [f["rule"] for f in result.findings]
    assert "by when lines arrived" in (out / "latest.txt").read_text()


def test_times_of_arrival_are_dropped_where_the_log_states_its_own(
    log: Watched,
) -> None:
    """Also when it states them later than its losses."""
    for _ in arriving(log, lambda _: 1500, 300):
        pass
    assert log.judge().summary["times_seen"]

    lines = (b"step=%d/9999 loss=2.0 time=80.0ms\n" % i for i in range(300, 400))
    log.read(b"".join(lines), 1.7e9 + 999)

    assert log.agrees()
    summary = log.judge().summary
    assert not summary["times_seen"]
    assert 80.0 == summary["typical_ms"]


def test_a_log_that_was_read_at_once_has_no_times(log: Watched) -> None:
    """Nobody saw when its lines were written."""
    log.read(b"".join(b"step=%d/9999 loss=2.0\n" % i for i in range(300)), 1.7e9)

    assert log.agrees()
    assert log.judge().summary["typical_ms"] is None
