"""Sentences that were written in English, in Russian where a person reads them."""

import logging
from pathlib import Path

import pytest

from watcher.errors import StorageUnavailableError, Text
from watcher.outputs.text.errors import said
from watcher.outputs.text.stored import logged, stored


def record(message: str, *values: object) -> logging.LogRecord:
    """A record of the log."""
    return logging.LogRecord("gptwatch", logging.INFO, "", 0, message, values, None)


def test_a_sentence_is_recognised_with_its_values() -> None:
    """The names in it are kept; what is in no table stays English."""
    text = "Still improving: best 2.3996 at step 75"

    shown = stored(text, "ru")

    assert shown == stored(text, "ru_RU.UTF-8") != text
    assert "2.3996" in shown
    assert "75" in shown
    assert text == stored(text, "en")
    assert "no such sentence: 7" == stored("no such sentence: 7", "ru")


def test_an_error_is_as_it_is_translated_where_it_is_raised() -> None:
    """Whether its parts are at hand or only its text."""
    error = StorageUnavailableError("{path}: was deleted or replaced", path="a.db")

    assert said(error, "ru") == stored(str(error), "ru") != str(error)


@pytest.mark.parametrize("name", ["found", "running", "logs/report"])
def test_a_file_is_no_text(name: str) -> None:
    """A run may have the name of a state."""
    shown = logged(record("%s: %s%s (was %s)", name, "quiet", Text(""), "found"), "ru")

    assert shown.startswith(f"{name}: ")
    assert "quiet" not in shown


def test_a_line_of_the_log_is_translated_whole() -> None:
    """Template, values and texts in them."""
    where = Text("replaced by inode {inode} ({where})", {"inode": 7, "where": "x"})
    line = record("%s: %s; new generation", Path("a.log"), where)

    assert "a.log: replaced by inode 7 (x); new generation" == logged(line, "en")
    assert "a.log: заменён на inode 7 (x); новое поколение" == logged(line, "ru")
