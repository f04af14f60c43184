"""Curves for pictures, out of the database, without loading the run."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from test_views_series import Store

from watcher.analysis.model import Segment
from watcher.analysis.smoothing import centred_mean
from watcher.views import column as column_module
from watcher.views.decimated import PER_PIXEL, curve


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """An empty database with one run; even short curves stay in it."""
    monkeypatch.setattr(column_module, "_SHORT", 10)
    made = Store(tmp_path)
    yield made
    made.reader.close()
    made.database.close()


def test_a_short_curve_is_complete(store: Store) -> None:
    """As many points as pixels show: each as the log has it."""
    values = np.random.default_rng(0).normal(size=400)
    values[17] = np.inf
    store.add(range(400), loss=values)

    found = curve(store.series, store.run, "loss", width=100)

    assert found is not None
    np.testing.assert_array_equal(found.values, values)
    np.testing.assert_array_equal(found.steps, np.arange(400))
    np.testing.assert_array_equal(found.lines, np.arange(1, 401))
    assert found.current.all()
    assert "nats/token" == found.unit


@pytest.mark.parametrize("log", [False, True])
def test_a_long_curve_keeps_its_extremes(store: Store, *, log: bool) -> None:
    """Every spike, the first and the last point, and that a value was not finite."""
    values = np.random.default_rng(0).normal(size=50_000)
    values[31_415], values[27_182], values[16_180] = 99.0, -99.0, np.nan
    store.add(range(50_000), loss=values)

    found = curve(store.series, store.run, "loss", width=100, log=log)

    assert found is not None
    assert len(found) <= (PER_PIXEL + 1) * 103
    assert (99.0, -99.0) == (np.nanmax(found.values), np.nanmin(found.values))
    assert (values[0], values[-1]) == (found.values[0], found.values[-1])
    assert (0, 49_999) == (found.steps[0], found.steps[-1])
    assert (np.diff(found.lines) >= 0).all()
    assert (np.diff(found.steps) >= 0).all()
    assert 1 == np.isnan(found.values).sum()
    pixel = 50_000 / 100
    spike = found.steps[found.values == 99.0][0]
    assert log or abs(spike - 31_415) <= pixel


def test_points_that_a_restart_superseded_are_not_current(store: Store) -> None:
    """As the analysis marks them."""
    store.add(range(2000), loss=np.ones(2000))
    store.add(range(1000, 3000), loss=np.full(2000, 2.0))
    parts = [Segment(0, 1999, 1, "start"), Segment(1000, 2999, 2001, "resumed")]

    found = curve(store.series, store.run, "loss", parts=parts, width=50)

    assert found is not None
    old = found.lines <= 2000
    np.testing.assert_array_equal(found.current, ~(old & (found.steps >= 1000)))
    assert {1.0} == set(found.values[old])
    assert {2.0} == set(found.values[~old])


def test_a_moving_average_is_that_of_all_points(store: Store) -> None:
    """Within a segment, and not of the points that are left."""
    values = np.random.default_rng(0).normal(size=20_000)
    store.add(range(20_000), loss=values)
    parts = [Segment(0, 9_999, 1, "start"), Segment(10_000, 19_999, 10_001, "resumed")]

    found = curve(store.series, store.run, "loss", parts=parts, width=50, smooth=100)

    means = [centred_mean(part, 100) for part in (values[:10_000], values[10_000:])]
    expected = np.concatenate(means)
    assert found is not None
    assert np.isin(found.values.round(9), expected.round(9)).all()
    assert np.isclose(expected.max(), found.values.max())
    assert np.isclose(expected.min(), found.values.min())


def test_a_metric_without_points_has_no_curve(store: Store) -> None:
    """A run that was just begun."""
    assert curve(store.series, store.run, "loss") is None
