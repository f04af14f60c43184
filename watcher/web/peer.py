"""Which user is at the other end of a local connection.

Loopback is no wall on a shared machine: every user of it can connect.
"""

import ipaddress
import pwd
import sys
from collections.abc import Collection
from pathlib import Path
from typing import Final


_TABLES: Final = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
_LOCAL, _REMOTE, _UID = 1, 2, 7

Address = tuple[str, int]


def uid(peer: Address, own: Address) -> int | None:
    """The user whose socket is `peer`, connected to `own`; None where none is seen.

    A connection from another host, or a hidden /proc/net, shows none.
    """
    wanted = {(_hex(peer, six=six), _hex(own, six=six)) for six in (False, True)}
    for table in _TABLES:
        try:
            rows = table.read_text("ascii").splitlines()[1:]
        except OSError:
            continue
        for row in rows:
            fields = row.split()
            if (fields[_LOCAL], fields[_REMOTE]) in wanted:
                return int(fields[_UID])
    return None


def uids(names: Collection[str]) -> frozenset[int]:
    """The numbers of users.

    Raises:
        KeyError: there is no such user.
    """
    return frozenset(pwd.getpwnam(name).pw_uid for name in names)


def _hex(address: Address, *, six: bool) -> str:
    """An address as the kernel's tables write it: words in the machine's order."""
    ip = ipaddress.ip_address(address[0].partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        ip = ip.ipv4_mapped or ip
    packed = ip.packed
    if isinstance(ip, ipaddress.IPv4Address) and six:
        packed = bytes(10) + b"\xff\xff" + packed
    words = [packed[i : i + 4] for i in range(0, len(packed), 4)]
    numbers = [int.from_bytes(word, sys.byteorder) for word in words]
    return "".join(f"{n:08X}" for n in numbers) + f":{address[1]:04X}"
