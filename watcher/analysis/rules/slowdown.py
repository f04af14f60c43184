"""Iterations take longer than before."""

import math
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from parsers.batch import Floats, Ints
from watcher.analysis.finding import Finding
from watcher.analysis.model import Curve, Measured
from watcher.analysis.rules.pauses import Pauses
from watcher.analysis.rules.settings import Slowdown
from watcher.analysis.rules.state import folded
from watcher.analysis.tail import Tail


_RECENT: Final = 20
_BEFORE: Final = 200
# The middle of the 20 of a window.
_MIDDLE: Final = _BEFORE + _RECENT // 2
_COMPILE_LINES: Final = 5
_MIN_MS: Final = 1.0
# A clean level: all but a tenth of the times within five percent of the median.
_CLEAN: Final = 0.05
_OUTLIERS: Final = 0.1
# Where stages are usual: at these parts of the planned steps, and in these formats.
_STAGES: Final = (1 / 4, 1 / 3, 1 / 2, 2 / 3, 3 / 4)
_NEAR_STAGE: Final = 0.01
_STAGED_FORMATS: Final = frozenset({"modded_nanogpt"})
# Share of the 200 that the median of the 20 exceeds, unless it is noise.
_BEATEN: Final = 0.9
# Share of the median that most of any 200 in the neighbourhood exceed.
_USUAL: Final = 0.9
_BLOCK: Final = 1 << 12
_CHUNK: Final = 1 << 10


class SlowdownState:
    """Iterations take lastingly longer: medians, so that pauses do not count.

    The median of the last 20 exceeds that of the 200 before by the factor, and nine in
    ten of the 200 (so that noise is none), for so many lines in a row; it is over when
    half of that excess is gone.  A log without times is judged by its MFU or its
    throughput, upside down.  Times below a millisecond are not judged: they jump for
    no reason.

    Many runs lengthen their sequences or enlarge their batches by plan.  It is info
    where such stages are usual: in records of modded-nanogpt, and, of a clean step
    without noise on either side, at a half, a third or a quarter of the planned steps.
    """

    def __init__(self, settings: Slowdown) -> None:
        self._settings = settings
        self._pauses = Pauses()
        self._tail = Tail(_RECENT + _BEFORE - 1)
        self._skipped = 0  # of the first lines, which hold a compilation
        self._name, self._unit = "ms", ""
        self._found: list[Finding] = []
        self._firing: tuple[Finding, float] | None = None  # with its limit
        self._free = 0  # from where on no slowdown lasts
        self._row: _Row | None = None  # of slow windows, at the end

    def update(self, new: Measured) -> None:
        """Takes in new records."""
        pace = _pace(new)
        if pace is None:
            return
        curve, self._name, values = pace
        self._unit = curve.unit
        steps = curve.steps
        if self._name == "ms":
            steps, values = self._pauses.without(new, curve)
        good = np.isfinite(values)
        steps, values = steps[good], values[good]
        skipped = min(_COMPILE_LINES - self._skipped, len(values))
        self._skipped += skipped
        if len(values) > skipped:
            self._tail.extend(steps[skipped:], values[skipped:])
            self._judge(len(values) - skipped)
            self._tail.trim()

    def findings(self, run: Measured) -> list[Finding]:
        """Every slowdown, in the order of the log."""
        firing = [self._with_last(self._firing[0])] if self._firing else []
        return [_planned(run, finding) for finding in [*self._found, *firing]]

    def _judge(self, new: int) -> None:
        """Judges the windows that end at new values."""
        pace, first = self._tail.values, self._tail.first
        if len(pace) < _RECENT + _BEFORE:
            return
        begin = max(0, len(pace) - new - _RECENT - _BEFORE + 1)
        slow = _slow(pace[begin:], self._settings.factor)
        self._resolve(begin)
        turns = np.flatnonzero(np.diff(slow, prepend=np.False_, append=np.False_))
        row = self._row if slow[0] else None
        self._row = None
        for start, end in (turns.reshape(-1, 2) + begin).tolist():
            row = row or _Row(first + start, int(self._tail.steps[start + _MIDDLE]))
            if not row.fired and self._firing is None:
                self._fire(row, end)
            self._row = row if end == begin + len(slow) else None
            row = None

    def _fire(self, row: "_Row", end: int) -> None:
        """Fires where a row of slow windows, up to `end`, is long enough."""
        pace = self._tail.values
        at = max(row.start, self._free) + self._settings.lines - 1 - self._tail.first
        if at >= end:
            return
        row.fired = True
        before = float(np.median(pace[at : at + _BEFORE]))
        if self._name == "ms" and before < _MIN_MS:
            return
        now = float(np.median(pace[at + _BEFORE : at + _BEFORE + _RECENT]))
        clean = _is_clean(pace[at : at + _BEFORE]) and _is_clean(
            pace[at + _BEFORE + 2 : at + _BEFORE + _RECENT]
        )
        numbers = {"now": now, "before": before}
        finding = Finding(
            "slowdown",
            "warning",
            int(self._tail.steps[at + _BEFORE + _RECENT - 1]),
            since_step=row.since_step,
            evidence={**numbers, **({"clean": "yes"} if clean else {})},
        )
        self._firing = finding, (1 + self._settings.factor) / 2 * before
        self._resolve(at)

    def _resolve(self, start: int) -> None:
        """Resolves at the first window from `start` on that is fast enough."""
        if self._firing is None:
            return
        finding, limit = self._firing
        over = _first_below(self._tail.values, start, limit)
        if over is None:
            return
        last = over + _BEFORE + _RECENT - 1
        finding = self._with_last(finding, last)
        cleared = int(self._tail.steps[last])
        self._found.append(replace(finding, cleared_step=cleared))
        self._free, self._firing = over + self._tail.first, None

    def _with_last(self, finding: Finding, last: int | None = None) -> Finding:
        """The finding with the numbers before a value, those of the end by default."""
        pace, name = self._tail.values, self._name
        last = len(pace) if last is None else last
        now, before = (float(finding.evidence[k] or 0) for k in ("now", "before"))
        now = max(now, float(np.median(pace[last - _RECENT : last])))
        numbers = (now, before) if name == "ms" else (1 / now, 1 / before)
        evidence: dict[str, float | int | str | None] = {
            f"now_{name}": numbers[0],
            f"before_{name}": numbers[1],
            **({"unit": self._unit} if name == "rate" else {}),
            **({"clean": "yes"} if "clean" in finding.evidence else {}),
        }
        return replace(finding, evidence=evidence)


def slowdown(run: Measured, settings: Slowdown) -> list[Finding]:
    """The slowdowns of a whole run."""
    return folded(SlowdownState(settings), run)


@dataclass(slots=True)
class _Row:
    """Slow windows in a row: their first, its step, and whether it has fired."""

    start: int
    since_step: int
    fired: bool = False


def _planned(run: Measured, finding: Finding) -> Finding:
    """The finding as info, if the step looks like a planned stage."""
    planned, since = run.info.get("max_iters"), finding.since_step or 0
    share = since / planned if isinstance(planned, int) and planned > 0 else math.nan
    staged = any(abs(share - stage) < _NEAR_STAGE for stage in _STAGES)
    clean = bool(finding.evidence.get("clean"))
    if (staged and clean) or run.format in _STAGED_FORMATS:
        evidence = {**finding.evidence, "outcome": "stage"}
        return replace(finding, severity="info", evidence=evidence)
    return finding


def _pace(run: Measured) -> tuple[Curve, str, Floats] | None:
    """A curve, its name in evidence, and what grows as its run slows down."""
    if run.time is not None:
        return run.time, "ms", run.time.values
    sources = ((run.mfu, "mfu"), (run.throughput, "rate"))
    for curve, name in sources:
        if curve is not None:
            positive = np.where(curve.values > 0, curve.values, np.nan)
            return curve, name, 1 / positive
    return None


def _is_clean(pace: Floats) -> bool:
    """Whether nearly all times are within a few percent of their median."""
    middle = float(np.median(pace))
    return bool(np.mean(np.abs(pace - middle) > _CLEAN * middle) <= _OUTLIERS)


def _slow(pace: Floats, factor: float) -> NDArray[np.bool_]:
    """Whether the 20 that end at each value are slower than the 200 before those."""
    slow = np.zeros(len(pace) - _RECENT - _BEFORE + 1, dtype=bool)
    # Block by block: what is usual is that of the neighbourhood.
    for start in range(0, len(slow), _BLOCK):
        part = slow[start : start + _BLOCK]
        block = pace[start : start + len(part) + _RECENT + _BEFORE - 1]
        suspects = _suspects(block, factor)
        for at in range(0, len(suspects), _CHUNK):
            some = suspects[at : at + _CHUNK]
            part[some] = _exactly(block, some, factor)
    return slow


def _suspects(pace: Floats, factor: float) -> Ints:
    """Where counting alone does not rule out that it is slow.

    Where fewer than half of the 20 exceed the factor times some pace, and at most half
    of the 200 are below that pace, the medians do not differ by the factor.
    """
    usual = _USUAL * np.partition(pace, len(pace) // 2)[len(pace) // 2]
    high = _count(pace > factor * usual, _RECENT)[_BEFORE:]
    low = _count(pace < usual, _BEFORE)[: len(high)]
    return np.flatnonzero((high >= _RECENT // 2) | (low >= _BEFORE // 2))


def _count(marks: NDArray[np.bool_], width: int) -> Ints:
    """How many of every `width` in a row are marked."""
    total = np.concatenate([[0], np.cumsum(marks)])
    return np.asarray(total[width:] - total[:-width])


def _exactly(pace: Floats, some: Ints, factor: float) -> NDArray[np.bool_]:
    """The rule itself, at some places; medians of 200 are compared by counting."""
    windows = np.lib.stride_tricks.sliding_window_view(pace, _BEFORE)[some]
    latest = np.lib.stride_tricks.sliding_window_view(pace, _RECENT)[some + _BEFORE]
    recent = np.median(latest, axis=1)
    limit = (recent / factor)[:, None]
    below = np.count_nonzero(windows < limit, axis=1)
    slow = below > _BEFORE // 2
    even = np.flatnonzero(below == _BEFORE // 2)
    slow[even] = np.median(windows[even], axis=1) < limit[even, 0]
    # What a good part of the 200 reached as well is noise.
    beaten = np.count_nonzero(windows < recent[:, None], axis=1)
    return np.asarray(slow & (beaten >= _BEATEN * _BEFORE))


def _first_below(pace: Floats, start: int, limit: float) -> int | None:
    """First place from `start` on where the median of the last 20 is below a limit."""
    size = _BEFORE
    while start + _BEFORE + _RECENT <= len(pace):
        part = pace[start + _BEFORE : start + _BEFORE + _RECENT + size]
        below = _count(part < limit, _RECENT)
        for i in np.flatnonzero(below >= _RECENT // 2).tolist():
            if float(np.median(part[i : i + _RECENT])) < limit:
                return int(start + i)
        start, size = start + len(below), 2 * size
    return None
