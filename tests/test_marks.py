"""Lines for programs in the output of a training: logged, and not shown."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watcher.launch.marks import WithoutMarks


MARK = b'gptwatch: {"event": "eval"}\n'


def shown(*pieces: bytes) -> bytes:
    """What of the output a person sees."""
    marks = WithoutMarks()
    return b"".join([*map(marks.feed, pieces), marks.flush()])


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        (b"iter 1: loss 2\n" + MARK + b"iter 2\n", b"iter 1: loss 2\niter 2\n"),
        (MARK.replace(b"\n", b"\r\n") + b"a\n", b"a\n"),
        (MARK[:-1], b""),
        (b"gptwatch: it works\n", b"gptwatch: it works\n"),
        (b"see gptwatch: {x}\n", b"see gptwatch: {x}\n"),
        (b"gptw", b"gptw"),
        (b"50%\r60%\r" + MARK, b"50%\r60%\r"),
    ],
    ids=["between", "terminal", "at the end", "text", "inside", "unfinished", "bar"],
)
def test_lines_for_programs_are_not_shown(output: bytes, expected: bytes) -> None:
    """Only whole lines that begin with the mark."""
    assert expected == shown(output)


LINES = st.lists(
    st.sampled_from(
        [b"a\n", MARK, MARK[:-1] + b"\r\n", b"gptwatch\n", b"50%\r", b"b\r\n"]
    )
)


@given(LINES, st.lists(st.integers(0, 200)))
def test_pieces_make_no_difference(lines: list[bytes], cuts: list[int]) -> None:
    """However the output is cut, what is seen is the same."""
    output = b"".join(lines)
    places = sorted({0, *(cut for cut in cuts if cut < len(output)), len(output)})
    pieces = [output[a:b] for a, b in pairwise(places)]

    assert b"".join(line for line in lines if not line.startswith(MARK[:11])) == shown(
        *pieces
    )
