"""Files with several names, none, odd ones, and things that are no files."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from oracle import Bench, append, lines, once

from watcher.ingest import discovery, fileread


def test_f23_a_link_that_is_turned(bench: Bench) -> None:
    """`latest.log` is another name of the log it points to, then of the next one."""
    first, second = bench.logs / "a.log", bench.logs / "b.log"
    latest = bench.logs / "latest.log"
    append(first, lines(0, 10))
    latest.symlink_to("a.log")
    bench.settle()
    append(second, lines(100, 110))
    turned = bench.logs / ".latest"
    turned.symlink_to("b.log")
    turned.replace(latest)
    append(second, lines(110, 120))

    bench.settle()

    expected = {"a.log": once(lines(0, 10)), "b.log": once(lines(100, 120))}
    assert expected == bench.held()
    aliases = {w.name: w.aliases for w in bench.reader.tails.values()}
    assert {"a.log": [], "b.log": [latest]} == aliases


def test_f23_a_link_to_a_file_elsewhere(bench: Bench, tmp_path: Path) -> None:
    """A link is a log of its own; when it is turned, its next training begins."""
    for name, start in (("x", 0), ("y", 100)):
        append(tmp_path / name, lines(start, start + 10))
    latest = bench.logs / "latest.log"
    latest.symlink_to(tmp_path / "x")
    bench.settle()
    append(tmp_path / "x", lines(10, 20))
    bench.settle()
    latest.unlink()
    latest.symlink_to(tmp_path / "y")

    bench.settle()

    expected = {
        "latest.log": once(lines(0, 20)),
        "latest.log#2": once(lines(100, 110)),
    }
    assert expected == bench.held()


@pytest.mark.parametrize("link", [os.link, os.symlink])
def test_f24_one_file_with_two_names(bench: Bench, log: Path, link: Any) -> None:
    """A log that is found twice is one run, and its other names are known."""
    append(log, lines(0, 10))
    other = bench.logs / "zoo" / "zoo.log"
    other.parent.mkdir()
    link(log, other)
    bench.look()
    append(other, lines(10, 20))

    bench.settle()

    assert {"train.log": once(lines(0, 20))} == bench.held()
    assert [[other]] == [w.aliases for w in bench.reader.tails.values()]


def test_f24_one_of_two_names_goes(bench: Bench, log: Path) -> None:
    """The run goes on under the name that is left."""
    append(log, lines(0, 10))
    other = bench.logs / "zoo.log"
    os.link(log, other)
    bench.settle()
    log.unlink()
    append(other, lines(10, 20))

    bench.settle()

    assert {"zoo.log": once(lines(0, 20))} == bench.held()


def test_f25_things_that_are_no_files(bench: Bench, log: Path) -> None:
    """Pipes, devices, folders and links in a circle do no harm, and are no logs."""
    append(log, lines(0, 10))
    os.mkfifo(bench.logs / "pipe.log")
    (bench.logs / "folder.log").mkdir()
    (bench.logs / "zero.log").symlink_to("/dev/zero")
    (bench.logs / "self.log").symlink_to("self.log")
    (bench.logs / "nothing.log").symlink_to("gone")
    (bench.logs / "circle").symlink_to(bench.logs)

    bench.settle()

    assert {"train.log": once(lines(0, 10))} == bench.held()


def test_f25_a_symlink_to_a_folder(bench: Bench, tmp_path: Path) -> None:
    """Logs behind it are read; a loop, or one through a folder above, has an end."""
    far = tmp_path / "far"
    (far / "sub").mkdir(parents=True)
    append(far / "sub" / "a.log", lines(0, 10))
    (bench.logs / "near").mkdir()
    append(bench.logs / "near" / "b.log", lines(20, 30))
    (bench.logs / "far").symlink_to(far)
    (bench.logs / "again").symlink_to("near")
    (bench.logs / "above").symlink_to(tmp_path)
    (far / "back").symlink_to(bench.logs)
    (far / "sub" / "loop").symlink_to(far)
    append(tmp_path / "not_mine.log", lines(40, 50))

    bench.settle()
    append(far / "sub" / "a.log", lines(10, 20))
    bench.settle()

    expected = {
        "far/sub/a.log": once(lines(0, 20)),
        "near/b.log": once(lines(20, 30)),
    }
    assert expected == bench.held()


def test_f25_a_log_that_becomes_a_pipe(bench: Bench, log: Path) -> None:
    """Opening what took a log's name never waits; the log goes on when it is back."""
    append(log, lines(0, 10))
    bench.look()
    log.rename(bench.logs / "aside")
    os.mkfifo(log)
    bench.look()
    errors = [w.error for w in bench.reader.tails.values()]
    log.unlink()
    append(bench.logs / "aside", lines(10, 20))
    (bench.logs / "aside").rename(log)

    bench.settle()

    assert [f"{log}: not a regular file; cannot be tailed"] == errors
    assert {"train.log": once(lines(0, 20))} == bench.held()


def vanishing(found: discovery.Found) -> None:
    found.path.unlink()


def renamed(found: discovery.Found) -> None:
    found.path.rename(found.path.with_name("moved.log"))


def replaced(found: discovery.Found) -> None:
    found.path.unlink()
    append(found.path, lines(0, 10))


@pytest.mark.parametrize("change", [vanishing, renamed, replaced])
def test_f28_changes_between_scan_and_open(
    bench: Bench, log: Path, monkeypatch: pytest.MonkeyPatch, change: Any
) -> None:
    """What happens to a file just after it was found loses no line."""
    append(log, lines(0, 10))
    plain, calm = discovery.Scanner.logs, [bench.logs / "calm.log"]
    append(calm[0], lines(50, 60))

    def racing(
        self: discovery.Scanner, root: Path, *more: Any
    ) -> Iterator[discovery.Found]:
        for found in plain(self, root, *more):
            if found.path == log and calm:
                calm.clear()
                change(found)
            yield found

    monkeypatch.setattr(discovery.Scanner, "logs", racing)
    bench.settle()

    held = bench.held()
    assert once(lines(50, 60)) == held.pop("calm.log")
    assert [once(lines(0, 10))] * (change is not vanishing) == list(held.values())


@pytest.mark.parametrize("change", [vanishing, renamed, replaced])
def test_f28_changes_between_stat_and_open(
    bench: Bench, log: Path, monkeypatch: pytest.MonkeyPatch, change: Any
) -> None:
    """The same, one step later."""
    append(log, lines(0, 10))
    plain, due = fileread.opened, [log]

    def racing(path: Path) -> int:
        if path == log and due:
            due.clear()
            change(discovery.Found(path, (0, 0), link=False))
        return plain(path)

    monkeypatch.setattr(fileread, "opened", racing)
    for _ in range(3):
        bench.settle()

    expected = [once(lines(0, 10))] * (change is not vanishing)
    assert expected == list(bench.held().values())


def test_f28_a_log_that_is_away_for_one_look(bench: Bench, log: Path) -> None:
    """A log that vanishes and comes back is the same run."""
    append(log, lines(0, 10))
    bench.look()
    log.rename(bench.logs / "aside")
    bench.look()
    append(bench.logs / "aside", lines(10, 20))
    (bench.logs / "aside").rename(log)

    bench.settle()

    assert {"train.log": once(lines(0, 20))} == bench.held()


@pytest.mark.parametrize(
    "raw",
    [
        b"a\xff\n.log",
        b"-rf.log",
        b"%s {0} $HOME;`id`.log",
        "журнал обучения.log".encode(),
        b"n" * 251 + b".log",
    ],
)
def test_f49_odd_names(bench: Bench, raw: bytes) -> None:
    """Any name that a file may have is a run's name, and comes back from the store."""
    path = bench.logs / os.fsdecode(raw)
    append(path, lines(0, 10))
    bench.look()
    bench.stop()
    bench.start()
    append(path, lines(10, 20))

    bench.settle()

    assert {os.fsdecode(raw): once(lines(0, 20))} == bench.held()


@pytest.mark.parametrize(
    "name", ["train.bak.log", "old_train.log", "train (1).log", "old/train.log"]
)
def test_f21_a_backup_copy(bench: Bench, log: Path, name: str) -> None:
    """A copy of a log is no second run, and that is a warning."""
    append(log, lines(0, 20))
    bench.look()
    copy = bench.logs / name
    copy.parent.mkdir(exist_ok=True)
    copy.write_bytes(log.read_bytes())
    append(log, lines(20, 40))

    bench.settle()
    bench.stop()
    bench.start()
    bench.settle()

    assert {"train.log": once(lines(0, 40))} == bench.held()
    assert [f"{copy}: a copy of {log}; plotted once"] == bench.reader.warnings()


def test_f21_a_copy_that_was_there_first(bench: Bench, log: Path) -> None:
    """Which of two is the copy does not depend on which is found first."""
    append(log, lines(0, 20))
    (bench.logs / "a_train.log").write_bytes(log.read_bytes())

    bench.settle()

    assert {"train.log": once(lines(0, 20))} == bench.held()


def test_f21_a_copy_that_goes_its_own_way(bench: Bench, log: Path) -> None:
    """A copy that grows otherwise is a run of its own, from its first line."""
    append(log, lines(0, 20))
    copy = bench.logs / "train_2.log"
    copy.write_bytes(log.read_bytes())
    bench.settle()
    append(log, lines(20, 30))
    append(copy, lines(500, 510))

    bench.settle()

    expected = {
        "train.log": once(lines(0, 30)),
        "train_2.log": once(lines(0, 20) + lines(500, 510)),
    }
    assert expected == bench.held()
    assert [] == bench.reader.warnings()


def test_f22_deleted_but_still_written(bench: Bench, log: Path) -> None:
    """What comes behind a deletion is read, and the backlog is a warning meanwhile."""
    with log.open("ab", buffering=0) as writer:
        writer.write(lines(0, 10))
        bench.look()
        log.unlink()
        writer.write(lines(10, 20))
        bench.settle()
        notices = bench.reader.warnings()

    assert list(range(20)) == bench.steps()
    [notice] = notices
    assert notice.startswith(f"{log}: deleted, but still written")


def test_f22_a_deleted_file_is_let_go_when_nobody_writes_it(
    bench: Bench, log: Path
) -> None:
    """The disk's space is free again some time after the last writer ended."""
    append(log, lines(0, 10))
    bench.look()
    log.unlink()
    bench.writer = "alive"
    bench.clock.up += 3600.0
    bench.look()
    bench.reader.evict_idle()
    [watched] = bench.reader.tails.values()
    held = watched.fd

    bench.writer = "gone"
    bench.reader.evict_idle()

    assert held is not None
    assert watched.fd is None
