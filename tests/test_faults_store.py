"""What happens to the store: death at any moment, damage, loss."""

import contextlib
import os
import random
import shutil
import tempfile
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from oracle import Bench, append, known, lines, once

from watcher.errors import (
    StorageCorruptError,
    StorageSetupError,
    StorageUnavailableError,
)
from watcher.storage import points
from watcher.storage.database import Database
from watcher.storage.recovery import NAME, set_aside


def dying(bench: Bench, statement: int) -> bool:
    """Lets a process look, and die before so many statements; whether it did."""
    bench.stop()
    child = os.fork()
    if child == 0:
        seen = 0

        def count(_: str) -> None:
            nonlocal seen
            seen += 1
            if seen == statement:
                os._exit(9)

        bench.start()
        bench.store.connection.set_trace_callback(count)
        bench.look()
        os._exit(0)
    _, status = os.waitpid(child, 0)
    bench.start()
    return os.waitstatus_to_exitcode(status) == 9


def test_f38_death_at_any_moment(bench: Bench) -> None:
    """Wherever a process dies, no point is lost, and none is there twice."""
    data = dict.fromkeys(("a.log", "b.log"), b"")
    alive = 0
    for statement in range(1, 200):
        for name in data:
            more = lines(statement, statement + 3)
            append(bench.logs / name, more)
            data[name] += more
        alive = 0 if dying(bench, statement) else alive + 1
        if alive > 2:
            break
        bench.look()
        assert {name: once(text) for name, text in data.items()} == bench.held()

    assert alive > 2
    assert statement > 10


def served(bench: Bench) -> None:
    """Looks as the daemon does: a damaged store is put aside, and all read again."""
    for _ in range(3):
        try:
            bench.stop()
            bench.start()
            bench.settle()
            for row in bench.store.runs():
                bench.store.load(row.id)
        except StorageCorruptError as error:
            set_aside(bench.state, error)
        else:
            return
    pytest.fail("damage came again and again")


def emptied(path: Path) -> None:
    os.truncate(path, 0)


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def overwritten(path: Path) -> None:
    path.write_bytes(b"not a store" * 500)


def deleted(path: Path) -> None:
    path.unlink()


@pytest.mark.parametrize("harm", [emptied, cut, overwritten, deleted])
@pytest.mark.parametrize("journal", [False, True], ids=["alone", "with its journal"])
def test_f39_a_damaged_store(
    bench: Bench, log: Path, harm: Callable[[Path], None], *, journal: bool
) -> None:
    """The logs are read again from their beginning; the damaged store is kept."""
    append(log, lines(0, 2000))
    bench.settle()
    kept = bench.state / f"{NAME}-wal"
    shutil.copy(kept, bench.state / "wal")
    bench.stop()
    if journal:
        shutil.copy(bench.state / "wal", kept)
    harm(bench.state / NAME)
    append(log, lines(2000, 2010))

    served(bench)

    assert {"train.log": once(lines(0, 2010))} == bench.held()


@pytest.mark.parametrize("seed", range(60))
def test_f39_bits_that_flipped(bench: Bench, log: Path, seed: int) -> None:
    """Whatever a bit did, reading goes on, and no value is silently another."""
    append(log, lines(0, 300))
    bench.settle()
    bench.stop()
    store = bench.state / NAME
    data = bytearray(store.read_bytes())
    for _ in range(4):
        data[random.Random(seed).randrange(100, len(data))] ^= 1 << seed % 8
    store.write_bytes(data)
    append(log, lines(300, 310))
    bench.start()

    served(bench)

    current = [row for row in bench.store.runs() if row.current]
    found = known(bench.store.load(current[-1].id)[0])
    values = {name: column[2] for name, column in found["columns"].items()}
    expected = once(lines(0, 310))["columns"]
    assert {name: column[2] for name, column in expected.items()} == values


def test_f39_a_store_that_is_deleted_at_work(bench: Bench, log: Path) -> None:
    """A daemon that writes to a file without a name notices."""
    append(log, lines(0, 10))
    bench.look()
    bench.store.check_place()

    (bench.state / NAME).unlink()

    with pytest.raises(StorageCorruptError, match="deleted or replaced"):
        bench.store.check_place()


def test_f39_damage_met_at_work(
    bench: Bench, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Damage is not transient: reading ends, and the store is put aside."""
    append(log, lines(0, 10))
    bench.look()
    bench.store.connection.execute("UPDATE chunks SET data = zeroblob(length(data))")
    monkeypatch.setattr(points, "_MERGE", 2)
    append(log, lines(10, 20))

    with pytest.raises(StorageCorruptError):
        bench.look()


def test_what_is_put_aside_is_kept(bench: Bench, log: Path) -> None:
    """The damaged store is there under another name, for whoever wants to mend it."""
    append(log, lines(0, 10))
    bench.look()
    bench.stop()
    before = (bench.state / NAME).read_bytes()

    set_aside(bench.state, StorageCorruptError("damaged"))
    bench.start()

    [aside] = bench.state.glob(f"{NAME}.damaged_*")
    assert before == aside.read_bytes()
    assert {} == bench.rows()


def test_copies_of_damaged_stores_are_bounded(tmp_path: Path) -> None:
    """A disk that damages one after the other is not filled by them."""
    for day in range(1, 6):
        for suffix in ("", "-wal", "-shm"):
            (tmp_path / f"{NAME}{suffix}.damaged_2026010{day}_000000").touch()
    (tmp_path / NAME).write_bytes(b"the last")

    set_aside(tmp_path, StorageCorruptError("damaged"))

    kept = sorted(path.name for path in tmp_path.iterdir())
    assert f"{NAME}.damaged_20260105_000000" in kept
    assert 3 == sum(name.startswith(f"{NAME}.damaged_") for name in kept)
    assert 3 == sum(name.startswith(f"{NAME}-wal.damaged_") for name in kept)
    assert 3 == sum(name.startswith(f"{NAME}-shm.damaged_") for name in kept)
    assert b"the last" in {path.read_bytes() for path in tmp_path.iterdir()}


def test_a_damaged_store_that_cannot_be_put_aside(bench: Bench) -> None:
    """Nothing is begun over it: a person has to look."""
    bench.stop()
    now = datetime.now().astimezone()
    for second in range(60):  # their names are taken by folders
        stamp = f"{now + timedelta(seconds=second):%Y%m%d_%H%M%S}"
        (bench.state / f"{NAME}.damaged_{stamp}" / "full").mkdir(parents=True)

    with pytest.raises(StorageUnavailableError, match="cannot be set aside"):
        set_aside(bench.state, StorageCorruptError("damaged"))

    assert (bench.state / NAME).exists()


def test_another_user_reads_a_store_that_nobody_has_open() -> None:
    """It may make no index beside the database; without a writer it needs none."""
    if os.geteuid() != 0:
        pytest.skip("only root can become another user")
    with tempfile.TemporaryDirectory() as name:
        state = Path(name)
        state.chmod(0o755)
        Database(state).close()
        child = os.fork()
        if child == 0:
            os.setuid(65534)
            with contextlib.suppress(BaseException):
                os._exit(len(Database(state, read_only=True).runs()))
            os._exit(9)
        _, status = os.waitpid(child, 0)

        assert 0 == os.waitstatus_to_exitcode(status)
        assert [NAME] == [path.name for path in state.iterdir()]


def test_f40_a_store_that_a_newer_gptwatch_made_is_not_put_aside(
    bench: Bench, log: Path
) -> None:
    """It is no damage: only a person can choose."""
    append(log, lines(0, 10))
    bench.look()
    bench.store.connection.execute("PRAGMA user_version = 99")

    with pytest.raises(StorageSetupError) as refused:
        Database(bench.state)

    assert not isinstance(refused.value, StorageCorruptError)


def test_f40_a_parser_state_that_nobody_can_read(bench: Bench, log: Path) -> None:
    """A log whose reader cannot be taken up again is read from its beginning."""
    append(log, lines(0, 10))
    bench.look()
    bench.store.connection.execute("UPDATE runs SET parser = '{\"old\": 1}'")
    bench.stop()
    bench.start()
    append(log, lines(10, 20))

    bench.settle()

    assert {"train.log": once(lines(0, 20))} == bench.held()


def upgrade(bench: Bench) -> None:
    """Another version of gptwatch starts, whose parser knows nothing of this state."""
    bench.stop()
    bench.start()
    bench.store.connection.execute("UPDATE runs SET parser = '{\"old\": 1}'")


def test_rotated_files_are_read_again_after_an_upgrade(bench: Bench, log: Path) -> None:
    """The run consists of all its files: not of the last alone."""
    for start in range(0, 30, 10):
        append(log, lines(start, start + 10))
        bench.settle()
        for number in (2, 1):
            if Path(f"{log}.{number}").exists():
                Path(f"{log}.{number}").rename(f"{log}.{number + 1}")
        log.rename(f"{log}.1")
    append(log, lines(30, 40))
    bench.settle()
    upgrade(bench)
    append(log, lines(40, 50))
    bench.settle()

    assert list(range(50)) == bench.steps()
    assert 4 == bench.rows()["train.log"].parts


def test_what_was_deleted_is_kept_after_an_upgrade(bench: Bench, log: Path) -> None:
    """Its points cannot be read again: they stay, and the rest is another run."""
    append(log, lines(0, 10))
    bench.look()
    log.rename(f"{log}.1")
    append(log, lines(10, 20))
    bench.settle()
    Path(f"{log}.1").unlink()
    upgrade(bench)
    append(log, lines(20, 30))
    bench.settle()

    assert list(range(20)) == bench.steps("train.log")
    assert list(range(10, 30)) == bench.steps("train.log#2")
