"""What gptwatch and systemd tell each other: sd_notify, the watchdog, the journal."""

import logging
import os
import socket
import time
from typing import Final, TextIO


_LOGGER: Final = logging.getLogger("gptwatch.systemd")
# PID 1 reads at once; the daemon waits for nobody longer than this.
_PATIENCE_S: Final = 1.0
# Priorities of syslog(3), as journald reads them at the start of a line.
_ERROR, _WARNING, _INFO, _DEBUG = 3, 4, 6, 7


def notify(*fields: str) -> None:
    """Tells systemd `fields`, as in `READY=1`; nothing where it did not start us.

    `RELOADING=1` gets the time that sd_notify(3) asks for.  It never raises: what
    cannot be told must not end what is told about.
    """
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    if "RELOADING=1" in fields:
        fields += (f"MONOTONIC_USEC={time.monotonic_ns() // 1000}",)
    message = "\n".join(map(_printable, fields)).encode()
    # A leading @ stands for the NUL of an abstract name.
    place = "\0" + address[1:] if address.startswith("@") else address
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
            channel.settimeout(_PATIENCE_S)
            channel.sendto(message, place)
    except (OSError, ValueError) as error:
        _LOGGER.debug("systemd cannot be told: %s", error)


def watchdog_s() -> float | None:
    """Seconds after which systemd takes us for hanging; None where it does not watch.

    Say `WATCHDOG=1` at least twice in that time.
    """
    span = os.environ.get("WATCHDOG_USEC", "")
    watched = os.environ.get("WATCHDOG_PID", str(os.getpid()))
    if not span.isdecimal() or not int(span) or watched != str(os.getpid()):
        return None
    return int(span) / 1e6


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
