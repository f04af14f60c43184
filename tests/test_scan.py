"""Which files of a folder are logs."""

import os
from pathlib import Path

import pytest
from oracle import Bench, append, lines, open_to_all

from watcher.ingest.discovery import Scanner
from watcher.ingest.tail import Tail


def touch(root: Path, *names: str) -> None:
    """Makes empty files, and the folders that they stand in."""
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def names(root: Path, scanner: Scanner) -> list[str]:
    """What a scan finds."""
    return [str(found.path.relative_to(root)) for found in scanner.logs(root)]


def test_logs_are_known_by_their_names(tmp_path: Path) -> None:
    """Logs, outputs, texts and tables at any depth; nothing hidden."""
    touch(tmp_path, "a.log", "b.out", "c.txt", "d.jsonl", "x/y/e.csv")
    touch(tmp_path, "f.pt", "g.log.bak", "h", ".i.log", ".git/j.log", "x/.k/l.log")

    found = names(tmp_path, Scanner())

    assert ["a.log", "b.out", "c.txt", "d.jsonl", "x/y/e.csv"] == found


@pytest.mark.parametrize(
    ("patterns", "ignore", "expected"),
    [
        (["*.log"], [], ["a.log", "old/b.log", "runs/7/c.log"]),
        (["slurm-*.out"], [], ["slurm-12.out"]),
        (["runs/*/*.log"], [], ["runs/7/c.log"]),
        (["*.log"], ["old"], ["a.log", "runs/7/c.log"]),
        (["*.log"], ["a.*", "runs/7"], ["old/b.log"]),
        (["*.log"], ["runs/*"], ["a.log", "old/b.log"]),
    ],
)
def test_patterns_and_what_to_leave_out(
    tmp_path: Path, patterns: list[str], ignore: list[str], expected: list[str]
) -> None:
    """A pattern is of names, or of paths where it holds a slash."""
    touch(tmp_path, "a.log", "old/b.log", "runs/7/c.log", "slurm-12.out", "A.LOG")
    scanner = Scanner(patterns=patterns, ignore=ignore)

    assert expected == names(tmp_path, scanner)


def test_f33_what_gptwatch_writes_is_no_log(tmp_path: Path) -> None:
    """Reports in the watched folder are not read as logs."""
    touch(tmp_path, "a.log", "plots/a.log/latest.txt", "state/x.txt", "plots2/b.txt")
    scanner = Scanner(own=[tmp_path / "plots", tmp_path / "state"])

    assert ["a.log", "plots2/b.txt"] == names(tmp_path, scanner)
    assert not scanner.wants(tmp_path, tmp_path / "plots" / "a.log" / "latest.txt")


@pytest.mark.parametrize(
    "name",
    ["a.log", "x/b.txt", "c.pt", ".d.log", ".git/e.log", "own/f.log", "skip/g.log"],
)
def test_a_single_path_is_judged_as_a_scan_would(tmp_path: Path, name: str) -> None:
    """An event names one path; the scan's word on it must be the same."""
    touch(tmp_path, name)
    scanner = Scanner(ignore=["skip"], own=[tmp_path / "own"])

    assert (names(tmp_path, scanner) == [name]) == scanner.wants(
        tmp_path, tmp_path / name
    )


def test_links_come_last(tmp_path: Path) -> None:
    """A file's own name is found before the links to it."""
    root = tmp_path / "logs"
    touch(root, "z.log")
    touch(root, "plain/q.log")
    touch(tmp_path, "other/r.log")
    (root / "a.log").symlink_to("z.log")
    (root / "again").symlink_to("plain")
    (root / "folder").symlink_to(tmp_path / "other")
    (root / "broken.log").symlink_to("nothing")

    expected = ["folder/r.log", "plain/q.log", "z.log", "a.log"]
    assert expected == names(root, Scanner())
    seen = (root / "z.log").stat()
    assert 2 == [f.key for f in Scanner().logs(root)].count((seen.st_dev, seen.st_ino))


def test_a_missing_root_is_an_error(tmp_path: Path) -> None:
    """The caller must be able to tell an empty folder from none."""
    assert [] == names(tmp_path, Scanner())
    with pytest.raises(FileNotFoundError):
        names(tmp_path / "gone", Scanner())


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")
def test_a_folder_that_may_not_be_read_hides_no_other(tmp_path: Path) -> None:
    """What is readable beside it is found."""
    root = tmp_path / "logs"
    touch(root, "a.log", "secret/b.log", "open/c.log")
    (root / "secret").chmod(0o700)
    open_to_all(tmp_path)
    os.seteuid(65534)
    try:
        found = names(root, Scanner())
    finally:
        os.seteuid(0)

    assert ["a.log", "open/c.log"] == found


def test_which_changes_call_for_a_scan(bench: Bench, log: Path) -> None:
    """Those of the folder, and of what may be a log or a folder of logs."""
    append(log, lines(0, 10))
    bench.look()
    [tail] = bench.reader.tails.values()
    (bench.logs / "more").mkdir()

    def touched(*paths: Path) -> tuple[list[Tail], bool]:
        return bench.reader.registry.touched(map(str, paths))

    assert ([tail], False) == touched(log)
    for path in bench.logs, bench.logs / "more", bench.logs / "new.log":
        assert ([tail], True) == touched(path, log)
    for path in bench.logs / "new.png", bench.logs.with_name("new.log"):
        assert ([], False) == touched(path)
