"""The daemon's own log: plain lines in a terminal, priorities under journald."""

import logging
import os
from typing import TextIO


# Priorities of syslog(3), as journald reads them at the start of a line.
_ERROR, _WARNING, _INFO, _DEBUG = 3, 4, 6, 7


def under_journald(stream: TextIO) -> bool:
    """Whether a stream leads straight to the journal."""
    try:
        seen = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{seen.st_dev}:{seen.st_ino}"


class JournalFormatter(logging.Formatter):
    """One line an event, its priority in front: journald knows the time itself."""

    def format(self, record: logging.LogRecord) -> str:
        """Each line with its own priority, since journald forgets it at a newline."""
        prefix = f"<{_priority(record.levelno)}>"
        return "\n".join(prefix + line for line in _lines(self, record))


class PlainFormatter(logging.Formatter):
    """One line an event, with the local time; warnings and worse by their name."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, and below it the traceback where there is one."""
        stamp = self.formatTime(record, "%Y-%m-%d %H:%M:%S")
        level = record.levelno > logging.INFO
        name = f"{record.levelname.lower()}: " if level else ""
        return f"{stamp} {name}" + "\n".join(_lines(self, record))


def log_to(stream: TextIO) -> None:
    """Sends the log of this process to a stream, as its reader likes it."""
    journald = under_journald(stream)
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JournalFormatter() if journald else PlainFormatter())
    logging.basicConfig(level=logging.INFO, handlers=[handler])


def _priority(level: int) -> int:
    for least, priority in (
        (logging.ERROR, _ERROR),
        (logging.WARNING, _WARNING),
        (logging.INFO, _INFO),
    ):
        if level >= least:
            return priority
    return _DEBUG


def _lines(formatter: logging.Formatter, record: logging.LogRecord) -> list[str]:
    lines = [_printable(record.getMessage())]
    if record.exc_info:
        text = formatter.formatException(record.exc_info)
        lines += map(_printable, text.splitlines())
    return lines


def _printable(text: str) -> str:
    """On one line, whatever bytes a file's name holds."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
