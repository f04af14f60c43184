"""sd_notify(3): readiness, status and watchdog heartbeats for systemd."""

import logging
import os
import socket
import time
from typing import Final

from watcher.logs import _printable


_LOGGER: Final = logging.getLogger("gptwatch.systemd")
# PID 1 reads at once; the daemon does not block longer than this.
_TIMEOUT_S: Final = 1.0
# sd_listen_fds(3): the first socket that systemd passes on.
_FIRST_FD: Final = 3


def notify(*fields: str) -> None:
    """Sends `fields`, as in `READY=1`, to systemd; nothing where it did not start us.

    `RELOADING=1` gets the time that sd_notify(3) asks for.  It never raises: a
    notification that fails must not end the daemon.
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
            channel.settimeout(_TIMEOUT_S)
            channel.sendto(message, place)
    except (OSError, ValueError) as error:
        _LOGGER.debug("sd_notify failed: %s", error)


def watchdog_s() -> float | None:
    """The watchdog timeout of the unit in seconds; None where it has none.

    Send `WATCHDOG=1` at least twice in that time.
    """
    span = os.environ.get("WATCHDOG_USEC", "")
    watched = os.environ.get("WATCHDOG_PID", str(os.getpid()))
    if not span.isdecimal() or not int(span) or watched != str(os.getpid()):
        return None
    return int(span) / 1e6


def listening() -> socket.socket | None:
    """The socket that systemd opened for this process, None where it did not."""
    count = os.environ.get("LISTEN_FDS", "")
    if os.environ.get("LISTEN_PID") != str(os.getpid()) or not count.isdecimal():
        return None
    return socket.socket(fileno=_FIRST_FD) if int(count) else None
