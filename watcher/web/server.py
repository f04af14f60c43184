"""Serves the page: on a loopback port, a Unix socket, or a socket of systemd's.

python -m watcher.web.server '{"state": "plots/.gptwatch", "listen": "..."}'
"""

import asyncio
import ipaddress
import json
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any, Final

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from watcher.errors import ConfigError, GptwatchError
from watcher.host.page import noted
from watcher.host.sdnotify import listening
from watcher.metrics.settings import settings as metrics_settings
from watcher.settings import Where
from watcher.web import peer
from watcher.web.app import application
from watcher.web.command import Settings
from watcher.web.guard import HEADER_BYTES, Access
from watcher.web.token import token


_UNIX: Final = "unix:"
_HEADERS_S: Final = 10.0
_CONNECTIONS: Final = 32
_BACKLOG: Final = 128
_STOP_S: Final = 1
_NICE: Final = 10
_LOCAL: Final = frozenset({"localhost", "127.0.0.1", "::1"})


class Protocol(H11Protocol):
    """A connection: who is at its other end is found out once, when it begins."""

    def connection_made(self, transport: Any) -> None:
        """Notes the user, and gives the first request little time to come."""
        super().connection_made(transport)
        known = None
        if self.client and self.server and self.server[1]:
            known = peer.uid(self.client, (self.server[0], self.server[1]))
        self.app_state = {**self.app_state, "peer_uid": known}
        self.loop.call_later(_HEADERS_S, self._close_silent)

    def _close_silent(self) -> None:
        asked = getattr(self, "cycle", None)
        if asked is None and not self.transport.is_closing():
            self.transport.close()


class Server(uvicorn.Server):
    """Costs nothing while nobody asks, and ends its streams when it is to stop."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], object]) -> None:
        """`ready` is called when requests are served, and signals handled."""
        super().__init__(config)
        self._ready = ready
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ended = asyncio.Event()

    async def main_loop(self) -> None:
        """Waits for the signal; uvicorn's own looks for it ten times a second."""
        self._loop = asyncio.get_running_loop()
        await self.on_tick(0)
        self._ready()
        if not self.should_exit:
            await self._ended.wait()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Notes the signal, and wakes the loop."""
        super().handle_exit(sig, frame)
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._ended.set)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Closes everything; no page holds it up."""
        app: Any = self.config.app
        app.state.hub.close()
        await super().shutdown(sockets)


def serve(
    settings: Settings, *, ready: Callable[[str], object] = lambda _: None
) -> None:
    """Serves until a signal comes; `ready` is called with the page's address.

    Raises:
        ConfigError: the address cannot be listened on.
        OutputError: the token cannot be kept.
    """
    access = _access(settings)
    bound = _bound(settings.listen)
    bound.listen(_BACKLOG)
    os.nice(_NICE)
    app = application(
        Path(settings.state),
        access,
        lines=settings.lines,
        metrics=metrics_settings(settings.metrics, Where(keys=("metrics",))),
    )
    where = address(bound, access, settings.listen)
    config = uvicorn.Config(
        app,
        http=Protocol,
        ws="none",
        loop="asyncio",
        access_log=False,
        log_level="warning",
        server_header=False,
        date_header=False,
        proxy_headers=False,
        limit_concurrency=_CONNECTIONS,
        h11_max_incomplete_event_size=HEADER_BYTES,
        timeout_graceful_shutdown=_STOP_S,
    )
    with noted(Path(settings.state), where.partition("?")[0]):
        # A signal that comes before may be lost: in a destructor it is only printed.
        Server(config, partial(ready, where)).run(sockets=[bound])


def address(bound: socket.socket, access: Access, listen: str) -> str:
    """The page's address, for people."""
    if bound.family == socket.AF_UNIX:
        return f"{listen} (from another machine: ssh -L 8477:{listen[5:]} HOST)"
    host, port = bound.getsockname()[:2]
    if ipaddress.ip_address(host).is_unspecified:
        name = socket.gethostname()
    else:
        name = f"[{host}]" if ":" in host else host
    plain = f"http://{name}:{port}/"
    is_local = ipaddress.ip_address(host).is_loopback and Path("/proc/net/tcp").exists()
    return plain if is_local else f"{plain}?token={access.token}"


def _access(settings: Settings) -> Access:
    try:
        users = peer.uids(settings.allow_users)
    except KeyError as error:
        raise ConfigError("web.allow_users: {reason}", reason=error.args[0]) from None
    host, _ = _split(settings.listen)
    own = {host, socket.gethostname().lower()} if host not in _LOCAL else set()
    return Access(
        hosts=_LOCAL | own | {name.lower() for name in settings.hosts},
        token=token(Path(settings.state)),
        users=users | {0, os.geteuid()},
        trusted=settings.listen.startswith(_UNIX),
    )


def _split(listen: str) -> tuple[str, int]:
    """Host and port; nothing of a Unix socket.

    Raises:
        ConfigError: it is no address.
    """
    if listen.startswith(_UNIX):
        return "localhost", 0
    host, _, port = listen.rpartition(":")
    host = host.strip("[]").lower()
    if not host or not port.isdecimal() or int(port) > 65535:  # noqa: PLR2004
        raise ConfigError(
            "web.listen: {listen} is no address; write 127.0.0.1:8477 or "
            "unix:/run/gptwatch/web.sock",
            listen=repr(listen),
        )
    return host, int(port)


def _bound(listen: str) -> socket.socket:
    """A listening socket: systemd's, or one of our own."""
    given = listening()
    if given is not None:
        return given
    try:
        if listen.startswith(_UNIX):
            return _unix(Path(listen.removeprefix(_UNIX)))
        return _inet(*_split(listen))
    except OSError as error:
        raise ConfigError(
            "web.listen: {listen}: {reason}; choose another with --listen",
            listen=listen,
            reason=error.strerror,
        ) from None


def _inet(host: str, port: int) -> socket.socket:
    family, kind, protocol, _, where = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM
    )[0]
    made = socket.socket(family, kind, protocol)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(where)
    except OSError:
        made.close()
        raise
    return made


def _unix(path: Path) -> socket.socket:
    """A socket that only its user may connect to; a dead one of that name goes."""
    if path.is_socket():
        path.unlink()
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        made.bind(str(path))
    finally:
        os.umask(before)
    return made


def main(given: Mapping[str, Any]) -> None:
    """Serves as a child of the daemon; errors become one line."""
    lists = {key: tuple(given[key]) for key in ("hosts", "allow_users")}
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        serve(Settings(**{**given, **lists}), ready=_tell)
    except GptwatchError as error:
        sys.exit(f"gptwatch: page: {error}")


def _tell(address: str) -> None:
    sys.stdout.write(f"{address}\n")
    sys.stdout.flush()


def _end_with_parent() -> None:
    sys.stdin.buffer.read()
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
