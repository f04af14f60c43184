"""Tables of many programs: CSV, TSV; Lightning's and Keras's `CSVLogger`.

    step,train_loss,val_loss
    0,4.2970,4.2934

    epoch,step,train_loss_epoch,train_loss_step,val_loss
    0,49,,7.6286,
    0,4999,6.9,,6.51

    Step Training Loss Validation Loss Wer                   (of a notebook's output)
    500 3.2 2.9 1.0

The header may stand anywhere and come again (an appended run); an unnamed first
column is an index.  Lightning's rows are sparse: an empty cell is no value.  Cells may
be quoted and even hold `tf.Tensor(960.0452, pattern=(), dtype=float32)`.  A table with
one row for each run of a sweep is not a curve.  A logger's time and level may stand
before header and rows.
"""

import csv
import re
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np

from parsers.batch import Batch
from parsers.engine.numbers import number
from parsers.engine.pieces import Piece
from parsers.engine.sieve import Sieve
from parsers.format import Fields, Format
from parsers.keyvalue.records import Axis, Entry, entry
from parsers.keyvalue.rows import Rows, fields, on_axis
from parsers.keyvalue.vocabulary import CURVES, KEYS, Key, key, plain
from parsers.metrics import ANY_LOSS


# The last: any number of blanks.
_DELIMITERS: Final = (b",", b"\t", b";", b"|", b" ")
_NAME: Final = re.compile(r"[A-Za-z_][\w ./()%:@+-]*|", re.ASCII)
_NAME_CHARS: Final = 64
_TENSOR: Final = re.compile(
    rb"(?:(?<![\w.])[\w.]{0,64}Tensor|tensor|array)\(([-+.\w]+)"
    rb"(?:, [^()]*+(?:\(\)[^()]*+)?)?\)"
)
# What a logger puts in front of a row.
_PREFIX: Final = re.compile(
    rb"^(?:[^\n]{0,100}?\b(?:INFO|DEBUG)\b(?: ++-| ++\S{1,40}+ ++-|[\])]?:?)"
    rb"|\[[^\]\n]{1,60}\]:?|\d{4}-\d\d-\d\d[ T][\d:.,]{5,16}(?: [-|:])?)[ \t]++"
)
_WORD: Final = re.compile(rb"\S+")
_GAP: Final = re.compile(rb" {2,}")
_LOSS_WORDS: Final = ("loss", "val", "bpb", "nll")
_LETTERS: Final = (b"l", b"L", b"b", b"B")  # one of them is in each
_NAME_WORDS: Final = 4
_PART: Final = re.compile(r"(train|val)/\w{1,32}_loss")
_HEADER_BYTES: Final = 16384
# Columns that distinguish runs, not steps.
_RUNS: Final = frozenset(
    {"run", "run_id", "run_name", "name", "trial", "trial_id", "experiment", "exp"}
    | {"config", "seed", "model", "id", "dataset", "variant", "lr_max", "batch_size"}
)
# A loss beside these is one of money.
_MONEY: Final = frozenset(
    {"profit", "price", "close", "premium", "claim", "revenue", "currency", "symbol"}
    | {"sales", "margin", "income", "expenses"}
)
_SPLITS: Final = frozenset({"split", "phase", "mode", "stage", "set"})
_HELD_OUT: Final = frozenset({"val", "valid", "validation", "eval", "dev", "test"})


_NO_LINES: Final = np.empty(0, np.int64)


class _Header(NamedTuple):
    delimiter: bytes
    indexed: bool
    prefixed: bool
    names: list[str]


class Tables:
    """Reads tables with a header.

    Attributes:
        taken: see `parsers.format.RowReader`.
    """

    def __init__(self) -> None:
        self.taken = _NO_LINES
        self._axis = Axis()
        self._rows = Rows(self._locate, self._row)
        self._headers = Sieve(_names_a_loss, frozenset(_LOSS_WORDS))
        self._delimiter = b""
        self._indexed = False  # whether a column without a name may come first
        self._prefixed = False  # whether a logger's prefix stands before the header
        self._names: list[str] = []
        self._columns: list[tuple[int, Key]] = []
        self._sums: list[tuple[Key, list[int]]] = []
        self._split = -1

    @property
    def planned(self) -> int | None:
        """Number of steps that the log plans, None where it is not stated."""
        return self._axis.planned

    def read(self, piece: Piece) -> list[Batch]:
        """The records of some lines."""
        self.taken = _NO_LINES
        batches, start = list[Batch](), 0
        named = any(letter in piece.outline for letter in _LETTERS)
        for at in self._headers.lines(piece) if named else ():  # not in rows of numbers
            text = piece.line(at)
            header = _header(text)
            if header is None or (self._names and self._row(text)):
                continue
            batches += self._records(piece.part(start, at))
            self._begin(header)
            start = at + 1
        return batches + self._records(piece.part(start, len(piece)))

    def _records(self, piece: Piece) -> list[Batch]:
        if not self._names or not len(piece):
            return []
        tables = self._rows.read(piece)
        self.taken = np.concatenate([self.taken, self._rows.taken])
        return on_axis(tables, self._axis, "row")

    def flush(self) -> list[Batch]:
        """Nothing: each row is whole."""
        return []

    def state(self) -> dict[str, Any]:
        """What `restore` needs."""
        return {
            "axis": self._axis.state(),
            "delimiter": self._delimiter.decode(),
            "names": self._names,
            "prefixed": self._prefixed,
            "indexed": self._indexed,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Goes on where `state` was taken."""
        self._axis.restore(state["axis"])
        self._delimiter = state["delimiter"].encode()
        self._prefixed = state.get("prefixed", False)
        self._indexed = state.get("indexed", False)
        self._set(state["names"])

    def _begin(self, header: _Header) -> None:
        self._axis.restart()
        known = _Header(self._delimiter, self._indexed, self._prefixed, self._names)
        if header != known:
            self._delimiter, self._indexed = header.delimiter, header.indexed
            self._prefixed = header.prefixed
            self._set(header.names)

    def _set(self, names: list[str]) -> None:
        self._names = names
        self._rows.restart()
        self._columns = [(i, k) for i, name in enumerate(names) if (k := key(name))]
        known = {k.name for _, k in self._columns}
        if names and _index(names[0]) and not known & {"step", "epoch"}:
            self._columns.append((0, _STEP))
        self._sums = [] if known & {"loss", "val_loss"} else _parts(names)
        splits = [i for i, name in enumerate(names) if plain(name) in _SPLITS]
        self._split = splits[0] if splits else -1

    def _row(self, text: bytes) -> Entry | None:
        cells = _cells(text[self._start(text) :], self._delimiter)
        cells = cells[self._is_indexed(cells) :]
        if not self._fit(cells):
            return None
        values = ((meant, _value(cells[i])) for i, meant in self._columns)
        found = [(meant, value) for meant, value in values if value is not None]
        found += [s for parts in self._sums if (s := _sum(cells, *parts))]
        read = entry(found, held_out=self._of_held_out(cells))
        return read if read.values else None

    def _locate(self, text: bytes) -> Fields | None:
        """Where the values of a row stand, if it is a plain one."""
        if self._sums or b'"' in text or b")" in text or b"No log" in text:
            return None
        spans = _spans(text, self._start(text), self._delimiter)
        cells = [text[start:end] for start, end in spans]
        if self._is_indexed(cells):
            spans, cells = spans[1:], cells[1:]
        if not self._fit(cells):
            return None
        found = [
            (k, spans[i]) for i, k in self._columns if number(cells[i]) is not None
        ]
        if all(k.name in {"step", "max_steps"} for k, _ in found):
            return None
        return fields(found, held_out=self._of_held_out(cells))

    def _start(self, text: bytes) -> int:
        """Where the row begins."""
        prefix = _PREFIX.match(text) if self._prefixed else None
        return prefix.end() if prefix else 0

    def _is_indexed(self, cells: Sequence[bytes]) -> bool:
        """Whether pandas printed its index in front."""
        one_more = len(cells) == len(self._names) + 1
        return self._indexed and one_more and cells[0].isdigit()

    def _fit(self, cells: Sequence[bytes]) -> bool:
        """Whether they are those of a row, and no text that has as many commas."""
        return 1 < len(cells) == len(self._names) and all(
            cells[i].lower() in _MISSING or _value(cells[i]) is not None
            for i, meant in self._columns
            if meant.name in _FIRM
        )

    def _of_held_out(self, cells: Sequence[bytes]) -> bool:
        return self._split >= 0 and plain(
            cells[self._split].decode("utf-8", "replace")
        ) in (_HELD_OUT)


_STEP: Final = Key("step", 1.0, 0)
# `No log` is the Hugging Face Trainer's, in notebooks.
_MISSING: Final = {b"", b"no log", b"n/a", b"na", b"none", b"null", b"-", b"--"}
_LOSSES: Final = frozenset(k for k in KEYS.values() if k.name in CURVES)
_COUNTERS: Final = frozenset(k for k in KEYS.values() if k.name in {"step", "epoch"})
_FIRM: Final = CURVES | {"step", "epoch"}
_NOT_A_HEADER: Final = frozenset(bytes([b]) for b in b"0123456789-+.{[") | {b""}


def _may_be_header(text: bytes) -> bool:
    """A quick test: most lines of other logs fail it."""
    return not (text[:1] in _NOT_A_HEADER or b": " in text or b"=" in text)


def _names_a_loss(line: bytes) -> bool:
    """Whether a line may be a header; it treats all digits alike."""
    if b"=" in line:
        return False
    # Searching text is seven times as fast as searching bytes (CPython 3.11).
    lower = line.lower().decode("latin-1")
    if not any(map(lower.__contains__, _LOSS_WORDS)):
        return False
    return _may_be_header(line) or _may_be_header(_behind_prefix(line))


def _header(text: bytes) -> _Header | None:
    """The columns that a line names, if it is a header."""
    if len(text) > _HEADER_BYTES:
        return None
    if _may_be_header(text) and (found := _named(text, prefixed=False)):
        return found
    rest = _behind_prefix(text)
    return _named(rest, prefixed=True) if _may_be_header(rest) else None


def _behind_prefix(text: bytes) -> bytes:
    """What stands behind a logger's prefix; b"" without one."""
    prefix = _PREFIX.match(text)
    return text[prefix.end() :] if prefix else b""


def _named(text: bytes, *, prefixed: bool) -> _Header | None:
    """The columns that a text names between delimiters."""
    shown = text.removeprefix(b"#")
    for delimiter in _DELIMITERS:
        if delimiter not in text:
            continue
        blank = delimiter == b" "
        cells = _named_columns(shown) if blank else _cells(shown, delimiter)
        names = [_name(cell) for cell in cells]
        if is_header(names) and (not blank or _in_columns(shown, names)):
            indexed = blank and text.startswith(b"  ")
            return _Header(delimiter, indexed, prefixed, names)
    return None


def is_header(names: Sequence[str]) -> bool:
    """Whether the cells of a line name the columns of a training curve."""
    if len(names) < 2 or not all(map(_is_name, names)):  # noqa: PLR2004 - a table
        return False
    plains = {plain(name) for name in names}
    known = {k.name for name in names if (k := key(name))}
    known |= {k.name for k, _ in _parts(names)}
    if known.isdisjoint(CURVES) or not plains.isdisjoint(_MONEY):
        return False
    if len(plains) < len(names) - 1:
        return False
    stepped = not known.isdisjoint({"step", "epoch"}) or _index(names[0])
    return stepped or plains.isdisjoint(_RUNS)


def _parts(names: Sequence[str]) -> list[tuple[Key, list[int]]]:
    """Columns whose sum is a loss: `train/box_loss`, `train/cls_loss`; no total."""
    found = [(i, m[1]) for i, name in enumerate(names) if (m := _PART.fullmatch(name))]
    columns = {split: [i for i, s in found if s == split] for split in ("train", "val")}
    sums = ((Key("loss", 1.0, 0), "train"), (Key("val_loss", 1.0, 0), "val"))
    return [(meant, columns[split]) for meant, split in sums if columns[split]]


def _sum(
    cells: Sequence[bytes], meant: Key, columns: Sequence[int]
) -> tuple[Key, float] | None:
    values = [value for i in columns if (value := _value(cells[i])) is not None]
    return (meant, sum(values)) if len(values) == len(columns) else None


def _name(cell: bytes) -> str:
    """A column's name; Weights & Biases exports `run - metric`."""
    return cell.decode("utf-8", "replace").rpartition(" - ")[2]


def _is_name(cell: str) -> bool:
    return len(cell) <= _NAME_CHARS and bool(_NAME.fullmatch(cell))


def _in_columns(text: bytes, names: Sequence[str]) -> bool:
    """Whether words are names of columns, as fastai prints them, and no sentence."""
    known = [key(name) for name in names]
    if known[0] in _COUNTERS and len(_GAP.split(text.strip())) == len(names):
        return True
    curves = sum("_" in n for n, k in zip(names, known, strict=True) if k in _LOSSES)
    return all(known) or (known[0] in _COUNTERS and curves > 1)


def _named_columns(text: bytes) -> list[bytes]:
    """The names of columns between blanks; a name may be of several words itself."""
    if _GAP.search(text.strip()):
        return _GAP.split(text.strip())
    words, names = text.split(), list[bytes]()
    while words:
        sizes = range(min(_NAME_WORDS, len(words)), 1, -1)
        known = (n for n in sizes if key(b" ".join(words[:n]).decode("latin-1")))
        size = next(known, 1)
        names.append(b" ".join(words[:size]))
        words = words[size:]
    return names


def _index(name: str) -> bool:
    """Whether a first column is the index that pandas writes."""
    return plain(name) in {"", "unnamed_0", "index"}


def _cells(text: bytes, delimiter: bytes) -> list[bytes]:
    if delimiter == b" ":
        return text.replace(b"No log", b"-").split()
    if delimiter == b"|":  # `| step | loss |`: no cell stands outside
        text = text.strip().removeprefix(b"|").removesuffix(b"|")
    if b'"' not in text:
        return [cell.strip() for cell in text.split(delimiter)]
    try:
        rows = list(csv.reader([text.decode("latin-1")], delimiter=delimiter.decode()))
    except csv.Error:
        return []
    return [cell.strip().encode("latin-1") for cell in rows[0]] if rows else []


def _spans(text: bytes, start: int, delimiter: bytes) -> list[tuple[int, int]]:
    """Where the cells of a row without quotes stand, as `_cells` gives them."""
    if delimiter == b" ":
        return [found.span() for found in _WORD.finditer(text, start)]
    end = len(text)
    if delimiter == b"|":
        start, end = _stripped(text, start, end)
        start += text.startswith(b"|", start)
        end -= start < end and text.endswith(b"|", start, end)
    spans = []
    while (next_one := text.find(delimiter, start, end)) >= 0:
        spans.append(_stripped(text, start, next_one))
        start = next_one + 1
    return [*spans, _stripped(text, start, end)]


def _stripped(text: bytes, start: int, end: int) -> tuple[int, int]:
    cell = text[start:end]
    start += len(cell) - len(cell.lstrip())
    return start, start + len(cell.strip())


def _value(cell: bytes) -> float | None:
    found = _TENSOR.fullmatch(cell) if cell[-1:] == b")" else None
    return number(found[1] if found else cell)


CSV = Format(
    name="csv",
    units=ANY_LOSS,
    written_by="many programs: a table with a header",
    samples=(
        "step,train_loss,val_loss\n0,4.2970,4.2934",
        "epoch,step,train_loss_step,val_loss\n0,49,7.628,\n9,140739,,3.57",
        "step\tloss\n10\t8.460716",
    ),
    rows=Tables,
    weight=0.9,  # a known program's rows are read by its own format
)
