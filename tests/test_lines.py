"""Lines come out whole and clean, however the bytes are cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parsers.engine.lines import MAX_LINE, Lines


def lines_of(*chunks: bytes) -> list[bytes]:
    lines = Lines()
    data = b"".join([*(lines.feed(chunk) for chunk in chunks), lines.flush()])
    return data.split(b"\n")


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        pytest.param(b"a\nb\n", [b"a", b"b", b""], id="plain"),
        pytest.param(b"a\r\nb", [b"a", b"b"], id="windows"),
        pytest.param(b" 1%\r 2%\r", [b" 1%", b" 2%", b""], id="progress bar"),
        pytest.param(b"ab\b\b\bcd\n", [b"ab", b"cd", b""], id="backspaces"),
        pytest.param(b"\x1b[31mred\x1b[0m\x1b[A\n", [b"red", b""], id="colours"),
        pytest.param(b"\x1b]0;title\x07x\n", [b"x", b""], id="window title"),
        pytest.param(b"\0\0\0a\n", [b"a", b""], id="hole"),
        pytest.param(b"\xef\xbb\xbfa\n", [b"a", b""], id="mark of UTF-8"),
        pytest.param("\ufeffaé\r\n".encode("utf-16-le"), [b"a\xc3\xa9", b""], id="16"),
        pytest.param("\ufeffa\n".encode("utf-16-be"), [b"a", b""], id="16 big"),
        pytest.param(b"", [b""], id="empty"),
    ],
)
def test_cleans(data: bytes, expected: list[bytes]) -> None:
    """What terminals and shells add to a log is taken away."""
    assert expected == lines_of(data)


@given(
    st.lists(
        st.sampled_from(
            [b"a", b"1", b"\n", b"\r", b"\b", b"\0", b"\x1b[0m", b"\xff\xfe", b"\xc3"]
        ),
        max_size=40,
    ),
    st.data(),
)
def test_any_chunking_gives_the_same(pieces: list[bytes], data: st.DataObject) -> None:
    """Where the chunks end does not matter, in two sittings either."""
    whole = b"".join(pieces)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=6)))
    lines, out = Lines(), b""
    for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True):
        out += lines.feed(whole[start:end])
        lines = Lines.restore(lines.state())
    out += lines.flush()

    assert lines_of(whole) == out.split(b"\n")


@pytest.mark.parametrize("size", [1000, 1 << 19, 3 << 20])
def test_drops_a_line_without_end(size: int) -> None:
    """A line longer than any log line is counted and skipped, its neighbours stay."""
    data = b"before\n" + b"x" * (MAX_LINE + 1) + b"\nafter\n"
    lines = Lines()
    out = b"".join(lines.feed(data[at : at + size]) for at in range(0, len(data), size))

    assert (b"before\n\nafter\n", 1) == (out + lines.flush(), lines.overlong)


def test_a_long_line_without_newline_needs_no_memory() -> None:
    """Binary data without a newline is not collected."""
    lines = Lines()
    for _ in range(64):
        lines.feed(b"\0" * (1 << 20))

    assert len(lines.state()["tail"]) == 0
