"""Stalled: the log is silent for longer than it ever was.

A log has its own beat: lines of iterations, and now and then an evaluation or a
checkpoint that takes ten to a hundred times as long.  So the wait is learned: 20
medians of the last 200 pauses, and twice the longest of the last 500.  A fixed wait is
either too long for quick logs or wrong at the first evaluation.
"""

from collections.abc import Sequence
from statistics import median
from typing import Final

from watcher.analysis.finding import Finding
from watcher.analysis.rules.settings import Stalled


_RECENT: Final = 200
_LONG_AGO: Final = 500
_MEDIANS: Final = 20.0
_LONGEST: Final = 2.0
# A pause of so many medians is an evaluation, or the like.
_LONG: Final = 5.0
# Two of them, and the third will be no surprise.
_KNOWN: Final = 2


def timeout_s(gaps: Sequence[float], settings: Stalled) -> float:
    """Seconds of silence that are too many, after these pauses between lines.

    `gaps`: seconds between lines that came one after the other, the latest last; few
    or none for a young log, which may still compile or load its data.
    """
    if not gaps:
        return settings.start_s
    usual = median(gaps[-_RECENT:])
    recent = gaps[-_LONG_AGO:]
    longest = max(recent)
    wait = max(settings.least_s, _MEDIANS * usual, _LONGEST * longest)
    known = sum(gap > _LONG * usual for gap in recent) >= _KNOWN
    return wait if known else max(wait, settings.unknown_s)


def stalled(
    gaps: Sequence[float], silent_s: float, step: int, settings: Stalled
) -> Finding | None:
    """The finding that a log is silent, None while its silence is usual.

    `silent_s`: seconds since its last line; `step`: the last step seen.
    """
    wait = timeout_s(gaps, settings)
    if silent_s <= wait:
        return None
    evidence: dict[str, float | int | str | None] = {
        "silent_s": silent_s,
        "timeout_s": wait,
    }
    if gaps:
        evidence["longest_s"] = max(gaps[-_LONG_AGO:])
    return Finding("stalled", "warning", step, since_step=step, evidence=evidence)
