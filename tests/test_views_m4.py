"""What a pixel shows of a curve: first, last, lowest and highest, of all its points."""

import math
from collections.abc import Sequence
from unittest import mock

import numpy as np
import pytest
from examples import examples
from hypothesis import given, settings
from hypothesis import strategies as st

from parsers.batch import Floats
from watcher.analysis import smoothing
from watcher.analysis.smoothing import centred_mean
from watcher.views import pyramid as module
from watcher.views.pyramid import BLOCK, Cells, Pyramid
from watcher.views.source import Means, Memory, Points, Smoothed


def points(steps: Sequence[int], values: Sequence[float]) -> Points:
    """A curve with a record on every second line."""
    n = len(steps)
    return Points(
        np.arange(1.0, 2 * n, 2.0), np.array(steps, float), np.array(values, float)
    )


def brute(curve: Points, low: float, high: float, axis: str) -> Points:
    """The records from one key to another, both inclusive."""
    keys = curve.key(axis)
    inside = (keys >= low) & (keys <= high)
    return Points(curve.lines[inside], curve.steps[inside], curve.values[inside])


def assert_exact(found: Cells, curve: Points, axis: str) -> None:
    """Each cell is what brute force finds between its ends, and none is left out."""
    counted = 0
    for i in range(len(found)):
        low, high = found.first_line[i], found.last_line[i]
        inside = brute(curve, low, high, "lines")
        finite = inside.values[np.isfinite(inside.values)]
        expected = (
            (finite[0], finite.min(), finite.max(), finite[-1])
            if len(finite)
            else (math.nan,) * 4
        )
        np.testing.assert_array_equal(
            expected, (found.first[i], found.low[i], found.high[i], found.last[i])
        )
        assert len(inside) - len(finite) == found.bad[i]
        assert inside.key(axis)[0] == found.key(axis, "first")[i]
        assert inside.key(axis)[-1] == found.key(axis, "last")[i]
        counted += len(inside)
    span = brute(curve, found.first_line[0], found.last_line[-1], "lines")
    assert counted == len(span)


CURVES = st.lists(
    st.tuples(
        st.integers(0, 3),
        st.one_of(st.floats(-9, 9), st.sampled_from([math.nan, math.inf, -math.inf])),
    ),
    min_size=1,
    max_size=400,
)


@settings(max_examples=examples(150), deadline=None)
@given(
    made=CURVES,
    window=st.tuples(st.floats(-0.2, 1.2), st.floats(-0.2, 1.2)),
    width=st.integers(1, 40),
    axis=st.sampled_from(["lines", "steps"]),
    cut=st.tuples(st.floats(0, 1), st.floats(0, 1)),
    grown=st.floats(0, 1),
    coarse=st.sampled_from([0.05, 4]),
)
def test_m4_is_what_brute_force_finds(
    *,
    made: list[tuple[int, float]],
    window: tuple[float, float],
    width: int,
    axis: str,
    cut: tuple[float, float],
    grown: float,
    coarse: float,
) -> None:
    """Any window of any part of any curve, from raw points and from blocks."""
    curve = points(np.cumsum([s for s, _ in made]).tolist(), [v for _, v in made])
    n = len(curve)
    built = Pyramid()
    with mock.patch.object(module, "_CHUNK", 2 * BLOCK):
        built.grow(Memory(curve.part(0, max(1, round(grown * n)))))
        built.grow(Memory(curve))
    start, stop = sorted(round(c * n) for c in cut)
    if start == stop:
        start, stop = 0, n
    part = curve.part(start, stop)
    keys = part.key(axis)
    low, high = sorted(keys[0] + w * (keys[-1] - keys[0] + 1) for w in window)

    with mock.patch.object(module, "_COARSE", coarse):
        edges = np.linspace(low, high, width + 1)
        found = built.m4(Memory(curve), axis, edges, start, stop)

    inside = brute(part, low, high, axis)
    assert len(found)
    assert_exact(found, part, axis)
    if len(inside):
        assert found.first_line[0] <= inside.lines[0]
        assert found.last_line[-1] >= inside.lines[-1]
    # The line goes on to both borders of the plot.
    before, after = keys < low, keys > high
    assert not before.any() or found.key(axis, "first")[0] < low or len(inside) == 0
    assert not after.any() or found.key(axis, "last")[-1] > high or len(inside) == 0


def test_raw_cells_end_at_the_edges_of_pixels() -> None:
    """Where a pixel has few points, each is in the cell of its own pixel."""
    curve = points(range(100), [float(i % 7) for i in range(100)])
    built = Pyramid()
    built.grow(Memory(curve))

    found = built.m4(Memory(curve), "steps", np.linspace(10, 30, 5), 0, 100)

    assert [9, 10, 15, 20, 25, 31] == found.first_step.tolist()
    assert [9, 14, 19, 24, 30, 31] == found.last_step.tolist()


def test_the_edge_of_a_block_is_less_than_half_a_pixel_off() -> None:
    """Many points: cells are made of whole blocks, near the edges of pixels."""
    n, width = 200_000, 300
    curve = points(range(n), np.random.default_rng(3).normal(size=n).tolist())
    built = Pyramid()
    built.grow(Memory(curve))
    source = mock.Mock(wraps=Memory(curve), __len__=lambda _: n)

    found = built.m4(source, "steps", np.linspace(0, n - 1, width + 1), 0, n)

    edges = np.linspace(0, n - 1, width + 1)[:-1]
    assert (np.abs(found.first_step - edges) < n / width / 2).all()
    assert_exact(found, curve, "steps")
    read = sum(call.args[1] - call.args[0] for call in source.read.call_args_list)
    assert BLOCK >= read


@pytest.mark.parametrize("window", [3, 50, 1000])
def test_smoothing_does_not_change_with_the_window_looked_at(
    window: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bit by bit the curve of the picture, whatever part of it is looked at."""
    monkeypatch.setattr(smoothing, "BLOCK", 1000)
    random = np.random.default_rng(1)
    values: Floats = random.normal(size=5000)
    values[7] = math.nan
    curve = points(range(5000), values.tolist())
    expected = centred_mean(values[500:4000], window)

    smooth = Smoothed(Memory(curve), window, (500, 4000), Means())
    parts = [smooth.read(a, min(a + 700, 3500)).values for a in range(0, 3500, 700)]

    np.testing.assert_array_equal(np.concatenate(parts), expected)


def test_the_end_of_a_smoothed_curve_is_summed_up_again() -> None:
    """Later points change the mean of those half a window before."""
    values = np.random.default_rng(2).normal(size=1000)
    curve = points(range(1000), values.tolist())
    built, fresh = Pyramid(), Pyramid()
    built.grow(Smoothed(Memory(curve.part(0, 700)), 41, (0, 700), Means()))

    built.cut(700 - 4 * 41)
    whole = Smoothed(Memory(curve), 41, (0, 1000), Means())
    built.grow(whole)

    fresh.grow(whole)
    np.testing.assert_allclose(built.blocks.last, fresh.blocks.last, rtol=1e-9)
    np.testing.assert_allclose(built.blocks.high, fresh.blocks.high, rtol=1e-9)


@pytest.mark.parametrize("axis", ["steps", "lines"])
def test_a_record_is_found_by_its_key(axis: str) -> None:
    """By binary search over blocks, then within one."""
    curve = points([*range(0, 900, 3)], [0.0] * 300)
    built = Pyramid()
    built.grow(Memory(curve))
    keys = curve.key(axis)

    for start, stop in ((0, 300), (10, 290), (65, 66)):
        for key in np.arange(-5.0, 1000.0, 7.0).tolist():
            expected = start + int(np.searchsorted(keys[start:stop], key))
            assert expected == built.index(Memory(curve), axis, key, start, stop)


def test_restarts_are_noted_while_it_grows() -> None:
    """Where the steps go back, also between two chunks; lines out of order, too."""
    steps = [*range(130), *range(50, 200), *range(10)]
    curve = points(steps, [1.0] * len(steps))
    built = Pyramid()

    for n in (60, 130, 131, 280, 290):
        built.grow(Memory(curve.part(0, n)))

    assert [130, 280] == built.back
    assert not built.unordered
    turned = Points(curve.lines[::-1], curve.steps, curve.values)
    mixed = Pyramid()
    mixed.grow(Memory(turned))
    assert mixed.unordered
