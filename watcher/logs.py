"""The daemon's own log: plain lines in a terminal, syslog priorities in journald."""

import logging
import os
from collections.abc import Callable
from typing import TextIO


# What a record says.
Wording = Callable[[logging.LogRecord], str]
# Priorities of syslog(3), as journald reads them at the start of a line.
_ERROR, _WARNING, _INFO, _DEBUG = 3, 4, 6, 7


def under_journald(stream: TextIO) -> bool:
    """Whether a stream is connected to the journal (JOURNAL_STREAM)."""
    try:
        seen = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{seen.st_dev}:{seen.st_ino}"


class JournalFormatter(logging.Formatter):
    """One line an event, its priority in front; journald adds the time itself."""

    def format(self, record: logging.LogRecord) -> str:
        """Each line with its own priority, since journald splits at newlines."""
        prefix = f"<{_priority(record.levelno)}>"
        return "\n".join(
            prefix + line for line in _lines(self, record, record.getMessage())
        )


class PlainFormatter(logging.Formatter):
    """One line an event, with the local time; warnings and worse with their level."""

    def __init__(self, text: Wording = logging.LogRecord.getMessage) -> None:
        super().__init__()
        self._text = text

    def format(self, record: logging.LogRecord) -> str:
        """The line, and below it the traceback where there is one."""
        stamp = self.formatTime(record, "%Y-%m-%d %H:%M:%S")
        level = record.levelno > logging.INFO
        name = f"{record.levelname.lower()}: " if level else ""
        return f"{stamp} {name}" + "\n".join(_lines(self, record, self._text(record)))


def log_to(
    stream: TextIO, *, text: Wording | None = None, verbose: bool = False
) -> None:
    """Sends the log of this process to a stream.

    `text`: gives what a record says on a terminal; `verbose`: with debug messages.
    """
    journald = under_journald(stream)
    handler = logging.StreamHandler(stream)
    plain = PlainFormatter(text) if text and stream.isatty() else PlainFormatter()
    handler.setFormatter(JournalFormatter() if journald else plain)
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    if verbose:  # of ours alone: libraries log at each plot and each event
        logging.getLogger("gptwatch").setLevel(logging.DEBUG)


def _priority(level: int) -> int:
    for minimum, priority in (
        (logging.ERROR, _ERROR),
        (logging.WARNING, _WARNING),
        (logging.INFO, _INFO),
    ):
        if level >= minimum:
            return priority
    return _DEBUG


def _lines(
    formatter: logging.Formatter, record: logging.LogRecord, text: str
) -> list[str]:
    lines = [_printable(text)]
    if record.exc_info:
        text = formatter.formatException(record.exc_info)
        lines += map(_printable, text.splitlines())
    return lines


def _printable(text: str) -> str:
    """The text on one line, whatever bytes a file's name has."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
