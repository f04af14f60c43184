"""The time axes of a run: when a line was written, and how long training took."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from oracle import Bench, append
from test_views_series import Store

from watcher.storage.rows import Row
from watcher.views.clock import Clock, wall, without_pauses
from watcher.views.trained import Trained


START = datetime(2026, 3, 1, 12, 0, 0).astimezone().timestamp()


def written(n: int, second: float) -> str:
    """A line with a time stamp."""
    at = (
        datetime.fromtimestamp(START + second, UTC)
        .astimezone()
        .strftime("%Y-%m-%d %H:%M:%S,%f")[:-3]
    )
    return f"[{at}] iter {n}: loss 2.5000, time 20.00ms, mfu 9.00%\n"


def clock_of(folder: Path, text: str) -> tuple[Clock | None, Row]:
    """The wall clock of a log that was read at once."""
    bench = Bench(folder)
    append(bench.logs / "train.log", text.encode())
    bench.look()
    row = bench.rows()["train.log"]
    found = wall(row, bench.store.places.of(row.id))
    bench.stop()
    return found, row


def test_a_backlog_with_time_stamps_has_its_times(tmp_path: Path) -> None:
    """As the trainer wrote them, however quickly the log was read."""
    text = "".join(written(n, 10.0 * n) for n in range(20_000))

    found, _ = clock_of(tmp_path, text)

    assert found is not None
    assert "log" == found.source
    at = found.at(np.array([1.0, 10_001.0, 20_000.0]))
    np.testing.assert_allclose(at - START, [0.0, 100_000.0, 199_990.0], atol=20)
    np.testing.assert_allclose(found.line(at), [1, 10_001, 20_000], atol=2)


def test_a_backlog_without_them_has_none(tmp_path: Path) -> None:
    """Only when its last line was written is known."""
    text = "".join(f"iter {n}: loss 2.5000, time 20.00ms\n" for n in range(20_000))

    found, row = clock_of(tmp_path, text)

    assert found is None
    assert row.cursor is not None


def test_stamps_of_another_file_are_not_read(tmp_path: Path) -> None:
    """A file that took the name since is not the run's."""
    bench = Bench(tmp_path)
    log = bench.logs / "train.log"
    append(log, "".join(written(n, n) for n in range(20_000)).encode())
    bench.look()
    row = bench.rows()["train.log"]
    places = bench.store.places.of(row.id)
    log.write_text("".join(written(n, 9e6 + n) for n in range(40_000)).upper())

    found = wall(row, places)

    bench.stop()
    assert found is None


def test_a_silence_is_no_training() -> None:
    """An hour between two lines counts as little as two usual lines."""
    seconds = np.array([0.0, 100, 200, 3800, 3900])
    clock = Clock(np.array([1.0, 11, 21, 31, 41]), seconds, "seen")

    found = without_pauses(clock)

    np.testing.assert_allclose(found.seconds, [0, 100, 200, 500, 600])


@pytest.mark.parametrize("cuts", [[1000], [300, 301, 1000], [64, 128, 1000]])
def test_training_time_is_the_sum_of_the_iterations(
    tmp_path: Path, cuts: list[int]
) -> None:
    """However the log grew; a pause counts as an iteration, a gap in steps as many."""
    times = np.full(1000, 100.0)
    times[500], times[700] = 60_000.0, np.nan
    steps = np.arange(1000) * 10
    store, trained = Store(tmp_path), Trained()
    start = 0
    for stop in cuts:
        store.add(steps[start:stop], iter_ms=times[start:stop])
        trained.grow(store.series, store.run)
        start = stop
    store.reader.close()
    store.database.close()

    found = trained.clock()

    assert found is not None
    assert 1000 == trained.records
    at = found.at(np.array([1.0, 501, 1000]))
    np.testing.assert_allclose(at, [0.1, 500.1, 999.1])


def test_training_time_that_a_log_sums_up_itself(tmp_path: Path) -> None:
    """As it says; where the sum begins again, time goes on."""
    store, trained = Store(tmp_path), Trained("train_time_ms")
    store.add(range(100), train_time_ms=np.arange(100) * 1000.0)
    trained.grow(store.series, store.run)
    again = np.append(np.arange(50), np.arange(50)) * 1000.0
    again[20] = np.nan
    store.add(range(100), train_time_ms=again)
    trained.grow(store.series, store.run)
    store.reader.close()
    store.database.close()

    found = trained.clock()

    assert found is not None
    np.testing.assert_allclose(found.at(np.array([1.0, 100, 200])), [0, 99, 99 + 98])
