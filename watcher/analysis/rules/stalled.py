"""Stalled: the log is silent for longer than it ever was.

The interval between lines differs from log to log, and an evaluation or a checkpoint
takes ten to a hundred times as long.  So the timeout is learned: 20 medians of the last
200 pauses, and twice the longest of the last 500.  A fixed timeout is either too long
for quick logs or wrong at the first evaluation.
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
# Long pauses after which the timeout needs no minimum for unknown ones.
_KNOWN: Final = 2


def timeout_s(gaps: Sequence[float], settings: Stalled) -> float:
    """Seconds of silence after which a log is stalled, given the pauses before.

    `gaps`: seconds between lines that came one after the other, the latest last; few
    or none for a young log, which may still compile or load its data.
    """
    if not gaps:
        return settings.start_s
    usual = median(gaps[-_RECENT:])
    recent = gaps[-_LONG_AGO:]
    longest = max(recent)
    timeout = max(settings.least_s, _MEDIANS * usual, _LONGEST * longest)
    known = sum(gap > _LONG * usual for gap in recent) >= _KNOWN
    return timeout if known else max(timeout, settings.unknown_s)


def stalled(
    gaps: Sequence[float], silent_s: float, step: int, settings: Stalled
) -> Finding | None:
    """The finding that a log is silent, None while its silence is usual.

    `silent_s`: seconds since its last line; `step`: the last step seen.
    """
    timeout = timeout_s(gaps, settings)
    if silent_s <= timeout:
        return None
    evidence: dict[str, float | int | str | None] = {
        "silent_s": silent_s,
        "timeout_s": timeout,
    }
    if gaps:
        evidence["longest_s"] = max(gaps[-_LONG_AGO:])
    return Finding("stalled", "warning", step, since_step=step, evidence=evidence)
