"""Hints that files changed: they come from the system, and nobody relies on them."""

import errno
import os
import resource
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from oracle import WAIT_S, append, lines, until
from watchdog.observers import Observer

from watcher.daemon.mailbox import Mailbox
from watcher.host.inotify import Events
from watcher.ingest.discovery import Scanner


class Watch:
    """Events of a folder, and the paths that they named."""

    def __init__(self, *roots: Path) -> None:
        self.names: list[str] = []
        self.events = Events(roots, self.names.append)
        self.events.arm()

    def expect(self, path: Path) -> None:
        """Waits until a path was named."""
        until(lambda: str(path) in self.names)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A watched folder."""
    folder = tmp_path / "logs"
    folder.mkdir()
    return folder


@pytest.fixture
def watch(root: Path) -> Iterator[Watch]:
    """Events of the folder."""
    made = Watch(root)
    yield made
    made.events.stop()


def test_the_inbox_gives_each_path_once_and_messages_in_order() -> None:
    """Ten thousand events of one file are one path."""
    mailbox = Mailbox()
    for _ in range(10_000):
        mailbox.touch("a.log")
    mailbox.touch("b.log")
    mailbox.put("scan")
    mailbox.put("result", 7)

    assert mailbox.has_messages()
    taken = mailbox.take()
    assert ([("scan", None), ("result", 7)], {"a.log", "b.log"}, 10_001) == taken
    assert ([], set(), 0) == mailbox.take()
    assert not mailbox.has_messages()


@pytest.mark.parametrize("act", ["put", "touch"])
def test_the_inbox_wakes_its_owner(act: str) -> None:
    """Who waits for the mailbox goes on when something comes."""
    mailbox = Mailbox()
    woken = threading.Event()

    def wait() -> None:
        mailbox.wait(3600.0)
        woken.set()

    owner = threading.Thread(target=wait)
    owner.start()

    getattr(mailbox, act)("x")

    assert woken.wait(WAIT_S)
    owner.join()


def test_files_that_change_do_not_wake_who_waits_for_messages() -> None:
    """Under a flood of events the owner sleeps until its pace is over."""
    mailbox = Mailbox()
    mailbox.touch("a.log")

    mailbox.wait_for_message(0.0)

    assert not mailbox.has_messages()
    assert {"a.log"} == mailbox.take()[1]


@pytest.mark.parametrize("raw", [b"train.log", b"a\xff.log", "журнал.log".encode()])
def test_a_line_is_an_event(root: Path, watch: Watch, raw: bytes) -> None:
    """A file that is made, and one that grows, are named as they are."""
    path = root / os.fsdecode(raw)
    append(path, lines(0, 1))
    watch.expect(path)
    watch.names.clear()

    append(path, lines(1, 2))

    watch.expect(path)


def test_a_rename_tells_both_names(root: Path, watch: Watch) -> None:
    """The old name and the new one may be logs."""
    append(root / "a.log", b"x")
    watch.expect(root / "a.log")
    watch.names.clear()

    (root / "a.log").rename(root / "b.log")

    watch.expect(root / "a.log")
    watch.expect(root / "b.log")


def test_files_in_new_directories_are_events(root: Path, watch: Watch) -> None:
    """A run makes its own folder, then its log."""
    folder = root / "runs" / "7"
    folder.mkdir(parents=True)
    for _ in range(100):  # what happens before the new folder is watched is missed
        append(folder / "a.log", b"x")
        append(root / "sign", b"x")
        watch.expect(root / "sign")
        watch.names.remove(str(root / "sign"))

    assert str(folder / "a.log") in watch.names


def test_f33_our_own_reading_makes_no_events(root: Path, watch: Watch) -> None:
    """A thousand looks at a log wake nobody."""
    path = root / "train.log"
    append(path, lines(0, 10))
    watch.expect(path)
    append(root / "sign", b"x")
    watch.expect(root / "sign")
    watch.names.clear()

    for _ in range(1000):
        path.read_bytes()
        list(root.iterdir())
    append(root / "end", b"x")

    watch.expect(root / "end")
    assert {str(root / "end")} == set(watch.names) - {str(root / "sign")}


def test_nothing_is_started_again_where_all_is_well(root: Path, watch: Watch) -> None:
    """To look after the events costs next to nothing."""
    observer = watch.events._observer

    watch.events.arm()

    assert observer is watch.events._observer
    assert root.exists()


def test_f31_a_root_that_comes_late(tmp_path: Path) -> None:
    """A missing folder is watched from the first look after it came."""
    root = tmp_path / "logs"
    watch = Watch(root)
    assert not watch.events.running
    root.mkdir()

    watch.events.arm()
    append(root / "a.log", b"x")

    watch.expect(root / "a.log")
    watch.events.stop()


@pytest.mark.parametrize("how", ["deleted", "renamed"])
def test_f31_a_root_that_is_made_again(root: Path, watch: Watch, how: str) -> None:
    """Where another folder has the name, that one is watched."""
    if how == "deleted":
        root.rmdir()
    else:
        root.rename(root.with_name("old"))
    root.mkdir()

    def look() -> bool:
        watch.events.arm()
        append(root / "a.log", b"x")
        return str(root / "a.log") in watch.names

    # The new folder may have the old one's inode; then its thread must end first.
    until(look)


def test_f29_events_that_died_are_started_again(root: Path, watch: Watch) -> None:
    """Whatever ended the thread that tells, the next look finds out."""
    [emitter] = watch.events._observer.emitters
    emitter.stop()
    emitter.join()

    watch.events.arm()
    append(root / "a.log", b"x")

    watch.expect(root / "a.log")


def test_f30_no_inotify_instances_left(root: Path) -> None:
    """Without events that is said, and tried again later."""
    threads = threading.active_count()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    # Files are numbered from the lowest free number.
    used = max(int(fd.name) for fd in Path("/proc/self/fd").iterdir())
    held = [os.dup(0) for _ in range(used)]
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(held) + 1, hard))
    try:
        watch = Watch(root)
        first = watch.events.running, watch.events.error
        left = threading.active_count() - threads
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for fd in held:
            os.close(fd)
    watch.events.arm()
    append(root / "a.log", b"x")

    watch.expect(root / "a.log")
    text = "no inotify instances left; polling (see gptwatch doctor)"
    assert (False, text) == first
    assert 0 == left
    assert "" == watch.events.error
    watch.events.stop()


def test_f30_no_inotify_watches_left(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other limit has another message."""

    def refused(_: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Observer, "start", refused)

    watch = Watch(root)

    assert not watch.events.running
    assert "no inotify watches left" in watch.events.error


def test_a_symlink_to_a_folder_is_watched(
    root: Path, tmp_path: Path, watch: Watch
) -> None:
    """The kernel does not follow it; events name the log as a scan finds it."""
    far = tmp_path / "far"
    far.mkdir()
    (root / "link").symlink_to(far)
    linked: list[Path] = []
    assert not list(Scanner().logs(root, linked=linked))

    watch.events.arm(linked)
    append(far / "a.log", lines(0, 1))

    watch.expect(root / "link" / "a.log")
