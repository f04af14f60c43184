"""The daemon itself: damaged stores, signals while it draws, idleness."""

import os
import random
import signal
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from daemons import Started, held, offsets
from inline import watching
from oracle import WAIT_S, FakeClock, append, lines, once, until

from watcher.daemon.daemon import Daemon
from watcher.daemon.mailbox import Mailbox
from watcher.storage.database import Database
from watcher.storage.recovery import NAME


pytestmark = pytest.mark.process


STOPS = int(os.environ.get("GPTWATCH_STOPS", "4"))


def overwritten(store: Path) -> None:
    store.write_bytes(b"not a store" * 500)


def cut(store: Path) -> None:
    os.truncate(store, store.stat().st_size // 2)


@pytest.mark.parametrize("harm", [overwritten, cut])
def test_f39_a_damaged_store_at_the_start(
    tmp_path: Path, harm: Callable[[Path], None]
) -> None:
    """It is put aside, that is said, and all logs are read again."""
    with Started(tmp_path) as daemon:
        append(daemon.logs / "train.log", lines(0, 3000))
        daemon.read_all()
        daemon.stop()
    harm(daemon.state / NAME)

    with Started(tmp_path) as daemon:
        until(lambda: offsets(daemon.state))
        daemon.read_all()
        assert 0 == daemon.stop()

    assert {"train.log": once(lines(0, 3000))} == held(daemon.state)
    assert "and all logs are read again" in daemon.said
    assert 1 == len(list(daemon.state.glob(f"{NAME}.damaged_*")))


def test_f39_a_store_that_is_deleted_at_work(tmp_path: Path) -> None:
    """The daemon goes on with a new one, and reads all logs again."""
    with Started(tmp_path) as daemon:
        append(daemon.logs / "train.log", lines(0, 300))
        daemon.read_all()
        (daemon.state / NAME).unlink()
        append(daemon.logs / "other.log", lines(50, 60))  # who comes is looked for
        daemon.says("was deleted or replaced")
        until(lambda: len(offsets(daemon.state)) == 2)
        daemon.read_all()
        assert 0 == daemon.stop()

    expected = {"train.log": once(lines(0, 300)), "other.log": once(lines(50, 60))}
    assert expected == held(daemon.state)


def test_f40_a_store_of_a_newer_gptwatch(tmp_path: Path) -> None:
    """It is refused with the code that tells a service not to try again."""
    with Started(tmp_path) as daemon:
        daemon.watches()
        daemon.stop()
    store = Database(daemon.state)
    store.connection.execute("PRAGMA user_version = 99")
    store.close()

    with Started(tmp_path) as daemon:
        code = daemon.process.wait(timeout=WAIT_S)

    assert 78 == code
    assert f"gptwatch: {daemon.state / NAME}: made by a newer gptwatch" in daemon.said
    assert "Traceback" not in daemon.said


@pytest.mark.parametrize("seed", range(STOPS))
def test_f44_stopped_at_any_moment_of_its_drawing(tmp_path: Path, seed: int) -> None:
    """It ends with 0, and every picture that is there is whole."""
    dice = random.Random(seed)
    with Started(tmp_path) as daemon:
        step = 0
        # The moment: after so many signs of life of whatever kind.
        for _ in range(dice.randrange(1, 20)):
            before = traces(daemon)
            append(daemon.logs / "train.log", lines(step, step + 50))
            step += 50
            until(lambda: traces(daemon) != before)  # noqa: B023 - waited for at once
            if dice.random() < 0.1:
                daemon.process.send_signal(signal.SIGHUP)

        assert 0 == daemon.stop()

    pictures = list(daemon.out.rglob("*.png"))
    assert [] == [path for path in pictures if not is_whole(path.read_bytes())]
    assert [] == list(daemon.out.rglob(".*.part"))
    assert "Traceback" not in daemon.said


@pytest.mark.parametrize("seed", range(STOPS))
def test_f44_a_stop_just_after_a_reload(tmp_path: Path, seed: int) -> None:
    """It ends, whatever it is doing when the second signal comes."""
    dice = random.Random(seed)
    with Started(tmp_path) as daemon:
        daemon.watches()
        for _ in range(dice.randrange(1, 4)):
            daemon.process.send_signal(signal.SIGHUP)
            for _ in range(dice.randrange(30)):
                offsets(daemon.state)  # takes some time

        assert 0 == daemon.stop()


def traces(daemon: Started) -> tuple[object, ...]:
    """What of the daemon's work can be seen from outside."""
    made = sorted(str(path) for path in daemon.out.rglob("*.p*"))
    return offsets(daemon.state), made


def is_whole(picture: bytes) -> bool:
    """Whether every part of a PNG is there, to its last one."""
    at, kind = 8, b""
    while at < len(picture):
        size, kind = struct.unpack_from(">I4s", picture, at)
        part = picture[at + 4 : at + 8 + size]
        [checksum] = struct.unpack_from(">I", picture, at + 8 + size)
        if zlib.crc32(part) != checksum:
            return False
        at += 12 + size
    return picture.startswith(b"\x89PNG") and kind == b"IEND"


def test_f33_idleness_wakes_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the daemon reads and writes, also below the watched folder, is no news."""
    touched: list[str] = []
    monkeypatch.setattr(Mailbox, "touch", lambda _, path: touched.append(path))
    logs = tmp_path / "logs"
    out, state = logs / "plots", logs / "plots" / ".gptwatch"
    clock = FakeClock()
    daemon = watching([logs], out, state, clock=clock)
    append(logs / "train.log", lines(0, 200))
    pass_time(daemon, clock, 300.0)
    assert (out / "train.log" / "latest.png").exists()
    append(logs / "sign", b"x")
    until(lambda: str(logs / "sign") in touched)
    drawing = set(touched)
    touched.clear()

    pass_time(daemon, clock, 3600.0)
    append(logs / "end", b"x")
    until(lambda: str(logs / "end") in touched)

    store = {str(state / f"{NAME}{end}") for end in ("", "-wal", "-shm")}
    assert {str(logs / "end")} == {*touched} - store - {str(logs / "sign")}
    signs = {str(logs / "sign"), str(logs / "train.log")}
    assert ([], False) == daemon.reader.registry.touched(drawing - signs)
    daemon.close()


def pass_time(daemon: Daemon, clock: FakeClock, seconds: float) -> None:
    """So much time passes, and the schedule with it."""
    for _ in range(10):
        clock.up += seconds / 10
        daemon.post_all()
        daemon.tick()
