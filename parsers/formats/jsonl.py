"""JSON lines of many programs, and LLaMA-Factory's `trainer_log.jsonl`.

    {"step": 20, "loss": 8.5604, "lr": 2.98e-05, "tokens": 10485760}
    {"epoch": 1, "train_loss": 20.26, "test_loss": 23.73, "n_parameters": 41302368}
    {"step": 100, "train": {"loss": 2.31}, "val": {"loss": 2.54}}
    {"split": "val", "step": 100, "loss": 2.54}
    {"current_steps": 5, "total_steps": 915, "loss": 1.2, "lr": 5e-05, "epoch": 0.08}

Keys mean what `parsers.keyvalue.vocabulary` defines.  Values may be strings, null (no
value) or NaN, which Python writes bare.  A prefix may stand before the object.  Objects
that hold no loss are read only after one that does: a `metrics.jsonl` need not be of a
training.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

import numpy as np

from parsers.batch import Batch
from parsers.engine import stamps
from parsers.engine.numbers import number
from parsers.engine.pieces import Piece
from parsers.format import Fields, Format
from parsers.keyvalue.records import Axis, Entry, entry
from parsers.keyvalue.rows import Rows, fields, on_axis, since_curve
from parsers.keyvalue.vocabulary import Key, depends_on_digits, key, plain
from parsers.metrics import ANY_LOSS


# ms-swift: `"global_step/max_steps": "10/1000"`
SWIFT_STEP: Final = "global_step/max_steps"
# What stands before an object is a time, a level, a name: not prose.
_PREFIX: Final = 160
_DEPTH: Final = 3
_NAME_LONGEST: Final = 200
_SPLITS: Final = frozenset({"split", "phase", "mode", "stage", "type", "kind", "event"})
_HELD_OUT: Final = frozenset(
    {"val", "valid", "validation", "eval", "evaluation", "dev", "test", "heldout"}
)
# Names of what holds metrics, no part of a metric's name.
_HOLDERS: Final = frozenset(
    {"metrics", "data", "logs", "log", "values", "scalars", "stats", "results"}
)
# `{"tag": "train/loss", "step": 10, "value": 2.5}`
_TAGS: Final = ("tag", "name", "metric", "key")
# Of a table of results each record has another.
_RUN_NAMES: Final = ("run_name", "run_id", "run", "experiment", "exp_name", "trial_id")
_TOKEN: Final = re.compile(
    rb'(?P<open>\{)|(?P<close>\})|"(?P<key>[^"]*+)"\s*+:'
    rb'|"(?P<string>[^"]*+)"|(?P<plain>[\w+.-]++)'
)
_ONES: Final = bytes.maketrans(b"0123456789", b"1" * 10)
# Python refuses numbers with zeros at the front.
_ZEROS: Final = re.compile(rb"(?<=[:\s-])0+(?=\d)")
# The mean of a whole run, as the Hugging Face Trainer writes it: no point.
_SUMMARY: Final = frozenset({"train_runtime"})


_NO_LINES: Final = np.empty(0, np.int64)


class JsonLines:
    """Reads one object a line.

    Attributes:
        taken: see `parsers.format.RowReader`.
    """

    def __init__(self, mark: bytes = b"{") -> None:
        self.taken = _NO_LINES
        self._mark = mark
        self._rows = Rows(self._locate, self._parsed)
        self._axis = Axis()
        self._clock = stamps.Clock()
        self._curve = False
        self._run = ""  # of the record before
        self._runs = 0

    @property
    def planned(self) -> int | None:
        """Number of steps that the log plans, None where it is not stated."""
        return self._axis.planned

    def read(self, piece: Piece) -> list[Batch]:
        """The records of some lines."""
        if self._mark not in piece.outline:
            self.taken = _NO_LINES
            return []
        tables = self._rows.read(piece)
        self.taken = self._rows.taken
        if not self._curve:
            tables = since_curve(tables)
            self._curve = bool(tables)
        records = on_axis(tables, self._axis, "object")
        time = self._clock.read([(r.lines, r.steps, r.values) for r in records])
        return [*map(_without_stamp, records), *([time] if len(time) else [])]

    def _locate(self, text: bytes) -> Fields | None:
        return located(text) if self._mark in text else None

    def _parsed(self, text: bytes) -> Entry | None:
        found = parsed(text) if self._mark in text else None
        if found and found.curve:
            self._count_runs(found)
        return found

    def flush(self) -> list[Batch]:
        """Nothing: each line is whole."""
        return []

    def state(self) -> dict[str, Any]:
        """What `restore` needs."""
        return {
            "axis": self._axis.state(),
            "clock": self._clock.state(),
            "curve": self._curve,
            "run": [self._run, self._runs],
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Goes on where `state` was taken."""
        self._axis.restore(state["axis"])
        self._curve = state["curve"]
        if "clock" in state:  # older states have none
            self._clock.restore(state["clock"])
        self._run, self._runs = state.get("run", ["", 0])

    def _count_runs(self, found: Entry) -> None:
        """A record without a step that is of another run than the one before."""
        if found.step is None and self._run and found.run not in {"", self._run}:
            self._runs += 1
            found.values["run_no"] = 1.0 + self._runs
        self._run = found.run or self._run


def parsed(text: bytes) -> Entry | None:
    """What the object in a line states; None without one, or of a whole run."""
    start = _start(text)
    if start is None:
        return None
    whole = text[start : text.rfind(b"}") + 1]
    row = _loaded(whole) or _loaded(_ZEROS.sub(b"", whole))
    return _with_stamp(meaning(row), row) if row else None


def located(text: bytes) -> Fields | None:
    """Where the values in such a line stand.

    None for what `parsed` reads alone: escapes, arrays, tags, names of runs, and keys
    whose meaning depends on digits.
    """
    start = _start(text)
    if start is None or b"\\" in text or b"[" in text:
        return None
    row = _loaded(text[start : text.rfind(b"}") + 1].translate(_ONES))
    if not row or "value" in row or not row.keys().isdisjoint(_RUN_NAMES):
        return None
    pairs = [*_pairs(text, start)]
    names = [path for path, _ in pairs]
    if len(set(names)) < len(names) or any(map(depends_on_digits, names)):
        return None
    known = ((key(path), span) for path, span in pairs)
    found = fields(
        (
            (k, span)
            for k, span in known
            if k and number(text[slice(*span)]) is not None
        ),
        held_out=_is_held_out(row),
    )
    written = next((span for path, span in pairs if path in stamps.KEYS), None)
    return stamps.of_value(text, found, *written) if found and written else found


def _pairs(text: bytes, start: int) -> Iterator[tuple[str, tuple[int, int]]]:
    """The path of each value in a JSON object, and where the value stands."""
    paths, name = [""], ""
    for found in _TOKEN.finditer(text, start):
        if found["open"]:
            is_path = len(paths) > 1 and name not in _HOLDERS
            paths.append(paths[-1] + f"{name}/" * is_path)
        elif found["close"]:
            paths.pop()
            if len(paths) == 1:
                return
        elif found["key"] is not None:
            name = found["key"].decode("utf-8", "replace")
        elif len(paths) <= _DEPTH + 1:
            group = "string" if found["string"] is not None else "plain"
            yield from _placed(paths[-1] + name, text, found.span(group))


def _placed(
    path: str, text: bytes, span: tuple[int, int]
) -> Iterator[tuple[str, tuple[int, int]]]:
    start, end = span
    if path == SWIFT_STEP:  # a string, "10/1000"
        middle = text.find(b"/", start, end)
        if middle >= 0:
            yield "max_steps", (middle + 1, end)
            end = middle
    value = text[start:end]
    start += len(value) - len(value.lstrip())
    yield path, (start, start + len(value.strip()))


def _start(text: bytes) -> int | None:
    """Where an object begins."""
    start = text.find(b"{", 0, _PREFIX)
    if start < 0 or text[start + 1 : start + 3].lstrip()[:1] != b'"':
        return None
    return start


def _loaded(text: bytes) -> dict[str, Any] | None:
    """An object that is no summary of a run."""
    try:
        row = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return row if isinstance(row, dict) and _SUMMARY.isdisjoint(row) else None


def _is_held_out(row: dict[str, Any]) -> bool:
    return any(
        isinstance(row[name], str) and plain(row[name]) in _HELD_OUT
        for name in _SPLITS & row.keys()
    )


def meaning(row: dict[str, Any]) -> Entry:
    """What an object states."""
    found = entry(_known(_tagged(row), "", _DEPTH), held_out=_is_held_out(row))
    names = (row[name] for name in _RUN_NAMES if isinstance(row.get(name), str))
    return replace(found, run=next(names, "")[:_NAME_LONGEST])


def _with_stamp(found: Entry, row: dict[str, Any]) -> Entry:
    """The entry with the time at which it was written."""
    written = next((row[name] for name in row if name in stamps.KEYS), None)
    if written is None or not found.values:
        return found
    text = str(written).encode("utf-8", "replace")
    known = [(name, 0, 0) for name in found.values]
    spans = stamps.of_value(text, known, 0, len(text))[len(known) :]
    values = {name: float(text[start:end]) for name, start, end in spans}
    return replace(found, values=found.values | values)


def _without_stamp(records: Batch) -> Batch:
    values = {n: v for n, v in records.values.items() if n not in stamps.WORDS}
    return replace(records, values=values)


def _tagged(row: dict[str, Any]) -> dict[str, Any]:
    if "value" not in row:
        return row
    tags = [row[tag] for tag in _TAGS if isinstance(row.get(tag), str)]
    return row | {tags[0]: row["value"]} if tags else row


def _known(row: dict[str, Any], path: str, depth: int) -> Iterator[tuple[Key, float]]:
    for name, value in row.items():
        if isinstance(value, dict):
            inner = path if name in _HOLDERS else f"{path}{name}/"
            if depth > 1:
                yield from _known(value, inner, depth - 1)
            continue
        if name == SWIFT_STEP and isinstance(value, str):
            value, _, planned = value.partition("/")  # noqa: PLW2901 - "10/1000"
            yield from _known({"max_steps": planned}, "", 1)
        meant = key(path + name)
        found = _value(value) if meant else None
        if meant and found is not None:
            yield meant, found


def _value(value: Any) -> float | None:
    """A number, also one in a string; None for anything else."""
    if isinstance(value, str):
        return number(value.strip().encode("utf-8", "replace"))
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value)
    except OverflowError:
        return None


LLAMA_FACTORY = Format(
    name="llama_factory",
    written_by="LLaMA-Factory trainer_log.jsonl",
    samples=(
        '{"current_steps": 10, "total_steps": 96, "loss": 3.1538, "epoch": 0.32}',
        '{"current_steps": 70, "total_steps": 96, "loss": null, "eval_loss": 1.108}',
    ),
    rows=lambda: JsonLines(b'"current_steps"'),
)

JSONL = Format(
    name="jsonl",
    units=ANY_LOSS,
    written_by="many programs: one JSON object a line",
    samples=(
        '{"step": 20, "loss": 8.560446, "lr": 2.98e-05, "tokens": 10485760}',
        '{"epoch": 1, "train_loss": 20.2649, "test_loss": 23.7314}',
        '{"step": 100, "train": {"loss": 2.31}, "val": {"loss": "2.54"}}',
        '{"split": "val", "step": 100, "loss": 2.54}',
    ),
    rows=JsonLines,
    weight=0.9,  # a known program's objects are read by its own format
)
