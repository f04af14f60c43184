"""What is sent to systemd and the journal."""

import logging
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from oracle import WAIT_S

from watcher import logs
from watcher.host import sdnotify


@pytest.fixture(params=["path", "abstract"])
def channel(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[socket.socket]:
    """A socket as systemd makes it, with its address in the environment."""
    address = f"@gptwatch-test-{os.getpid()}"
    if request.param == "path":
        address = str(tmp_path / "notify")
    monkeypatch.setenv("NOTIFY_SOCKET", address)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.settimeout(WAIT_S)
        listener.bind(address.replace("@", "\0"))
        yield listener


def test_fields_are_sent_to_systemd(channel: socket.socket) -> None:
    """Fields go out in one message, over sockets in folders and abstract ones."""
    sdnotify.notify("READY=1", "STATUS=3 runs")

    assert b"READY=1\nSTATUS=3 runs" == channel.recv(1000)


def test_a_name_cannot_forge_a_field(channel: socket.socket) -> None:
    """A newline or broken bytes in a status stay in the status."""
    sdnotify.notify("STATUS=a\nREADY=1 \udcff")

    assert "STATUS=a\ufffdREADY=1 \ufffd" == channel.recv(1000).decode()


def test_reloading_has_its_time(channel: socket.socket) -> None:
    """With RELOADING=1 goes the monotonic clock in microseconds."""
    before = time.monotonic_ns() // 1000

    sdnotify.notify("RELOADING=1")

    head, _, stamp = channel.recv(1000).decode().partition("\nMONOTONIC_USEC=")
    assert "RELOADING=1" == head
    assert before <= int(stamp) <= time.monotonic_ns() // 1000


@pytest.mark.parametrize("address", ["", "/nowhere/notify", "/" + "x" * 200, "@"])
def test_no_socket_no_notification(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a listener nothing happens."""
    monkeypatch.setenv("NOTIFY_SOCKET", address)

    sdnotify.notify("READY=1")


@pytest.mark.parametrize(
    ("span", "watched", "expected"),
    [
        pytest.param("30000000", str(os.getpid()), 30.0, id="us"),
        pytest.param("30000000", None, 30.0, id="no process named"),
        pytest.param("30000000", "1", None, id="another process"),
        pytest.param("0", None, None, id="off"),
        pytest.param(None, None, None, id="absent"),
        pytest.param("soon", None, None, id="nonsense"),
    ],
)
def test_the_watchdog(
    span: str | None,
    watched: str | None,
    expected: float | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The watchdog counts where it is set, and for this process."""
    for name, value in (("WATCHDOG_USEC", span), ("WATCHDOG_PID", watched)):
        monkeypatch.delenv(name, raising=False)
        if value is not None:
            monkeypatch.setenv(name, value)

    assert expected == sdnotify.watchdog_s()


def test_the_journal_is_known_by_its_stream(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """JOURNAL_STREAM is inherited: only the stream it names leads to the journal."""
    with (tmp_path / "a").open("w") as mine, (tmp_path / "b").open("w") as other:
        seen = os.fstat(mine.fileno())
        monkeypatch.setenv("JOURNAL_STREAM", f"{seen.st_dev}:{seen.st_ino}")

        assert logs.under_journald(mine)
        assert not logs.under_journald(other)


def record(
    level: int, message: str, error: Exception | None = None
) -> logging.LogRecord:
    """An event as `logging` has it."""
    info = (type(error), error, error.__traceback__) if error else None
    return logging.LogRecord("gptwatch", level, "", 0, message, None, info)


@pytest.mark.parametrize(
    ("level", "expected"),
    [
        (logging.CRITICAL, "<3>x"),
        (logging.ERROR, "<3>x"),
        (logging.WARNING, "<4>x"),
        (logging.INFO, "<6>x"),
        (logging.DEBUG, "<7>x"),
    ],
)
def test_the_journal_gets_priorities(level: int, expected: str) -> None:
    """An event is one line with its priority, without a time."""
    assert expected == logs.JournalFormatter().format(record(level, "x"))


def test_a_traceback_keeps_its_priority() -> None:
    """Every line of a traceback is as grave as its first."""
    text = logs.JournalFormatter().format(
        record(logging.ERROR, "a\nb\x1b", ValueError("bad"))
    )

    lines = text.splitlines()
    assert "<3>a\ufffdb\ufffd" == lines[0]
    assert "<3>ValueError: bad" == lines[-1]
    assert all(line.startswith("<3>") for line in lines)


def test_a_terminal_gets_the_time() -> None:
    """Outside of the journal a line has its time, and a warning says that it is one."""
    event = record(logging.WARNING, "x")
    event.created = time.mktime((2026, 1, 2, 3, 4, 5, 0, 0, -1))

    assert "2026-01-02 03:04:05 warning: x" == logs.PlainFormatter().format(event)
