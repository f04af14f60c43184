"""Steps and epochs on lines of their own, which the following lines belong to."""

import re
from typing import Final

from parsers.format import Fields
from parsers.patterns import MAX_STEPS, STEP


_HEAD: Final = re.compile(
    rb"(?i)\b(?:epoch|step|iter|iteration)[ :#=\[(]*"
    + STEP
    + rb"(?:\s*(?:/|of)\s*"
    + MAX_STEPS
    + rb")?[\W_]*"
    rb"(?:(?:summary|results?|metrics|stats|completed?|finished|done)\b[\W_]*"
    rb"|(?:(?:epoch|elapsed) )?(?:time|took)\b[ :=]*[\d.:hmsecin ]+[\W_]*)?$"
)
_HEAD_LONGEST: Final = 96
_PLAIN: Final = re.compile(rb"(?:.*[\]|:>-]\s)?[\W_]*")
# A setting in a section of a YAML file.
_SETTING: Final = re.compile(rb"^[ \t]++\w{1,24}: \d++\s*+$")


def alone(text: bytes) -> Fields | None:
    """A step that nothing follows, behind a time and the like."""
    found = _HEAD.search(text) if len(text) <= _HEAD_LONGEST else None
    if found is None or not _PLAIN.fullmatch(text, 0, found.start()):
        return None
    if _SETTING.fullmatch(text):
        return None
    groups = [g for g in ("step", "max_steps") if found.start(g) >= 0]
    return [(group, *found.span(group)) for group in groups]


def step_alone(text: bytes) -> Fields | None:
    """The same, if it is no epoch."""
    return None if b"poch" in text.lower() else alone(text)


def epoch_alone(text: bytes) -> Fields | None:
    """The epoch of the steps that follow."""
    span = {g: (b, e) for g, b, e in epoch_as_step(text) or ()}.get("step")
    return [("epoch", *span), ("epoch_no", *span)] if span else None


def epoch_as_step(text: bytes) -> Fields | None:
    """The epoch of the lines that follow, where it is their step."""
    return alone(text) if b"poch" in text.lower() else None
