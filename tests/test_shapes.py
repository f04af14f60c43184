"""Lines that differ in the widths of their numbers give one result, known or not."""

import random
import re

import pytest

from parsers.engine.masks import Mask, Masks
from parsers.format import Format
from parsers.formats import FORMATS
from parsers.hyperparameters.reader import hyperparameters
from parsers.milestones import milestone


LINES = 40
LONGEST = 20


def masks(form: Format) -> Masks:
    return Masks((form,), milestone, hyperparameters)


def other_widths(sample: bytes, chosen: random.Random) -> bytes:
    """The line with other numbers; most have the width of a number that is usual."""

    def digits(_: re.Match[bytes]) -> bytes:
        width = chosen.choice((1, 2, 4, 6, chosen.randint(1, LONGEST)))
        return str(chosen.randrange(10**width)).zfill(width).encode()

    return re.sub(rb"\d+", digits, sample)


def what(mask: Mask) -> object:
    takes = [(take.pattern.name, take.names, take.spans) for take in mask.takes]
    return takes, mask.stated, mask.takers


@pytest.mark.parametrize("form", FORMATS, ids=lambda form: form.name)
def test_line_of_known_shape_is_read_as_if_it_were_first(form: Format) -> None:
    chosen, known = random.Random(form.name), masks(form)
    samples = [s.encode() for sample in form.samples for s in sample.split("\n")]
    for sample in samples:
        for _ in range(LINES):
            line = other_widths(sample, chosen)

            assert what(known.of(line)) == what(masks(form).of(line)), line
