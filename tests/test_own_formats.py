"""A user's format reads what no built-in one reads better, unless it is preferred."""

from typing import Any

import pytest

from parsers.parser import Parser
from watcher.config import of
from watcher.errors import ConfigError


LINE = b"iter %d: loss 3.%d, time 9.00ms, mfu 1.00%%\n"
KNOWN = b"".join(LINE % (i, i) for i in range(9))
PATTERN = r"iter (?P<step>\d+): loss (?P<loss>[\d.]+)"


def chosen(log: bytes, **table: Any) -> str:
    formats = of({"formats": [{"name": "mylog", **table}]}).formats
    parser = Parser(formats)
    parser.feed(log)
    assert parser.format is not None
    return parser.format.name


def test_built_in_format_keeps_its_log() -> None:
    assert "nanogpt" == chosen(KNOWN, lines=[PATTERN])


def test_preferred_format_takes_the_log() -> None:
    assert "mylog" == chosen(KNOWN, lines=[PATTERN], prefer=True)


def test_format_of_fewer_lines_does_not_take_a_generic_log() -> None:
    log = b"".join(b"step %d loss=3.%d\n" % (i, i) for i in range(9))
    generic = r"step (?P<step>\d+) loss=(?P<loss>\d)\.\d$"

    assert "mylog" == chosen(log, lines=[generic])
    assert "keyvalue" == chosen(log + b"step 10 loss=3.11\n" * 9, lines=[generic])


def test_format_without_a_step_is_an_error_that_names_it() -> None:
    with pytest.raises(ConfigError, match=r"formats\[0\].*no pattern with a step"):
        of({"formats": [{"name": "mylog", "lines": [r"L=(?P<loss>[\d.]+)"]}]})
