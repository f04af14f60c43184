"""Whether this process has a network: a sandbox may deny it."""

import socket
from typing import Final


_LOOPBACK: Final = "lo"


def has_network() -> bool:
    """Whether it may open sockets of the internet, and has more than the loopback."""
    try:
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM).close()
        return any(name != _LOOPBACK for _, name in socket.if_nameindex())
    except OSError:
        return False  # RestrictAddressFamilies= of the unit
