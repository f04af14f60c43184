"""Lines of a log by their number: any log, however it was written, read and rotated."""

import gzip
import os
import random
import shutil
from itertools import pairwise
from pathlib import Path
from unittest import mock

import pytest
from oracle import Bench, append, lines

from parsers.engine.lines import Lines
from watcher.errors import InputError
from watcher.storage import places as places_module
from watcher.storage.places import Place, surplus
from watcher.views.lines import excerpt, offset


@pytest.fixture(autouse=True)
def dense(monkeypatch: pytest.MonkeyPatch) -> None:
    """A place every few lines, as a log of gigabytes has."""
    monkeypatch.setattr(places_module, "_EVERY_BYTES", 500)


def messy(n: int, *, seed: int = 4) -> bytes:
    """A log with bars, colours, backspaces, both line ends, and no last line end."""
    rng, out = random.Random(seed), []
    for i in range(n):
        text = f"iter {i}: loss {9 - i / n:.4f}, time {rng.random() * 90:.2f}ms"
        if rng.random() < 0.05:
            text = f"\x1b[32m{text}\x1b[0m"
        if rng.random() < 0.05:
            text = f" 10%|#   | 1/9\r 20%|##  | 2/9\r{text}"
        if rng.random() < 0.03:
            text += "\b\b\bxx"
        out.append(text + ("\r\n" if rng.random() < 0.1 else "\n"))
    return "".join(out).encode() + "последняя".encode()


def cut(data: bytes, rng: random.Random) -> list[bytes]:
    """The data in pieces that end anywhere."""
    pieces, at = [], 0
    while at < len(data):
        size = rng.choice((1, 17, 300, 700))
        pieces.append(data[at : at + size])
        at += size
    return pieces


def truth(data: bytes) -> list[str]:
    """All lines, from one reading."""
    text = Lines()
    whole = text.feed(data) + text.flush()
    return whole.decode().split("\n")


def found(bench: Bench, first: int, last: int, name: str = "train.log") -> list[str]:
    """Lines of a run, by number."""
    row = bench.rows()[name]
    made = excerpt(row, bench.store.places.of(row.id), first, last)
    assert max(first, 1) == made.first
    return list(made.lines)


@pytest.mark.parametrize("kind", ["plain", "utf-8-sig", "utf-16"])
def test_every_line_is_found_by_its_number(bench: Bench, log: Path, kind: str) -> None:
    """However the log grew: the numbers are those of one reading of the same bytes."""
    rng = random.Random(1)
    data = messy(400) if kind == "plain" else messy(400).decode().encode(kind)
    for piece in cut(data, rng):
        append(log, piece)
        bench.look()
    expected = truth(data)

    for _ in range(60):
        first = rng.randrange(1, len(expected) + 1)
        last = first + rng.randrange(30)
        assert expected[first - 1 : last] == found(bench, first, last)
    assert expected == found(bench, -5, 10**6)
    if kind != "utf-16":
        assert len(bench.store.places.of(bench.rows()["train.log"].id)) > 20


def rotate(log: Path, how: str) -> None:
    """Rotates a log as logrotate does."""
    part = log.with_name("train.log.1")
    if part.exists():
        part.rename(log.with_name("train.log.2"))
    if how == "copytruncate":
        shutil.copy2(log, part)
        log.write_bytes(b"")
    else:
        log.rename(part)


def test_the_byte_of_a_line_is_that_in_its_file(bench: Bench, log: Path) -> None:
    """Counted in each part anew; a line that two parts hold begins in the first."""
    whole = lines(0, 300)
    log.touch()
    cuts = 0, 5023, 9000, len(whole)
    for at, end in pairwise(cuts):
        append(log, whole[at:end])
        bench.settle()
        if end < len(whole):
            rotate(log, "rename")
            bench.settle()
    row = bench.rows()["train.log"]
    places = bench.store.places.of(row.id)
    assert 3 == row.parts

    at = 0
    for number, text in enumerate(whole.splitlines(keepends=True), 1):
        begin = max(cut for cut in cuts if cut <= at)
        assert at - begin == offset(row, places, number)
        at += len(text)


@pytest.mark.parametrize("how", ["rename", "copytruncate"])
@pytest.mark.parametrize("packed", [False, True])
def test_lines_of_a_rotated_log(
    bench: Bench, log: Path, how: str, *, packed: bool
) -> None:
    """Line numbers run on through all parts; a part may have been compressed."""
    whole = lines(0, 300)
    log.touch()
    for at, end in ((0, 5000), (5000, 5023), (5023, 9000), (9000, len(whole))):
        append(log, whole[at:end])
        bench.settle()
        if end in {5023, 9000}:
            rotate(log, how)
            bench.settle()
    if packed:
        for part in (log.with_name("train.log.1"), log.with_name("train.log.2")):
            with gzip.open(f"{part}.gz", "wb") as file:
                file.write(part.read_bytes())
            part.unlink()
    expected = truth(whole)[:-1]
    assert 3 == bench.rows()["train.log"].parts

    for first in range(1, 301, 7):
        assert expected[first - 1 : first + 11] == found(bench, first, first + 11)
    assert expected == found(bench, 1, 300)


def test_lines_of_another_file_are_never_shown(bench: Bench, log: Path) -> None:
    """The path holds another training now: its lines are not those of the first."""
    append(log, lines(0, 50))
    bench.settle()
    log.write_bytes(b"step 5000: train loss 1.0, val loss 2.0\n" * 40)
    bench.settle()
    assert {"train.log", "train.log#2"} == set(bench.rows())

    with pytest.raises(InputError, match="deleted or overwritten"):
        found(bench, 10, 12)
    assert "step 5000" in found(bench, 1, 1, "train.log#2")[0]


def test_a_log_that_is_gone(bench: Bench, log: Path) -> None:
    """The message says what happened."""
    append(log, lines(0, 50))
    bench.look()
    log.unlink()

    with pytest.raises(InputError, match=r"train\.log"):
        found(bench, 10, 12)


def test_nothing_but_regular_files_is_opened(bench: Bench, log: Path) -> None:
    """A directory or a link to a device in place of the log isn't read."""
    append(log, lines(0, 50))
    bench.look()
    log.unlink()
    log.symlink_to("/dev/zero")

    with pytest.raises(InputError, match=r"train\.log"):
        found(bench, 10, 12)


def test_a_silence_is_seen_in_the_places(bench: Bench, log: Path) -> None:
    """A place is noted after ten seconds, with the time of the file."""
    append(log, lines(0, 3))
    bench.look()
    append(log, lines(3, 4))
    bench.look()
    append(log, lines(4, 5))
    os.utime(log, (2e9, 2e9))
    bench.look()

    places = bench.store.places.of(bench.rows()["train.log"].id)
    assert [0, 3, 5] == [place.line for place in places]
    assert [None, 2e9] == [places[0].seen_at, places[2].seen_at]
    assert [(5, 2e9)] == bench.store.places.seen(1, 3)
    assert [] == bench.store.places.seen(1, 5)


def test_places_of_a_long_run_are_thinned_out_evenly(bench: Bench, log: Path) -> None:
    """They stay bounded, and no gap between two grows much larger than the others."""
    with (
        mock.patch.object(places_module, "_MAX", 64),
        mock.patch.object(places_module, "_SURPLUS", 16),
        mock.patch.object(places_module, "_EVERY_BYTES", 100),
    ):
        for start in range(0, 2000, 5):
            append(log, lines(start, start + 5))
            bench.look()

    places = bench.store.places.of(bench.rows()["train.log"].id)
    gaps = [b.offset - a.offset for a, b in pairwise(places)]
    assert 40 < len(places) <= 64
    assert max(gaps) <= 4 * log.stat().st_size / len(places)
    assert [lines(1000, 1001).decode().rstrip()] == found(bench, 1001, 1001)


def test_beginnings_and_pauses_stay() -> None:
    """Whatever else is thinned out."""
    times = [0, 1, 2, 3, 900, 901, 902, 903]
    places = [
        Place(n, 100 * n, 1, 1, float(t), b"x" if n in {0, 6} else None)
        for n, t in enumerate(times)
    ]

    gone = surplus(places, 100)

    assert gone
    assert not {0, 3, 4, 5, 6, 7} & set(gone)


def test_of_two_neighbours_one_stays() -> None:
    """However many may go."""
    places = [Place(n, 100 * n, 1, 1, None) for n in range(9)]

    assert [1, 3, 5, 7] == surplus(places, 100)
