"""Lines of a log around a point: of live, finished, rotated and compressed logs.

A line is found from the place before it, by the same cleaning that the parser got its
lines from, so that its number is the parser's.  Only files of the run are opened, and
only if they still hold what was read of them.
"""

import os
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any, Final

from parsers.engine.lines import Lines
from watcher.errors import InputError
from watcher.ingest import decompress, fileread, rotation
from watcher.storage.places import Place
from watcher.storage.rows import Row


_CHUNK: Final = 1 << 18
_ENDS: Final = (b"\n", b"\r")


@dataclass(frozen=True, slots=True)
class Excerpt:
    """Lines of a run.

    Attributes:
        path: of the file that the first one stands in.
        first: its number in the run, from 1.
        lines: clean, without their ends.
    """

    path: Path
    first: int
    lines: Sequence[str]


@dataclass(frozen=True, slots=True)
class _Part:
    """A file that holds a stretch of a run, as it was when it was read."""

    places: Sequence[Place]

    @property
    def key(self) -> tuple[int, int]:
        last = self.places[-1]
        return last.device, last.inode

    @property
    def head(self) -> bytes | None:
        return self.places[0].head

    @property
    def least_size(self) -> int:
        return self.places[-1].offset


def excerpt(
    row: Row,
    places: Sequence[Place],
    first: int,
    last: int,
    *,
    width: int | None = None,
) -> Excerpt:
    """Lines `first` to `last` of a run, as far as there are so many.

    `width`: bytes of a line that are kept; a line may have a million.

    Raises:
        InputError: no file holds them any more, or they were read before places were
            noted.
    """
    first = max(first, 1)
    parts = _parts(places)
    at, place = _start(parts, first, row)
    found: list[bytes] = []
    text = Lines() if place.offset == 0 else _inside()
    line, path = place.line, Path()
    for part, start in _following(parts, at, place):
        reading = _read(row, part, start, len(parts) - 1 - parts.index(part))
        for name, data in reading:
            path = path if found else name
            new = text.feed(data).split(b"\n")[:-1]
            skipped = min(max(first - 1 - line, 0), len(new))
            found += [one[:width] for one in new[skipped : max(last - line, 0)]]
            line += len(new)
            if line >= last:
                return _excerpt(path, first, found)
    tail = text.flush()
    if tail and line + 1 >= first:
        found += tail.removesuffix(b"\n").split(b"\n")[: last - line]
    return _excerpt(path, first, found)


def offset(row: Row, places: Sequence[Place], line: int) -> int:
    """The byte at which a line begins; of a compressed file, in what it holds.

    Raises:
        InputError: as of `excerpt`.
    """
    parts = _parts(places)
    at, place = _start(parts, line, row)
    text = Lines() if place.offset == 0 else _inside()
    # So many lines end before it.
    wanted, end = line - 1 - place.line, place.offset
    for part, start in _following(parts, at, place):
        end = start
        for _, data in _read(row, part, start, len(parts) - 1 - parts.index(part)):
            if wanted <= 0:
                return end
            before = text.state()
            found = text.feed(data).count(b"\n")
            if found >= wanted:
                return end + _cut(before, data, wanted)
            wanted, end = wanted - found, end + len(data)
    return end


def _cut(state: Mapping[str, Any], data: bytes, lines: int) -> int:
    """How many bytes have so many ends of lines, as the parser counts them."""

    def ends(size: int) -> int:
        return Lines.restore(dict(state)).feed(data[:size]).count(b"\n")

    size = bisect_left(range(len(data) + 1), lines, key=ends)
    # What a carriage return ends is known by the byte behind it.
    return size if data[size - 1 : size] in _ENDS else size - 1


def _excerpt(path: Path, first: int, lines: Sequence[bytes]) -> Excerpt:
    return Excerpt(path, first, [line.decode("utf-8", "replace") for line in lines])


def _inside() -> Lines:
    """What cuts lines from the middle of a file, where no byte order mark stands."""
    return Lines.restore({**Lines().state(), "encoding": "utf-8"})


def _parts(places: Sequence[Place]) -> list[_Part]:
    begins = [i for i, place in enumerate(places) if place.head is not None or not i]
    ends = [*begins[1:], len(places)]
    return [_Part(places[a:b]) for a, b in zip(begins, ends, strict=True)]


def _start(parts: Sequence[_Part], first: int, row: Row) -> tuple[int, Place]:
    """The last place from which every one of the lines can be read whole."""
    flat = [(at, place) for at, part in enumerate(parts) for place in part.places]
    i = bisect_right([place.line for _, place in flat], first - 1) - 1
    if i < 0:
        raise InputError(
            "{name}: no place is known for line {first}; it was read by "
            "an older gptwatch",
            name=row.name,
            first=first,
        )
    # A line may begin in one file and end in the next.
    if i and flat[i][1].offset == 0 and flat[i][1].line == first - 1:
        i -= 1
    return flat[i]


def _following(
    parts: Sequence[_Part], at: int, place: Place
) -> Iterator[tuple[_Part, int]]:
    """The part that holds a place, from its offset on, and all later ones."""
    yield parts[at], place.offset
    for part in parts[at + 1 :]:
        yield part, 0


def _read(
    row: Row, part: _Part, start: int, later: int
) -> Iterator[tuple[Path, bytes]]:
    """The bytes of a part behind an offset, each with the file they stand in."""
    path = Path(row.root) / row.path
    beside = rotation.rotated(path)
    # The part is most likely where so many rotations have brought it.
    guess = beside[later - 1 : later] if later else []
    candidates = [
        *guess,
        rotation.Part(path),
        *(p for p in beside if p not in guess),
    ]
    for candidate in candidates:
        pieces = _opened(candidate, part, start)
        if pieces is not None:
            yield from ((candidate.path, data) for data in pieces)
            return
    raise InputError(
        "{path}: neither this file nor a rotated one holds the lines "
        "any more; they were deleted or overwritten",
        path=path,
    )


def _opened(
    candidate: rotation.Part, part: _Part, start: int
) -> Iterator[bytes] | None:
    """The bytes of a file behind an offset; None where it is not the part."""
    try:
        if candidate.packed:
            return _unpacked(candidate.path, part, start)
        fd = fileread.opened(candidate.path)
    except (OSError, InputError):
        return None
    if not _holds(fd, part):
        os.close(fd)
        return None
    return _plain(fd, start)


def _holds(fd: int, part: _Part) -> bool:
    """Whether an open file is the part: it has its beginning and at least its size."""
    seen = os.fstat(fd)
    if seen.st_size < part.least_size:
        return False
    if part.head is None:
        return (seen.st_dev, seen.st_ino) == part.key
    return os.pread(fd, len(part.head), 0) == part.head


def _plain(fd: int, start: int) -> Iterator[bytes]:
    with open(fd, "rb", buffering=0) as file:
        file.seek(start)
        yield from takewhile(bool, iter(lambda: file.read(_CHUNK), b""))


def _unpacked(path: Path, part: _Part, start: int) -> Iterator[bytes] | None:
    pieces = decompress.chunks(path)
    first = next(pieces, (b"", 0))[0]
    if part.head is None or not first.startswith(part.head):
        return None
    return _behind(first, (data for data, _ in pieces), start)


def _behind(first: bytes, rest: Iterator[bytes], start: int) -> Iterator[bytes]:
    at = 0
    for data in (first, *rest):
        if at + len(data) > start:
            yield data[max(start - at, 0) :]
        at += len(data)
