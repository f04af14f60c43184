"""Pieces of patterns that line patterns share."""

from typing import Final


# Digits are possessive: what follows a number is tried behind its last one only.
NUMBER: Final = (
    rb"(?:[-+]?(?:\d++(?:\.\d*+)?|\.\d++)(?:[eE][-+]?\d++)?"
    rb"|[-+]?(?:nan|NaN|inf|Infinity))"
)
# More digits are no step: every step fits int64, and float64 exactly.
COUNT: Final = rb"\d{1,15}+"
# `14,336`
GROUPED: Final = rb"\d[\d,]*+(?:\.\d++)?"

# Where a line's first word begins; keys pressed at a terminal stand before it as text:
# `^[[A^[[Astep 6`.
START: Final = rb"(?:\b|(?<=\^\[\[[A-D]))"

# Where a line begins: after what a logger, a launcher or a terminal puts in front.
# Prose may hold the same words in its middle.
HEAD: Final = rb"^(?:.*?(?:\]:?|[)>|-]|\d:?(?=\s)|[A-Z]:|:[\w.]+:|\^\[\[[A-D]))??\s*"


def named(name: str, pattern: bytes = NUMBER) -> bytes:
    """A group that reads a metric, by default a number."""
    return b"(?P<" + name.encode() + b">" + pattern + b")"


def later(pattern: bytes) -> bytes:
    """What may follow later in the line.

    So many bytes are enough for a record; on glued ones no search runs long.
    """
    return b"(?:.{0,999}?" + pattern + b")?"


STEP: Final = named("step", COUNT)
MAX_STEPS: Final = named("max_steps", COUNT)
