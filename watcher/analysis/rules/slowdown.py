"""Iterations take longer than before."""

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from parsers.batch import Floats, Ints
from watcher.analysis.finding import Finding
from watcher.analysis.model import Curve, Measured
from watcher.analysis.rules.settings import Slowdown


_RECENT: Final = 20
_BEFORE: Final = 200
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


def slowdown(run: Measured, settings: Slowdown) -> list[Finding]:
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
    pace = _pace(run)
    if pace is None:
        return []
    curve, name, values = pace
    good = np.flatnonzero(np.isfinite(values) & ~_pauses(run, len(values)))
    good = good[_COMPILE_LINES:]
    if len(good) < _RECENT + _BEFORE:
        return []
    if name == "ms" and float(np.median(values[good])) < _MIN_MS:
        return []
    found = _slowdowns(curve, name, good, values, settings)
    return [_planned(run, finding) for finding in found]


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


def _slowdowns(
    curve: Curve, name: str, good: Ints, values: Floats, settings: Slowdown
) -> Iterator[Finding]:
    pace = values[good]
    slow = _slow(pace, settings.factor)
    runs = np.flatnonzero(np.diff(slow, prepend=np.False_, append=np.False_))
    step = curve.steps[good[_RECENT + _BEFORE - 1 :]]
    free = 0  # from where on no slowdown lasts
    for start, end in zip(runs[::2].tolist(), runs[1::2].tolist(), strict=True):
        fired = max(start, free) + settings.lines - 1
        if fired >= end:
            continue
        before = float(np.median(pace[fired : fired + _BEFORE]))
        now = float(np.median(pace[fired + _BEFORE : fired + _BEFORE + _RECENT]))
        over = _first_below(pace, fired, (1 + settings.factor) / 2 * before)
        last = len(pace) if over is None else over + _BEFORE + _RECENT - 1
        clean = _is_clean(pace[fired : fired + _BEFORE]) and _is_clean(
            pace[fired + _BEFORE + 2 : fired + _BEFORE + _RECENT]
        )
        now = max(now, float(np.median(pace[last - _RECENT : last])))
        numbers = (now, before) if name == "ms" else (1 / now, 1 / before)
        yield Finding(
            "slowdown",
            "warning",
            int(step[fired]),
            since_step=int(curve.steps[good[start + _BEFORE + _RECENT // 2]]),
            evidence={
                f"now_{name}": numbers[0],
                f"before_{name}": numbers[1],
                **({"unit": curve.unit} if name == "rate" else {}),
                **({"clean": "yes"} if clean else {}),
            },
            cleared_step=None if over is None else int(step[over]),
        )
        if over is None:
            return
        free = over


def _is_clean(pace: Floats) -> bool:
    """Whether nearly all times are within a few percent of their median."""
    middle = float(np.median(pace))
    return bool(np.mean(np.abs(pace - middle) > _CLEAN * middle) <= _OUTLIERS)


def _pauses(run: Measured, n: int) -> NDArray[np.bool_]:
    # Only what an event explains is a pause; a lasting slow stretch is not.
    pause = run.pause
    if pause is None or run.time is None:
        return np.zeros(n, dtype=bool)
    # The first slow iteration in a row, so that what follows need not be known.
    before = np.concatenate([[False], pause[:-1]])
    return np.asarray(pause & ~before, dtype=bool)


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
