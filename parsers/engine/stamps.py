"""Times at which lines were written: before a line, or under a key of a record.

2025-08-23 06:20:07,600 - fit - INFO - Step 1505 | Loss: 0.5218
[06:20:07] step 1505 loss 0.5218
{"step": 1505, "loss": 0.5218, "timestamp": "2025-08-23T06:20:07.600Z"}
{"step": 1505, "loss": 0.5218, "ts": 1755930007.6}
"""

import re
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from parsers.batch import Batch, Floats, Ints
from parsers.format import Fields


_STAMP: Final = re.compile(
    rb"^\W{0,4}(?:[A-Za-z]{1,8}\W{1,3})?"
    rb"(?:\d{4}[-/.]\d\d[-/.]\d\d[T ,_]{1,2}|\d\d?[-/]\d\d[-/]\d{2,4}[ ,]{1,2}"
    rb"|[A-Z][a-z]{2} {1,2}\d\d? )?"
    rb"(?P<clock_h>\d\d):(?P<clock_min>\d\d):(?P<clock_sec>\d\d(?:\.\d{1,9})?)"
    rb"(?:,(?P<clock_ms>\d{3}))?(?![\d:])"
)
# Seconds and milliseconds since 1970, from 2001 to 2286.
_SINCE_1970: Final = re.compile(
    rb"(?P<clock_sec>[1-9]\d{9}(?:\.\d{1,9})?)$|(?P<clock_ms>[1-9]\d{12}(?:\.\d{1,9})?)$"
)
KEYS: Final = frozenset(
    {
        *("timestamp", "ts", "time", "datetime", "date", "created_at"),
        *("_timestamp", "@timestamp", "asctime"),
    }
)
# A log that states its times needs no clock.
_TIMES: Final = ("iter_ms", "train_time_ms", "iters_per_s")
_SECONDS: Final[Mapping[str, float]] = {
    "clock_h": 3600.0,
    "clock_min": 60.0,
    "clock_sec": 1.0,
    "clock_ms": 0.001,
}
WORDS: Final = tuple(_SECONDS)
_NAME: Final = "time of day"
# So many seconds between two times that are given: stamps of whole seconds, and of ms.
_WHOLE_S: Final = 10.0
_EXACT_S: Final = 1.0
_DAY_S: Final = 86_400.0
_PAUSE_S: Final = 6 * 3600.0


def stamped(text: bytes, found: Fields) -> Fields:
    """The fields of a line, with those of the time before it where it has no other."""
    if any(field[0].startswith(_TIMES) for field in found):
        return found
    return [*found, *_spans(_STAMP.match(text))]


def of_value(text: bytes, found: Fields, start: int, end: int) -> Fields:
    """The fields of a record, with those of a value that is the time it was written."""
    if any(field[0].startswith(_TIMES) for field in found):
        return found
    value = text[start:end]
    spans = _spans(_SINCE_1970.match(value) or _STAMP.match(value))
    return [*found, *((name, start + i, start + j) for name, i, j in spans)]


def _spans(stamp: "re.Match[bytes] | None") -> Fields:
    if stamp is None:
        return []
    groups = stamp.re.groupindex
    return [(name, *stamp.span(name)) for name in groups if stamp.start(name) >= 0]


class Clock:
    """Training time, from the times of day of the records that state a step.

    A step back is a restart, and a pause of hours is none of training: neither counts.
    Stamps are rounded, so that a time is given when enough has passed since the last.
    """

    def __init__(self) -> None:
        self._day_s: float | None = None  # of the record before
        self._step = 0
        self._total_s = 0.0
        self._given_s = 0.0

    def state(self) -> list[float | None]:
        """What `restore` needs, of plain JSON types."""
        return [self._day_s, self._step, self._total_s, self._given_s]

    def restore(self, state: Sequence[float | None]) -> None:
        """Goes on where `state` was taken."""
        self._day_s = state[0]
        step, self._total_s, self._given_s = (value or 0.0 for value in state[1:])
        self._step = int(step)

    def read(self, records: Sequence[tuple[Ints, Ints, Mapping[str, Floats]]]) -> Batch:
        """Training time at some of the records: their lines, steps and columns."""
        stamped = [
            r for r in records if len(r[0]) and not r[2].keys().isdisjoint(WORDS)
        ]
        if not stamped:
            return Batch(_NAME, np.empty(0, np.int64), np.empty(0, np.int64), {})
        lines, steps = (np.concatenate([r[k] for r in stamped]) for k in (0, 1))
        days = np.concatenate([_day_s(r[2]) for r in stamped])
        least = np.repeat(
            [_EXACT_S if "clock_ms" in r[2] else _WHOLE_S for r in stamped],
            [len(r[0]) for r in stamped],
        )
        order = lines.argsort(kind="stable")
        total = self._elapsed(days[order], steps[order])
        at = self._enough(total, least[order])
        time = {"train_time_ms": np.round(total[at] * 1000.0)}
        return Batch(_NAME, lines[order][at], steps[order][at], time)

    def _elapsed(self, days: Floats, steps: Ints) -> Floats:
        """Seconds of training until each record."""
        before = days[0] if self._day_s is None else self._day_s
        passed = np.diff(days, prepend=before)
        passed[passed < -_DAY_S / 2] += _DAY_S  # midnight
        on = np.diff(steps, prepend=self._step) > 0
        counts = on & (passed > 0) & (passed < _PAUSE_S)
        # One after the other: sums are the same wherever the log was cut.
        steady = np.where(counts, passed, 0.0)
        total = np.cumsum(np.append(self._total_s, steady))[1:]
        self._day_s, self._step = float(days[-1]), int(steps[-1])
        self._total_s = float(total[-1])
        return np.asarray(total)

    def _enough(self, total: Floats, least: Floats) -> list[int]:
        """The first record from each time given to the next, so many seconds later."""
        before = np.append(self._given_s, total[:-1])
        if len(total) and (total - least >= before).all():
            self._given_s = float(total[-1])
            return list(range(len(total)))
        # The first of these is the first of all, also where `least` varies.
        due = np.maximum.accumulate(total - least).tolist()
        times, found = total.tolist(), list[int]()
        at = bisect_left(due, self._given_s)
        while at < len(times):
            found.append(at)
            self._given_s = times[at]
            at = bisect_left(due, self._given_s, at)
        return found


def _day_s(columns: Mapping[str, Floats]) -> Floats:
    """Seconds of the day."""
    parts = (columns[n] * size for n, size in _SECONDS.items() if n in columns)
    total: Floats = np.sum([*parts], axis=0)
    return total
