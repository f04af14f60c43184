"""A log's bytes in, its columns out: the one entry point of this package.

    parser = Parser()
    for chunk in chunks:
        delta = parser.feed(chunk)
    delta = parser.flush()

What is found depends on the bytes alone, never on how they were cut.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from parsers.batch import Milestone
from parsers.candidate import clean_text
from parsers.causes import Tracebacks, quotation
from parsers.delta import Delta
from parsers.detect import TELLING, Detector, Score
from parsers.engine.known import KnownMasks
from parsers.engine.lines import CHUNK_BYTES, Lines
from parsers.engine.pieces import Piece, whole_lines
from parsers.engine.templates import Reading, Templates
from parsers.format import Format
from parsers.formats import FORMATS
from parsers.hyperparameters.reader import hyperparameters
from parsers.lookout import Lookout
from parsers.milestones import milestone


# While all formats read along, less is read at a time: the choice comes soon, and very
# soon where the first metrics were seen: what follows may settle it.
_FIRST_BYTES: Final = 4 * 1024
_UNKNOWN_BYTES: Final = 32 * 1024
_COUNTED_BYTES: Final = 128 * 1024
_FIRST_LINES: Final = 1000
_SETTLING: Final = 72
_MANY_LINES: Final = 5000
# A line that ends so is not cut within a number.
_CLOSED: Final = (b"%", b")", b"}", b"]", b"|")
_DIGIT: Final = re.compile(rb"\d")


class Parser:
    """Reads one log, piece by piece.

    Attributes:
        lines: number of whole lines so far.
    """

    def __init__(self, formats: Sequence[Format] = FORMATS) -> None:
        self.lines = 0
        self._bytes = 0  # that were read here
        self._text = Lines()
        self._known = KnownMasks()
        self._detector = Detector(formats)
        self._tracebacks = Tracebacks()
        self._lookout = Lookout()
        self._statements = Templates(
            (),
            milestone=milestone,
            hyperparameters=hyperparameters,
            words=TELLING,
        )

    @property
    def format(self) -> Format | None:
        """The format as recognised so far, None before the first metric."""
        return self._detector.format

    @property
    def unread(self) -> int:
        """How many lines look like metrics and were not taken."""
        return self._detector.unread

    @property
    def unread_examples(self) -> Sequence[tuple[int, str]]:
        """Some of those lines, with their numbers."""
        return self._detector.unread_examples

    @property
    def overlong(self) -> int:
        """How many lines were dropped for their length."""
        return self._text.overlong

    @property
    def pending(self) -> int | None:
        """Bytes at the end that are no whole line yet; None where that isn't known."""
        return self._text.pending

    def scores(self) -> list[Score]:
        """Each format that took lines: name, how many, and how many by pattern."""
        return self._detector.scores()

    def state(self) -> dict[str, Any]:
        """All that reading on needs, of plain JSON types."""
        return {
            "lines": self.lines,
            "text": self._text.state(),
            "tracebacks": self._tracebacks.state(),
            "lookout": self._lookout.until,
            **self._detector.state(),
        }

    @classmethod
    def restore(
        cls, state: Mapping[str, Any], formats: Sequence[Format] = FORMATS
    ) -> "Parser":
        """A parser that goes on where `state` was taken.

        Raises:
            KeyError: the state names a format that is not among `formats`.
        """
        parser = cls(())
        parser.lines = state["lines"]
        parser._text = Lines.restore(state["text"])
        parser._detector = Detector.restore(state, formats)
        parser._lookout.until = state.get("lookout", parser._lookout.until)
        if "tracebacks" in state:  # states of older versions have none
            parser._tracebacks.restore(state["tracebacks"])
        return parser

    def feed(self, chunk: bytes) -> Delta:
        """What some bytes more add; they may end anywhere."""
        delta = Delta(format=self.format)
        at = 0
        while at < len(chunk):
            size = self._next_bytes() if self.lines else _first_bytes(chunk)
            self._read(self._text.feed(chunk[at : at + size]), delta)
            at += size
        return delta

    def flush(self) -> Delta:
        """What the end of the log adds: a last line without an end, if it is whole."""
        delta = Delta(format=self.format)
        tail = self._text.flush()
        if tail and not tail.endswith(b"\n") and self._is_cut(tail):
            tail = tail[: tail.rfind(b"\n") + 1]
        self._read(tail + b"\n" if tail and not tail.endswith(b"\n") else tail, delta)
        self._detector.flush(delta)
        return delta

    def _next_bytes(self) -> int:
        """How much to read at a time."""
        if self._detector.settled:
            return CHUNK_BYTES
        most = _UNKNOWN_BYTES if self.lines < _MANY_LINES else CHUNK_BYTES
        counted, more = self._detector.wanted
        if counted:
            wanted = max((more + 1) * self._bytes // counted, _FIRST_BYTES)
            return min(wanted, max(most, _COUNTED_BYTES))
        if self.lines < _FIRST_LINES and self.format:
            return _FIRST_BYTES
        return most

    def _read(self, data: bytes, delta: Delta) -> None:
        if not data:
            return
        self._bytes += len(data)
        if self._known.full:
            self._known = KnownMasks()
        piece = whole_lines(data, self.lines + 1, self._known)
        named = self._lookout.named(piece) if self.format is None else []
        start = 0
        while start < len(piece):
            end, what = len(piece), "all"
            if self.format is None:
                end, what = self._lookout.next_part(piece, start, named)
            self._read_part(piece.part(start, end), what, delta)
            start = end

    def _read_part(self, piece: Piece, what: str, delta: Delta) -> None:
        if what == "all":
            reading = self._detector.read(piece, delta)
        elif what == "statements":
            reading = self._statements.read(piece)
        else:
            reading = Reading([], milestones=self._lookout.ends(piece))
        self.lines += len(piece)
        delta.lines += len(piece)
        reading.milestones = self._tracebacks.read(piece, reading.milestones)
        _note(reading, delta)
        delta.format = self.format
        delta.planned = self._detector.planned

    def _is_cut(self, tail: bytes) -> bool:
        line = tail[tail.rfind(b"\n") + 1 :]
        if line.endswith(_CLOSED) or not _DIGIT.search(line):
            return False
        return self._detector.may_be_cut(line)


def _first_bytes(chunk: bytes) -> int:
    """How much is read first: so many lines settle the format, if they are metrics."""
    lines = chunk.count(b"\n", 0, _FIRST_BYTES) + chunk.count(b"\r", 0, _FIRST_BYTES)
    return min(
        max(_SETTLING * _FIRST_BYTES // max(lines, 1), _FIRST_BYTES), _UNKNOWN_BYTES
    )


def _note(reading: Reading, delta: Delta) -> None:
    for number, kind, raw in reading.milestones:
        text = clean_text(quotation(kind, raw))
        delta.milestones.append(Milestone(kind, number, None, text))
    for _, stated in reading.hyperparameters:
        delta.hyperparameters.update(stated)
