"""Columns of many records are stored compressed, and come back bit by bit."""

from pathlib import Path

import numpy as np
import pytest
from examples import examples
from hypothesis import example, given, settings
from hypothesis import strategies as st
from oracle import Bench, append, lines

from parsers.batch import Batch
from watcher.errors import StorageCorruptError
from watcher.storage import spans
from watcher.storage.chunks import merged, packed, unpacked
from watcher.storage.recovery import NAME


COUNT = 100
printed = st.builds(
    lambda n, k: float(f"{n / 10**k:.{k}f}"),
    st.integers(-(10**9), 10**9),
    st.integers(0, 9),
)
columns = st.one_of(
    st.lists(printed, min_size=COUNT, max_size=COUNT),
    st.lists(st.floats(), min_size=COUNT, max_size=COUNT),
    st.lists(
        st.sampled_from([0.0, -0.0, 1.5, float("nan"), float("inf"), 5e-324, 1e300]),
        min_size=COUNT,
        max_size=COUNT,
    ),
)
numbers = st.lists(
    st.one_of(st.integers(0, 10**6), st.integers(-(1 << 62), 1 << 62)),
    min_size=COUNT,
    max_size=COUNT,
)


# Nothing of these is less when it is compressed.
dice = np.random.default_rng(0)
odd = dice.random(COUNT).tolist()
huge = dice.integers(1 << 40, 1 << 62, COUNT).tolist()


@settings(max_examples=examples(100), deadline=None)
@given(columns, columns, numbers, numbers)
@example([0.1 + 0.2] * COUNT, [2.0**53] * COUNT, [0] * COUNT, [1 << 62, -1] * 50)
# The largest differences there are.
@example([0.5] * COUNT, [0.5] * COUNT, [1 << 62, -(1 << 62)] * 50, [0] * COUNT)
@example([0.5] * COUNT, [0.5] * COUNT, [1 - (1 << 62), 1 << 62] * 50, [0] * COUNT)
@example(odd, odd[::-1], huge, huge[::-1])
# Decimals at the beginning only; more digits than a float has.
@example([0.5] * 10 + [1 / 3] * 90, [1e14 + 1 / 3] * COUNT, [0] * COUNT, [0] * COUNT)
def test_what_is_packed_comes_out(
    first: list[float], second: list[float], at: list[int], steps: list[int]
) -> None:
    """Whatever the numbers, alone and together with others."""
    values = {"loss": np.array(first), "lr": np.array(second)}
    batch = Batch("p", np.array(at), np.array(steps), values)
    row = "p", "loss,lr", COUNT, packed(batch)

    for found, times in (unpacked(*row), 1), (merged([row, row]), 2):
        assert found.lines.tolist() == at * times
        assert found.steps.tolist() == steps * times
        for name, column in values.items():
            assert found.values[name].tobytes() == column.tobytes() * times


@pytest.mark.parametrize("beyond", [0, 1])
@pytest.mark.parametrize("bits", [8, 16, 32])
def test_differences_at_the_ends_of_a_width(bits: int, beyond: int) -> None:
    """The last ones of so many bits, and the first ones of more."""
    most = (1 << (bits - 1)) - 1 + beyond
    for ends in (most, 0), (0, -1 - most):
        column = np.cumsum([*ends] * 50)
        batch = Batch("p", column, column, {})

        found = unpacked("p", "", COUNT, packed(batch))

        assert column.tolist() == found.lines.tolist() == found.steps.tolist()


def test_columns_are_read_from_it_in_pieces(bench: Bench, log: Path) -> None:
    """The page and the worker read some records of one metric."""
    append(log, lines(0, 3000))
    bench.settle()
    run, _ = bench.store.load(1)
    lines_, steps, losses = run.column("loss")

    with spans.columns(bench.store) as found:
        chunks = found.spans(1)
        assert 0 in {chunk.width for chunk in chunks}
        for name, whole in ("loss", losses), ("lines", lines_), ("steps", steps):
            parts = [
                found.read(chunk, name, at, min(at + 7, chunk.records))
                for chunk in chunks
                for at in range(0, chunk.records, 7)
            ]
            assert np.concatenate(parts).tolist() == whole.tolist()


def test_damage_is_noticed(bench: Bench, log: Path) -> None:
    """SQLite would not notice it."""
    append(log, lines(0, 3000))
    bench.settle()
    bench.store.connection.execute(
        "UPDATE chunks SET data = CAST(substr(data, 1, 60) || x'00' ||"
        " substr(data, 62) AS BLOB)"
    )

    with pytest.raises(StorageCorruptError, match="damaged"):
        bench.store.load(1)
    with spans.columns(bench.store) as found:
        chunk = next(chunk for chunk in found.spans(1) if not chunk.width)
        with pytest.raises(StorageCorruptError, match="damaged"):
            found.read(chunk, "loss", 0, 1)


@pytest.mark.parametrize(("at_once", "most"), [(5, 12.0), (20_000, 4.0)])
def test_bytes_of_a_value(tmp_path: Path, at_once: int, most: float) -> None:
    """Line by line, and in bulk; the files of the database with all that is in them."""
    bench = Bench(tmp_path)
    count = at_once * 400 if at_once < 100 else 200_000
    for number in range(8 if at_once < 100 else 1):
        append(bench.logs / f"{number}.log", lines(0, 200))
    for start in range(200, count, at_once):
        for log in sorted(bench.logs.iterdir()):
            append(log, lines(start, start + at_once))
        bench.look()
    logs = len(bench.rows())
    bench.stop()

    size = sum(file.stat().st_size for file in bench.state.glob(f"{NAME}*"))

    assert most > size / (logs * count * 3)  # loss, time, mfu
