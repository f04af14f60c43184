"""Thinning keeps what a reader would see: ends, spikes, gaps, levels."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from parsers.batch import Floats
from watcher.outputs.plot.decimate import averages, decimate, edges, running_median


BUCKETS = 8
numbers = st.floats(allow_nan=True, allow_infinity=True)
columns = arrays(np.float64, st.integers(1, 200), elements=numbers)
masks = arrays(np.bool_, 200)


@given(columns)
def test_first_and_last_point_are_kept(values: Floats) -> None:
    """A curve begins and ends where the log does."""
    kept = decimate(values, buckets=BUCKETS)

    assert (0, len(values) - 1) == (kept[0], kept[-1])


@given(columns)
def test_indices_rise_and_are_few(values: Floats) -> None:
    """What is drawn is in order and does not grow with the log."""
    kept = decimate(values, buckets=BUCKETS)

    assert (np.diff(kept) > 0).all()
    assert len(kept) <= 2 * BUCKETS + 2


@given(columns, st.booleans())
def test_every_bucket_keeps_its_extremes(values: Floats, log: bool) -> None:  # noqa: FBT001
    """A spike of any bucket survives, whatever stands beside it."""
    kept = values[decimate(values, buckets=BUCKETS, log=log)]
    marks = edges(len(values), BUCKETS, log=log)

    for start, stop in pairwise(marks):
        finite = values[start:stop][np.isfinite(values[start:stop])]
        if len(finite):
            assert finite.min() in kept
            assert finite.max() in kept


@given(columns, masks)
def test_points_left_out_do_not_exist(values: Floats, mask: Floats) -> None:
    """Superseded points and pauses are never drawn, and hide no spike."""
    keep = mask[: len(values)].astype(bool)
    kept = decimate(values, keep=keep, buckets=BUCKETS)
    finite = values[keep & np.isfinite(values)]

    assert keep[kept].all()
    assert not len(finite) or {finite.min(), finite.max()} <= set(values[kept])


def test_short_curve_stays_whole() -> None:
    """Thirteen evaluations are thirteen points."""
    assert list(range(13)) == decimate(np.arange(13.0)).tolist()


def test_bucket_of_nan_stays_a_gap() -> None:
    """A line is not drawn across values that were not there."""
    values = np.ones(1000)
    values[300:700] = np.nan

    kept = values[decimate(values, buckets=BUCKETS)]

    assert np.isnan(kept).any()


def test_infinity_does_not_hide_the_greatest_finite_value() -> None:
    """An infinite loss is a gap; the spike beside it is still drawn."""
    values = np.ones(1000)
    values[[500, 501]] = np.inf, 7.0

    assert 501 in decimate(values, buckets=BUCKETS)


def test_log_buckets_are_narrow_at_the_start() -> None:
    """On a logarithmic axis the first steps take as much room as the last."""
    marks = edges(1000, 10, log=True)

    assert (np.diff(marks)[:3] <= 4).all()
    assert np.diff(marks)[-1] > 400


@pytest.mark.parametrize("log", [False, True])
def test_edges_cover_every_point(log: bool) -> None:  # noqa: FBT001
    """No point falls between two buckets."""
    for n in (1, 2, 7, 1000):
        marks = edges(n, BUCKETS, log=log)

        assert (0, n) == (marks[0], marks[-1])
        assert sorted(set(marks)) == marks


@given(columns)
def test_averages_end_where_the_curve_ends(values: Floats) -> None:
    """The last value of a trend is that of its curve."""
    at, means = averages(values, buckets=BUCKETS)

    assert len(values) - 1 == at[-1]
    assert np.array_equal(means[[-1]], values[[-1]], equal_nan=True)


def test_averages_are_means_of_buckets() -> None:
    """A trend of noise is its level."""
    values = np.tile([1.0, 3.0], 500)

    _, means = averages(values, buckets=BUCKETS)

    assert np.allclose(means[1:-1], 2.0, atol=0.02)


def test_averages_leave_nan_out() -> None:
    """One NaN does not take a bucket away."""
    values = np.full(1000, 2.0)
    values[500] = np.nan

    assert (averages(values, buckets=BUCKETS)[1] == 2.0).all()


def test_averages_stand_at_points_that_are_kept() -> None:
    """The trend after a restart does not begin at a step before it."""
    keep = np.ones(1000, bool)
    keep[437:600] = False

    at, _ = averages(np.ones(1000), keep=keep, buckets=BUCKETS)

    assert keep[at].all()


def test_median_ignores_pauses() -> None:
    """Iterations of 28 ms are 28 ms, whatever evaluations cost."""
    values = np.full(1000, 28.0)
    values[::5] = 1650.0

    assert (running_median(values)[1] == 28.0).all()


def test_median_of_what_is_kept() -> None:
    """Pauses in most of the iterations are left out when they are known."""
    values = np.full(1000, 1650.0)
    values[::5] = 28.0

    assert (running_median(values, keep=values < 100)[1] == 28.0).all()


def test_median_does_not_end_on_a_single_value() -> None:
    """The level at the end is that of the last window, not of the last point."""
    values = np.full(1000, 28.0)
    values[-1] = 99.0

    assert 28.0 == running_median(values)[1][-1]


@given(columns)
def test_median_stays_within_the_values(values: Floats) -> None:
    """A level is never invented, and is NaN only where nothing is finite."""
    medians = running_median(values)[1]
    finite = values[np.isfinite(values)]
    known = medians[~np.isnan(medians)]

    assert set(known) <= set(finite)
    assert len(known) or not len(finite)


def test_empty_curve_thins_to_nothing() -> None:
    """A log that has only begun draws nothing and fails nowhere."""
    nothing = np.empty(0)

    assert 0 == len(decimate(nothing))
    assert 0 == len(averages(nothing)[0])
    assert 0 == len(running_median(nothing)[0])
