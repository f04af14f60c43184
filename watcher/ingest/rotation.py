"""Finds the parts of a rotated log.

A log is rotated by renaming it, or by copying and truncating it (copytruncate), and
perhaps compressed: `train.log` becomes `train.log.1`, `train.log-20260102` or
`train.log.2.gz`, and writing continues in a new `train.log`.  That is one run in
several parts.

Where the date stands before the suffix (`train.2026-01-02.log`), the name alone does
not make a part of a file: it must have the text that was read.
"""

import contextlib
import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from watcher.errors import InputError
from watcher.ingest import decompress, fileread
from watcher.storage.checkpoint import HEAD_BYTES, MARKER_BYTES, Cursor


_PACKED: Final = (".gz", ".bz2", ".xz", ".zst")
_DATE: Final = r"\d{4}-?\d{2}-?\d{2}(?:[-_.T]?\d[\d:_-]*)?"
_SUFFIX: Final = re.compile(rf"[.-](\d{{1,4}}|{_DATE})")
_ROTATED: Final = re.compile(rf"(.*\.\w*[A-Za-z]\w*){_SUFFIX.pattern}")
# Between the stem and the suffix, where other logs may have a number, too.
_INFIX: Final = re.compile(rf"(?:\.(\d{{1,4}})|[._-]({_DATE}))(?=\.)")
# More digits than this are a date.
_DIGITS: Final = 4
# A copy is known by its text alone, so there must be some.
_LEAST: Final = 16
# Some programs keep times of whole seconds.
_COARSE_NS: Final = 2_000_000_000


@dataclass(frozen=True, slots=True)
class Part:
    """A rotated file of a log.

    Attributes:
        path: where it is.
        packed: whether it is compressed.
    """

    path: Path
    packed: bool = False


def parts(
    path: Path,
    cursor: Cursor,
    *,
    by_inode: bool = False,
    excluded: Callable[[Path], bool] = lambda _: False,
) -> list[Part] | None:
    """The rotated files from the one that `cursor` is a checkpoint of to the newest.

    None where no file beside `path`, or beside what it is a symlink to, is the one that
    was read; `by_inode`: a copy of it (copytruncate) does not count; `excluded`: paths
    of other logs.
    """
    for base in dict.fromkeys((path, _target(path))):
        newer: list[Part] = []
        for part in rotated(base):
            if excluded(part.path):
                continue
            newer.append(part)
            if _matches(part, cursor, by_inode=by_inode):
                return newer[::-1]
    return None


def keys(parts: Iterable[Part]) -> list[tuple[int, int] | None]:
    """Device and inode of each part, None of one that is not there any more."""
    return [fileread.key(part.path) for part in parts]


def start(part: Part) -> Cursor:
    """The checkpoint at offset 0 of a part, which is known by its first bytes.

    Raises:
        OSError, InputError: it cannot be read.
    """
    if not part.packed:
        return fileread.start(part.path)
    with contextlib.closing(decompress.chunks(part.path)) as pieces:
        data, _ = next(pieces, (b"", 0))
    return replace(Cursor.start(part.path.stat()), head=data[:HEAD_BYTES])


def beginning(path: Path, heads: Sequence[bytes]) -> tuple[int, Cursor | None]:
    """How many files of a run are not there, and where it is read again from.

    `heads`: the first bytes of its files, in their order.  No checkpoint: from the
    beginning of what is at `path`.
    """
    newest = _head(Part(path))
    older = [cursor for part in rotated(path)[::-1] if (cursor := _head(part))]
    for missing, head in enumerate(heads):
        for cursor in older:
            if len(head) >= _LEAST and cursor.head.startswith(head):
                return missing, cursor
        if newest is not None and newest.head.startswith(head):
            return missing, None
    return len(heads), None


def _head(part: Part) -> Cursor | None:
    """As `start`; None where it cannot be read."""
    with contextlib.suppress(OSError, InputError):
        return start(part)
    return None


def rotated(path: Path) -> list[Part]:
    """Files that a log was rotated to, the newest first."""
    found = []
    try:
        with os.scandir(path.parent) as entries:
            names = [e.name for e in entries if e.name.startswith(path.stem)]
    except OSError:
        return []
    for name in names:
        plain, packed = _unpacked_name(name)
        number = _number(plain, path)
        if number:
            found.append((number, Part(path.with_name(name), packed)))
    numbers = {int(n): part for n, part in found if len(n) <= _DIGITS}
    dates = {re.sub(r"\D", "", n): part for n, part in found if len(n) > _DIGITS}
    return [numbers[n] for n in sorted(numbers)] + [
        dates[n] for n in sorted(dates, reverse=True)
    ]


def base(path: Path) -> Path | None:
    """The log that a file was rotated from, by its name; None for any other file."""
    match = _ROTATED.fullmatch(_unpacked_name(path.name)[0])
    return path.with_name(match[1]) if match else None


def infix_bases(path: Path) -> list[Path]:
    """Logs that a file may be a part of, if it has their text: `a.log` of `a.1.log`."""
    name = _unpacked_name(path.name)[0]
    found = _INFIX.finditer(name)
    return [path.with_name(name[: m.start()] + name[m.end() :]) for m in found]


def _unpacked_name(name: str) -> tuple[str, bool]:
    """The name without what a compression adds, and whether there was something."""
    if name.endswith(_PACKED):
        return name[: name.rindex(".")], True
    return name, False


def _number(name: str, path: Path) -> str:
    """The number or date in the name of a part of a log; "" of any other file."""
    match = name.startswith(path.name) and _SUFFIX.fullmatch(name[len(path.name) :])
    if match:
        return match[1]
    infix = _INFIX.match(name, len(path.stem))
    if infix and name[infix.end() :] == path.suffix:
        return infix[1] or infix[2]
    return ""


def _target(path: Path) -> Path:
    """What a symlink points to; the path itself where it is none."""
    return Path(os.path.realpath(path)) if path.is_symlink() else path


def originals(path: Path, root: Path) -> Iterator[Path]:
    """Paths that a file may be a copy of by its name: `run.log` of `run.bak.log`.

    In its folder and those above, up to `root`: the name without some of its beginning
    (`old_run.log`) or of what stands before its last suffix; above also the same name.
    """
    name, stem, end = path.name, path.stem, path.suffix
    shorter = [stem[:n] + end for n in range(len(stem) - 1, 0, -1)]
    shorter += [name[n:] for n in range(1, len(stem))]
    yield from (path.with_name(other) for other in shorter)
    for folder in path.parents[1:]:
        if not folder.is_relative_to(root):
            return
        yield from (folder / other for other in (name, *shorter))


def unpacked(part: Part, cursor: Cursor) -> Iterator[tuple[bytes, Cursor]] | None:
    """The rest of a compressed part behind `cursor`, None where it is another file.

    Raises:
        InputError: its compression is broken.
    """
    pieces = decompress.chunks(part.path)
    start = max(0, cursor.offset - MARKER_BYTES)
    head, before, at = b"", b"", 0
    for data, _ in pieces:
        head = (head + data)[:HEAD_BYTES]
        end = at + len(data)
        if end > start:
            before += data[max(0, start - at) :]
        at = end
        if at >= cursor.offset:
            break
    size = cursor.offset - start
    same = head.startswith(cursor.head) and before[:size].endswith(cursor.marker)
    if at < cursor.offset or not same:
        return None
    return _rest(before[size:], pieces, cursor)


def _rest(
    first: bytes, pieces: Iterator[tuple[bytes, int]], cursor: Cursor
) -> Iterator[tuple[bytes, Cursor]]:
    for data in (first, *(piece for piece, _ in pieces)):
        cursor = cursor.after(data)
        yield data, cursor


def _may_be_copy(seen: os.stat_result, cursor: Cursor) -> bool:
    """Whether a file may be a copy: it is not older, and there is text to compare."""
    newer = seen.st_mtime_ns >= cursor.mtime_ns - _COARSE_NS
    return newer and max(cursor.offset, len(cursor.head)) >= _LEAST


def _matches(part: Part, cursor: Cursor, *, by_inode: bool) -> bool:
    """Whether a part is the file that was read, or a copy of it."""
    try:
        seen = part.path.stat()
        same = (seen.st_dev, seen.st_ino) == cursor.key
        if not same and (by_inode or not _may_be_copy(seen, cursor)):
            return False
        if part.packed:
            return unpacked(part, cursor) is not None
        return fileread.is_at(part.path, cursor)
    except (OSError, InputError):
        return False  # unlinked meanwhile, or unreadable: no part for us
