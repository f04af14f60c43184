"""Line patterns that are a head and then keys with numbers, in whatever order.

Trainers add and drop fields from version to version; such a pattern takes those it
knows wherever they stand.
"""

import re
from collections.abc import Mapping
from functools import cache
from typing import Final

from parsers.format import WORDS, Fields, LinePattern, StepFrom
from parsers.patterns import COUNT, NUMBER


# A number with or without thousands commas.
AMOUNT: Final = rb"(?:\d{1,3}(?:,\d{3}){1,9}+(?!\d)(?:\.\d+)?|" + NUMBER + rb")"
# It is over: neither a unit nor another digit follows.
END: Final = rb"(?!\w|\.\d)"
# `key: 1.5`, `key=1.5`, `key:1.5`
PAIR: Final = (
    rb"(?<![\w/])(?P<key>[A-Za-z][\w/-]*)[:=] *(?P<value>" + AMOUNT + rb")" + END
)
_COUNT: Final = re.compile(COUNT)
# Compiled when the first line comes: of all the formats a log meets few.
_compiled: Final = cache(re.compile)
_DIGITS: Final = bytes.maketrans(b"123456789", b"000000000")


def pairs(
    name: str,
    head: bytes,
    keys: Mapping[bytes, str],
    *,
    pair: bytes = PAIR,
    must: tuple[str, ...] = ("loss",),
    needs: tuple[bytes, ...] = (),
    step: StepFrom = "line",
    scale: Mapping[str, float] | None = None,
    once: bool = False,
    epoch_base: int = 1,
    hit: bool = True,
) -> LinePattern:
    """A pattern for lines where `head` matches, with a `pair` for each field.

    `keys` maps a field's key, each digit of which is written `0`, to a metric or word;
    of two keys for one metric the one that stands first in the line counts.  Every
    name in `must` has to be there.
    """

    def locate(text: bytes) -> Fields | None:
        found = re.search(head, text)  # compiled when first needed, as in `line`
        if found is None:
            return None
        spans = {
            group: found.span(group)
            for group in found.re.groupindex
            if found.start(group) >= 0
        }
        for part in re.finditer(pair, text):
            metric = keys.get(part["key"].translate(_DIGITS))
            if metric and (metric not in WORDS or _COUNT.fullmatch(part["value"])):
                spans.setdefault(metric, part.span("value"))
        if not all(metric in spans for metric in must):
            return None
        return [(metric, *span) for metric, span in spans.items()]

    return LinePattern(
        name,
        locate,
        regex=head,
        needs=needs,
        step=step,
        scale=scale or {},
        once=once,
        epoch_base=epoch_base,
        hit=hit,
    )
