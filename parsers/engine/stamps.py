"""Times of day that a logging library writes before a line.

2025-08-23 06:20:07,600 - fit - INFO - Step 1505 | Loss: 0.5218
[06:20:07] step 1505 loss 0.5218
"""

import re
from collections.abc import Mapping
from typing import Final

import numpy as np

from parsers.batch import Floats
from parsers.format import Fields


_STAMP: Final = re.compile(
    rb"^\W{0,4}(?:[A-Za-z]{1,8}\W{1,3})?"
    rb"(?:\d{4}[-/.]\d\d[-/.]\d\d[T ,_]{1,2}|\d\d?[-/]\d\d[-/]\d{2,4}[ ,]{1,2}"
    rb"|[A-Z][a-z]{2} {1,2}\d\d? )?"
    rb"(?P<clock_h>\d\d):(?P<clock_min>\d\d):(?P<clock_sec>\d\d(?:\.\d{1,9})?)"
    rb"(?:,(?P<clock_ms>\d{3}))?(?![\d:])"
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


def stamped(text: bytes, found: Fields) -> Fields:
    """The fields of a line, with those of the time before it where it has no other."""
    if any(field[0].startswith(_TIMES) for field in found):
        return found
    stamp = _STAMP.match(text)
    if stamp is None:
        return found
    spans = [(name, *stamp.span(name)) for name in WORDS if stamp.start(name) >= 0]
    return [*found, *spans]


def clock_s(columns: Mapping[str, Floats]) -> Floats | None:
    """Seconds of the day of each record, None where lines state none."""
    if "clock_h" not in columns:
        return None
    parts = (columns[n] * size for n, size in _SECONDS.items() if n in columns)
    total: Floats = np.sum([*parts], axis=0)
    return total
