"""Curves out of the database, any window, without loading the run."""

import contextlib
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from oracle import Bench, append, lines

from parsers.batch import Batch, Floats
from parsers.delta import Delta
from parsers.parser import Parser
from watcher.analysis.smoothing import centred_mean
from watcher.storage.checkpoint import Cursor
from watcher.storage.database import Database
from watcher.views import column as column_module
from watcher.views.series import Curve, Series, Window


class Store:
    """A database that grows by columns, and its reader."""

    def __init__(self, folder: Path) -> None:
        self.database = Database(folder)
        self.reader = Database(folder, read_only=True)
        self.series = Series(self.reader)
        self.line = 0
        with self.database.transaction():
            self.run = self.database.begin("/logs", "a.log", reason="found", now=1.0)

    def add(self, steps: Any, *, reset: bool = False, **values: Any) -> None:
        """Adds records, one a line."""
        steps = np.asarray(steps, dtype=np.int64)
        at = np.arange(self.line + 1, self.line + 1 + len(steps), dtype=np.int64)
        self.line += len(steps)
        columns = {name: np.asarray(v, dtype=np.float64) for name, v in values.items()}
        batch = Batch("shape", at, steps, columns)
        delta = Delta(batches=[batch], lines=len(steps), reset=reset)
        with self.database.transaction():
            self.database.add(self.run, delta, Cursor(1, 2), Parser(), b"x")

    def curve(self, name: str = "loss", **window: Any) -> Curve:
        """One curve in a window."""
        [found] = self.series.curves(self.run, [name], Window(**window))
        return found


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An empty database with one run."""
    made = Store(tmp_path)
    yield made
    made.reader.close()
    made.database.close()


@pytest.fixture
def stored(monkeypatch: pytest.MonkeyPatch) -> None:
    """Even short curves stay in the database."""
    monkeypatch.setattr(column_module, "_SHORT", 10)


def drawn(curve: Curve) -> tuple[Floats, Floats]:
    """Steps and values of a curve that is shown point by point."""
    cells = [cells for _, cells in curve.parts]
    return (
        np.concatenate([c.first_step for c in cells]),
        np.concatenate([c.last for c in cells]),
    )


@pytest.mark.usefixtures("stored")
def test_all_points_of_a_log_that_grows(store: Store) -> None:
    """Rows are merged behind the reader's back; each look has all points."""
    values = np.random.default_rng(0).normal(size=3000)
    for n in range(0, 3000, 20):
        part = slice(n, n + 20)
        store.add(range(n, n + 20), loss=values[part], lr=values[part] * 2)
        if n % 300 == 0:
            store.curve()

    steps, found = drawn(store.curve(width=4000))

    np.testing.assert_array_equal(steps, np.arange(3000))
    np.testing.assert_array_equal(found, values)


@pytest.mark.usefixtures("stored")
def test_the_extremes_of_every_pixel_are_kept(store: Store) -> None:
    """A spike of one point in a hundred thousand is seen at every zoom."""
    values = np.random.default_rng(0).normal(size=100_000)
    values[31_415] = 99.0
    store.add(range(100_000), loss=values)

    for start, stop in ((0, 99_999), (20_000, 60_000), (31_000, 32_000)):
        [(_, cells)] = store.curve(start=start, stop=stop, width=100).parts
        assert 99.0 == cells.high.max()
        assert values[start : stop + 1].min() == cells.low.min()


@pytest.mark.usefixtures("stored")
def test_a_metric_of_records_of_several_kinds(store: Store) -> None:
    """Some lines have one more metric: the curve is that of all of them, by line."""
    for n in range(0, 200, 2):
        store.add([n], loss=[n * 1.0])
        store.add([n + 1], loss=[n + 1.0], val_loss=[5.0])

    steps, found = drawn(store.curve())

    np.testing.assert_array_equal(steps, np.arange(200))
    np.testing.assert_array_equal(found, np.arange(200.0))
    assert {"loss": 200, "val_loss": 100} == store.series.metrics(store.run)


@pytest.mark.parametrize("short", [10, 1 << 16])
def test_a_restart_makes_a_new_stretch(
    store: Store, short: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No line is drawn back; both stretches have all their points."""
    monkeypatch.setattr(column_module, "_SHORT", short)
    store.add(range(100), loss=np.ones(100))
    store.add(range(60, 150), loss=np.full(90, 2.0))

    curve = store.curve(start=50, stop=200)

    spans = [(c.first_step[0], c.last_step[-1]) for _, c in curve.parts]
    assert [(49, 99), (60, 149)] == spans
    assert [1, 101] == [stretch.first_line for stretch, _ in curve.parts]
    assert (0.0, 149.0) == curve.span


def test_a_resumption_that_loses_no_step_is_cut_where_the_analysis_says(
    store: Store,
) -> None:
    """Segments come from the analysis; steps need not go back."""
    store.add(range(100), loss=np.ones(100))

    [curve] = store.series.curves(
        store.run, ["loss"], Window(), first_lines=[1.0, 41.0]
    )

    assert [1, 41] == [stretch.first_line for stretch, _ in curve.parts]


@pytest.mark.parametrize("short", [10, 1 << 16])
def test_two_writers_in_one_file_make_one_curve(
    store: Store, short: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Steps that go back and forth all the time are put in order."""
    monkeypatch.setattr(column_module, "_SHORT", short)
    steps = np.stack([np.arange(1000), np.arange(1000)], axis=1).ravel()
    steps[1::2] = np.maximum(steps[1::2] - 30, 0)
    store.add(steps, loss=np.arange(2000.0))

    curve = store.curve(width=4000)

    [(_, cells)] = curve.parts
    assert (np.diff(cells.first_step) >= 0).all()
    assert 2000 == curve.records
    assert 0.0 == cells.low.min()
    assert 1999.0 == cells.high.max()


@pytest.mark.usefixtures("stored")
def test_a_log_that_was_read_again_is_another_curve(store: Store) -> None:
    """Not the blocks of before with new points behind."""
    store.add(range(200), loss=np.ones(200))
    store.curve()

    store.add(range(300), loss=np.full(300, 7.0), reset=True)

    _, found = drawn(store.curve())
    np.testing.assert_array_equal(found, np.full(300, 7.0))
    [(_, cells)] = store.curve(width=1).parts  # from blocks
    assert 7.0 == cells.low.min()


@pytest.mark.usefixtures("stored")
def test_smoothing_is_that_of_the_whole_curve(store: Store) -> None:
    """At every zoom, and when more points came."""
    values = np.random.default_rng(0).normal(size=2000)
    store.add(range(1500), loss=values[:1500])
    store.curve(smooth=50)
    store.add(range(1500, 2000), loss=values[1500:])

    curve = store.curve(smooth=50, start=1400, stop=1600, width=4000)

    steps, found = drawn(curve)
    expected = centred_mean(values, 50)[steps.astype(int)]
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_a_log_axis_has_narrow_pixels_at_its_beginning(store: Store) -> None:
    """Edges lie in the mapped axis."""
    store.add(range(10_000), loss=np.ones(10_000))

    [(_, cells)] = store.curve(log=True, width=100).parts

    assert [0, 1, 2, 3] == cells.first_step[:4].tolist()
    assert 9999 == cells.last_step[-1]


def test_what_came_behind_a_line(store: Store) -> None:
    """All that is new, or the last points of it."""
    store.add(range(100), loss=np.arange(100.0))

    new = store.series.after(store.run, ["loss", "nothing"], 95, 2000)
    some = store.series.after(store.run, ["loss"], 0, 3)

    assert ["loss"] == list(new)
    assert [95, 96, 97, 98, 99] == new["loss"].steps.tolist()
    assert [98, 99, 100] == some["loss"].lines.tolist()


@pytest.mark.usefixtures("stored")
def test_the_nearest_point(store: Store) -> None:
    """Of steps that were trained twice, the ones that count: the last."""
    store.add(range(0, 100, 10), loss=np.arange(10.0))
    store.add(range(50, 100, 10), loss=np.arange(5.0) + 20)

    def near(axis: str, key: float) -> tuple[float, float, float]:
        found = store.series.near(store.run, ["loss"], axis, key)["loss"]
        return float(found.lines[0]), float(found.steps[0]), float(found.values[0])

    assert (2, 10, 1) == near("steps", 13)
    assert (12, 60, 21) == near("steps", 61)
    assert (8, 70, 7) == near("lines", 8)
    assert (15, 90, 24) == near("steps", 1000)


def test_memory_is_bounded(store: Store) -> None:
    """The curves that were looked at longest ago are dropped."""
    columns: dict[str, Any] = {f"m{i}": np.ones(1000) for i in range(20)}
    store.add(range(1000), **columns)
    store.series = Series(store.reader, cache_bytes=200_000)

    for i in range(20):
        store.curve(f"m{i}")

    assert 200_000 >= sum(c.nbytes for c in store.series._columns.values())


def test_what_was_read_of_long_curves_is_not_kept(store: Store) -> None:
    """Only their summaries are, within the limit of the cache."""
    columns: dict[str, Any] = {f"m{i}": np.ones(1 << 17) for i in range(6)}
    store.add(range(1 << 17), **columns)
    store.series = Series(store.reader, cache_bytes=2 << 20)

    tracemalloc.start()
    try:
        for i in range(6):
            store.curve(f"m{i}", smooth=50)
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert held < 4 << 20  # a column alone is one megabyte, an average another


def test_nothing_is_drawn_of_a_metric_without_points(store: Store) -> None:
    """A log without it, and a run that was just begun."""
    assert [] == store.series.curves(store.run, ["loss"], Window())


def test_the_daemon_may_write_between_two_looks(tmp_path: Path) -> None:
    """A real log, read as it grows by a daemon's reader."""
    bench = Bench(tmp_path)
    log = bench.logs / "train.log"
    with contextlib.closing(bench.store):
        series: Series | None = None
        for start in range(0, 1000, 100):
            append(log, lines(start, start + 100))
            bench.look()
            reader = series._database if series else None
            reader = reader or Database(bench.state, read_only=True)
            series = series or Series(reader)
            run = bench.rows()["train.log"].id
            [curve] = series.curves(run, ["loss"], Window(width=4000))
            assert start + 100 == curve.records
        assert series is not None
        series._database.close()


@pytest.mark.usefixtures("stored")
def test_a_reader_of_its_own_connection_sees_what_it_writes(tmp_path: Path) -> None:
    """Nothing is kept from before a commit, whoever made it."""
    store = Store(tmp_path)
    series = Series(store.database)
    with contextlib.closing(store.database), contextlib.closing(store.reader):
        for n in range(0, 300, 100):
            store.add(range(n, n + 100), loss=np.ones(100))
            [curve] = series.curves(store.run, ["loss"], Window())
            assert n + 100 == curve.records
            assert n + 100 == curve.last_line
