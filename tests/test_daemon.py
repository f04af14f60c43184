"""The daemon, turn by turn: what it makes, when, and what it says of each run."""

import json
import os
import re
import shutil
from collections.abc import Collection, Iterator
from pathlib import Path

import click
import pytest
from inline import Inline, watching
from oracle import FakeClock, until

from watcher.alerts import outbox
from watcher.cli import cli
from watcher.commands import options
from watcher.config import Config
from watcher.errors import StorageUnavailableError
from watcher.files import distinct_names
from watcher.storage.rows import Row


DEMO = Path(__file__).parent / "data" / "demo" / "demo.log"


class FakeWriters:
    """What a test says of who writes."""

    def __init__(self, box: "Box") -> None:
        self._box = box

    def state(self, *_: object) -> str:
        """Whether a file is written."""
        return self._box.writer


class Box:
    """A folder of logs, and a daemon that watches it without processes or threads."""

    def __init__(self, folder: Path, *, keep: int = 2, html: bool = False) -> None:
        self.keep, self.html = keep, html
        self.logs = folder / "logs"
        self.roots = [self.logs]
        self.out = folder / "plots"
        self.state = self.out / ".gptwatch"
        self.clock = FakeClock()
        self.writer = "alive"
        self.open()

    def open(self) -> None:
        """Starts a daemon."""
        self.daemon = watching(
            self.roots,
            self.out,
            self.state,
            clock=self.clock,
            keep=self.keep,
            html=self.html,
        )
        self.daemon.writers.look = lambda _: FakeWriters(self)

    def pass_time(self, seconds: float = 60.0) -> None:
        """So much time passes, and the schedule with it."""
        self.clock.up += seconds
        self.daemon.post_all()
        self.daemon.tick()

    def state_of(self, name: str) -> str:
        """The state of a run."""
        row = next(r for r in self.daemon.store.runs() if r.name == name)
        return str(row.state.get("state"))

    def made(self, run: str) -> list[str]:
        """Files of a run, dated ones without their date."""
        folder = self.out / run
        names = sorted(p.name for p in folder.iterdir()) if folder.is_dir() else []
        return sorted({re.sub(r"_\d{8}_\d{6}", "", name) for name in names})


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    found = Box(tmp_path)
    yield found
    found.daemon.close()


def lines(first: int, last: int, planned: int = 5000) -> str:
    """Iterations of a healthy run, one line each."""
    head = f"max_iters = {planned}\n" if first == 0 else ""
    return head + "".join(
        f"iter {i}: loss {3 - i * 1e-4:.4f}, time 20.00ms, mfu 9.00%\n"
        for i in range(first, last)
    )


def pictures(box: Box) -> list[int]:
    """The steps of the archived pictures of a.log, in the order they were written."""
    found = sorted(
        (box.out / "a.log").glob("iter_*"), key=lambda p: p.stat().st_mtime_ns
    )
    return [int(path.name.split("_")[1]) for path in found]


def write(path: Path, text: str) -> None:
    """A trainer writes on."""
    with path.open("a", encoding="utf-8") as file:
        file.write(text)


def test_a_log_gets_its_latest_files(box: Box) -> None:
    """Picture, report and data of a run lie in a folder of its name."""
    write(box.logs / "a.log", lines(0, 50))

    box.pass_time()

    assert ["latest.json", "latest.png", "latest.txt"] == box.made("a.log")
    data = json.loads((box.out / "a.log" / "latest.json").read_bytes())
    assert 50 == len(data["training"]["iters"])


def test_a_report_in_one_file_where_it_is_wanted(tmp_path: Path) -> None:
    """`start --html`: beside each picture, with the points of the log."""
    box = Box(tmp_path, html=True)
    write(box.logs / "a.log", lines(0, 50))

    box.pass_time()
    box.daemon.close()

    assert "latest.html" in box.made("a.log")
    page = (box.out / "a.log" / "latest.html").read_text(encoding="utf-8")
    assert page.startswith("<!doctype html>")
    assert '"records":50' in page


def test_latest_files_follow_the_log(box: Box) -> None:
    """What was appended is in the data after the next schedule."""
    path = box.logs / "a.log"
    write(path, lines(0, 50))
    box.pass_time()

    write(path, lines(50, 80))
    box.pass_time()

    data = json.loads((box.out / "a.log" / "latest.json").read_bytes())
    assert list(range(80)) == data["training"]["iters"]


def test_an_unchanged_run_is_not_drawn_again(box: Box) -> None:
    """A schedule draws only what changed."""
    write(box.logs / "a.log", lines(0, 50))
    box.pass_time()
    picture = box.out / "a.log" / "latest.png"
    before = picture.stat().st_mtime_ns, picture.stat().st_ino

    box.pass_time()
    box.pass_time()

    assert before == (picture.stat().st_mtime_ns, picture.stat().st_ino)


def test_every_hundred_iterations_a_picture_is_kept(box: Box) -> None:
    """A picture is named by the last round step; the oldest beyond the number go."""
    path = box.logs / "a.log"
    write(path, lines(0, 20))
    box.pass_time()
    for first in (20, 120, 220, 320):
        write(path, lines(first, first + 100))
        box.pass_time()
    box.pass_time()

    kept = [name for name in box.made("a.log") if name.startswith("iter")]
    assert ["iter_300_a.png", "iter_400_a.png"] == kept


@pytest.mark.slow
def test_pictures_that_were_missed_are_drawn_from_the_store(tmp_path: Path) -> None:
    """A log that grew by many round steps at once has the picture of each, in order."""
    box = Box(tmp_path, keep=20)
    path = box.logs / "a.log"
    write(path, lines(0, 20))
    box.pass_time()

    write(path, lines(20, 1050))
    box.pass_time()
    first = pictures(box)
    box.pass_time()
    box.pass_time()

    box.daemon.close()
    assert [100, 200, 300] == first
    assert list(range(100, 1001, 100)) == pictures(box)


def test_a_run_that_ends_gets_all_pictures_that_are_kept(box: Box) -> None:
    """What was missed at the end comes with the dated files, the newest as kept."""
    path = box.logs / "a.log"
    write(path, lines(0, 20, planned=1000))
    box.pass_time()

    write(path, lines(20, 1000))
    box.writer = "gone"
    box.pass_time()
    box.pass_time()

    assert "finished" == box.state_of("a.log")
    assert [800, 900] == pictures(box)


def test_what_was_there_before_gets_no_dated_pictures(box: Box) -> None:
    """A log that is found half-written has only its latest picture."""
    write(box.logs / "a.log", lines(0, 1050))

    box.pass_time()
    box.pass_time()

    assert not any(name.startswith("iter") for name in box.made("a.log"))


def test_a_run_that_ends_leaves_dated_files(box: Box) -> None:
    """At its end picture, report and data are written under names with the date."""
    path = box.logs / "a.log"
    write(path, lines(0, 4000))
    box.pass_time()

    write(path, lines(4000, 5001))
    box.writer = "gone"
    box.pass_time()
    box.pass_time()

    kinds = ("data_a.json", "metrics_a.png", "summary_a.txt")
    dated = [f"training_{kind}" for kind in kinds]
    assert dated == [n for n in box.made("a.log") if n.startswith("training")]
    assert "finished" == box.state_of("a.log")


def once(box: Box, path: Path, *, reuse: bool = False) -> list[str]:
    """The dated files of a run's directory after another analysis, without dates."""
    context = click.Context(cli, obj=Config())
    options.conclude(
        path,
        context,
        out=box.out,
        lang="en",
        theme="light",
        window=None,
        output=options.Output(reuse=reuse, quiet=True),
    )
    assert [] == list(box.out.glob("training_*"))
    return sorted(p.name for p in (box.out / "a.log").glob("training_metrics_*"))


def test_dated_files_of_a_run_lie_in_one_place(box: Box) -> None:
    """Those of `once` lie where the daemon's do; `run --watch` takes the daemon's."""
    path = box.logs / "a.log"
    write(path, lines(0, 4000))
    box.pass_time()
    assert 1 == len(once(box, path, reuse=True))
    for file in (box.out / "a.log").glob("training_*"):
        file.unlink()
    box.clock.jump = 60  # another date than that of `once`

    write(path, lines(4000, 5001))
    box.writer = "gone"
    box.pass_time()
    box.pass_time()

    assert 1 == len(once(box, path, reuse=True))
    assert 2 == len(once(box, path))


def test_an_old_log_is_adopted_in_silence(box: Box) -> None:
    """A log that was over long ago gets its picture, no dated files and no alert."""
    path = box.logs / "a.log"
    shutil.copy(DEMO, path)
    os.utime(path, (1e9, 1e9))
    box.writer = "gone"

    box.pass_time()
    box.pass_time()

    assert ["latest.json", "latest.png", "latest.txt"] == box.made("a.log")


@pytest.mark.slow
def test_a_silent_log_whose_writer_lives_is_stalled(box: Box) -> None:
    """Silence that is longer than ever, and a living process: stalled."""
    path = box.logs / "a.log"
    for first in range(0, 100, 10):
        write(path, lines(first, first + 10))
        box.pass_time(10)
    assert "running" == box.state_of("a.log")

    box.pass_time(3600)

    assert "stalled" == box.state_of("a.log")


@pytest.mark.slow
def test_a_stalled_log_that_goes_on_runs(box: Box) -> None:
    """The next line ends a stall."""
    path = box.logs / "a.log"
    for first in range(0, 100, 10):
        write(path, lines(first, first + 10))
        box.pass_time(10)
    box.pass_time(3600)

    write(path, lines(100, 110))
    box.pass_time(1)

    assert "running" == box.state_of("a.log")


def test_a_living_writer_is_never_called_crashed(box: Box) -> None:
    """A traceback that was caught is none, as long as the process lives."""
    path = box.logs / "a.log"
    write(path, lines(0, 50))
    write(path, "Traceback (most recent call last):\nRuntimeError: nccl\n")

    box.pass_time()
    assert "running" == box.state_of("a.log")
    box.writer = "gone"
    box.pass_time()

    assert "crashed" == box.state_of("a.log")


def test_a_writer_that_vanished_has_stopped(box: Box) -> None:
    """No process, no word, and the last step not reached: stopped, with a finding."""
    write(box.logs / "a.log", lines(0, 50))
    box.pass_time()

    box.writer = "gone"
    box.pass_time()

    assert "stopped" == box.state_of("a.log")
    case = next(iter(box.daemon.scheduler.runs.values()))
    assert ["crashed"] == [
        f["rule"] for f in box.daemon.scheduler.states.findings(case)
    ]


def test_a_second_training_is_a_second_run(box: Box) -> None:
    """Writing the log anew keeps the first run, with its last files."""
    path = box.logs / "a.log"
    write(path, lines(0, 50))
    box.pass_time()

    path.write_text(lines(0, 30).replace("loss 2", "loss 1"), encoding="utf-8")
    box.pass_time()
    box.pass_time()

    names = [row.name for row in box.daemon.store.runs()]
    assert ["a.log", "a.log#2"] == names
    assert "replaced" == box.state_of("a.log")
    assert any("training_metrics" in name for name in box.made("a.log"))
    box.pass_time()
    held = [case.run for case in box.daemon.scheduler.runs.values()]
    assert held == [row.id for row in box.daemon.store.current_runs()]
    assert "latest.png" in box.made("a.log#2")


def test_a_restart_draws_nothing_again(box: Box) -> None:
    """What the store knows needs no second look."""
    write(box.logs / "a.log", lines(0, 50))
    box.pass_time()
    picture = box.out / "a.log" / "latest.png"
    before = picture.stat().st_ino

    box.daemon.close()
    box.open()
    box.pass_time()

    assert before == picture.stat().st_ino
    assert 1 == len(box.daemon.store.runs())


def test_other_parser_state_is_read_again(box: Box) -> None:
    """A store whose parser nobody can read on with costs a second reading, no more."""
    path = box.logs / "a.log"
    write(path, lines(0, 50))
    box.pass_time()
    box.daemon.close()
    box.open()
    with box.daemon.store.transaction():
        run = box.daemon.store.runs()[0].id
        box.daemon.store.set(run, parser={"from": "elsewhere"})

    write(path, lines(50, 60))
    box.pass_time()

    row = box.daemon.store.runs()[0]
    assert (61, 59) == (row.lines, row.latest["step"])
    assert 60 == len(box.daemon.store.load(row.id)[0].column("loss")[0])


def test_our_own_files_are_no_logs(box: Box) -> None:
    """Reports below the watched folder are not watched."""
    box.daemon.close()
    inside = box.logs / "plots"
    box.out = inside
    box.state = inside / ".gptwatch"
    box.state.mkdir(parents=True)
    box.open()
    write(box.logs / "a.log", lines(0, 50))

    box.pass_time()
    box.pass_time()

    assert ["a.log"] == [row.name for row in box.daemon.store.runs()]
    assert (inside / "a.log" / "latest.txt").exists()


def test_a_folder_that_comes_late_is_watched(box: Box) -> None:
    """The watched folder may be missing, and be made later."""
    shutil.rmtree(box.logs)
    box.pass_time()
    assert box.daemon.reader.registry.errors

    box.logs.mkdir()
    write(box.logs / "a.log", lines(0, 50))
    box.pass_time()

    assert {} == box.daemon.reader.registry.errors
    assert ["a.log"] == [row.name for row in box.daemon.store.runs()]


def notified(box: Box) -> list[str]:
    """Kinds and rules of the notices in the file of alerts."""
    path = box.out / "alerts.jsonl"
    rows = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    notices = [json.loads(row) for row in rows]
    return [f"{notice['kind']} {notice['rule']}" for notice in notices]


NAN = "iter 50: loss nan, time 20.00ms, mfu 9.00%\n"


def test_a_bad_loss_is_found_at_once(box: Box) -> None:
    """It waits neither for the schedule nor for what drawing has cost."""
    path = box.logs / "a.log"
    write(path, lines(0, 50))
    box.pass_time()

    write(path, NAN)
    box.clock.up += 0.5
    box.daemon.mailbox.put("scan")
    box.daemon.tick()

    case = next(iter(box.daemon.scheduler.runs.values()))
    assert ["not_finite"] == [finding["rule"] for finding in case.findings]


def test_the_last_lines_notify_before_the_end(box: Box) -> None:
    """A daemon that is stopped still judges and tells what is new."""
    path = box.logs / "a.log"
    write(path, lines(0, 50))
    box.pass_time()

    write(path, NAN)
    box.clock.up += 0.5
    box.daemon.drain(3.0)

    assert ["firing not_finite"] == notified(box)


def test_an_old_log_tells_nothing(box: Box) -> None:
    """What went wrong long ago is listed, and nobody is woken."""
    path = box.logs / "a.log"
    write(path, lines(0, 50) + NAN)
    os.utime(path, (1e9, 1e9))
    box.writer = "gone"

    box.pass_time()
    box.daemon.drain(3.0)

    assert [] == notified(box)
    alerts = outbox.load(box.daemon.store.outbox, 1)
    assert ["not_finite"] == [alert.rule for alert in alerts.values()]


@pytest.mark.slow
def test_a_stall_notifies_and_resolves(box: Box) -> None:
    """Silence that is too long fires; the next lines resolve it."""
    path = box.logs / "a.log"
    for first in range(0, 100, 10):
        write(path, lines(first, first + 10))
        box.pass_time(10)
    box.pass_time(3600)
    until(lambda: notified(box))  # else a clock that jumps sends it again
    write(path, lines(100, 110))
    box.pass_time(1)
    box.clock.jump += 3600

    box.pass_time(1)
    box.daemon.drain(3.0)

    assert ["firing stalled", "resolved stalled"] == notified(box)


def test_a_stall_counts_from_the_last_line(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It waits for the analysis that drawing has delayed, and is notified once."""
    monkeypatch.setattr(Inline, "cost_s", 0.7)
    for first in range(0, 100, 10):
        write(box.logs / "a.log", lines(first, first + 10))
        box.pass_time(10)
    box.pass_time(3600)

    alerts = outbox.load(box.daemon.store.outbox, 1)
    assert ["stalled:99"] == [f"{a.rule}:{a.finding['step']}" for a in alerts.values()]


def test_two_directories_with_a_log_of_one_name(box: Box) -> None:
    """Each directory has its own below the output directory; no run takes turns."""
    box.daemon.close()
    box.roots = [box.logs / "gpu0", box.logs / "gpu1"]
    for first, root in enumerate(box.roots):
        root.mkdir()
        write(root / "a.log", lines(first, first + 50))
    box.open()

    box.pass_time()
    box.pass_time()

    found = {
        root.name: json.loads((box.out / root.name / "a.log/latest.json").read_bytes())
        for root in box.roots
    }
    firsts = {name: data["training"]["iters"][0] for name, data in found.items()}
    assert {"gpu0": 0, "gpu1": 1} == firsts


@pytest.mark.parametrize(
    ("folders", "expected"),
    [
        (["/a/logs"], ["logs"]),
        (["/a/x", "/a/y"], ["x", "y"]),
        (["/gpu0/logs", "/gpu1/logs"], ["gpu0-logs", "gpu1-logs"]),
        (["/logs", "/a/logs"], ["logs", "a-logs"]),
        (["/"], [""]),
        ([], []),
    ],
)
def test_directories_are_named_by_few_parts(
    folders: list[str], expected: list[str]
) -> None:
    """The shortest ends of their paths that differ."""
    assert expected == list(distinct_names([Path(f) for f in folders]).values())


def slowly(box: Box, name: str = "a.log") -> None:
    """A log that gets ten lines each ten seconds."""
    for first in range(0, 100, 10):
        write(box.logs / name, lines(first, first + 10))
        box.pass_time(10)


@pytest.mark.slow
def test_nothing_ends_while_bytes_are_unread(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that finished is not called crashed for lines that were not read yet."""
    slowly(box)
    box.pass_time(30)
    write(box.logs / "a.log", lines(100, 5001))
    box.writer = "gone"
    with monkeypatch.context() as starved:
        starved.setattr(box.daemon.reader, "read", lambda _: [])
        box.pass_time(3600)
    assert "running" == box.state_of("a.log")

    box.pass_time()
    box.pass_time()

    assert "finished" == box.state_of("a.log")
    box.daemon.drain(3.0)
    assert "firing crashed" not in notified(box)


@pytest.mark.slow
def test_what_a_writer_leaves_when_it_is_asked_for_is_read_first(box: Box) -> None:
    """Lines between the reading and the question do not make a run stopped."""
    slowly(box)

    class Exiting(FakeWriters):
        def state(self, *_: object) -> str:
            if box.state_of("a.log") == "running" and not written:
                written.append(1)
                write(box.logs / "a.log", lines(100, 5001))
            return "gone"

    written: list[int] = []
    box.daemon.writers.look = lambda _: Exiting(box)
    for _ in range(3):
        box.pass_time()

    assert "finished" == box.state_of("a.log")
    assert "firing crashed" not in notified(box)


@pytest.mark.slow
def test_a_starved_daemon_calls_no_growing_log_stalled(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Silence lasts up to the last look, not until now."""
    slowly(box)
    with monkeypatch.context() as starved:
        starved.setattr(box.daemon.reader, "read", lambda _: [])
        for _ in range(10):
            box.pass_time(600)

    assert "running" == box.state_of("a.log")


def test_lateness_is_logged_and_noted(
    box: Box, caplog: pytest.LogCaptureFixture
) -> None:
    """A daemon that gets too little CPU says so, once, and in its status."""
    box.pass_time(1)
    caplog.clear()

    box.pass_time(61.0)
    box.pass_time(61.0)

    [line] = [m for m in caplog.messages if "s late" in m]
    assert line.startswith("logs are read 60 s late")
    assert 60.5 == box.daemon.store.note("daemon")["late_s"]


def test_a_log_that_is_renamed_over_another_leaves_no_case(box: Box) -> None:
    """The run whose path was taken is replaced, gets its last plot, and is dropped."""
    write(box.logs / "a.log", lines(0, 50))
    box.pass_time()
    write(box.logs / "new.log", lines(0, 30))
    box.pass_time()

    (box.logs / "new.log").replace(box.logs / "a.log")
    box.pass_time()
    write(box.logs / "a.log", lines(30, 40))
    for _ in range(2):
        box.pass_time()

    current = [row.id for row in box.daemon.store.current_runs()]
    assert current == list(box.daemon.scheduler.runs)
    assert "replaced" == box.state_of("a.log")
    assert "latest.png" in box.made("a.log#2")


def test_a_rename_while_the_database_is_locked(box: Box) -> None:
    """The daemon goes on, and finds the log when it can write again."""
    write(box.logs / "a.log", lines(0, 50))
    box.pass_time()
    (box.logs / "done").mkdir()
    (box.logs / "a.log").rename(box.logs / "done" / "a.log")
    execute = box.daemon.store.connection.execute
    execute("PRAGMA query_only = 1")
    box.pass_time()
    assert "readonly" in box.daemon.reader.error
    execute("PRAGMA query_only = 0")

    box.pass_time()

    assert ["done/a.log"] == [row.name for row in box.daemon.store.runs()]
    assert "" == box.daemon.reader.error


def test_a_generation_that_began_while_the_database_was_locked(box: Box) -> None:
    """A run that the scheduler could not look up is looked up again."""
    write(box.logs / "a.log", lines(0, 50))
    box.pass_time()
    plain, failures = box.daemon.store.run, [StorageUnavailableError("locked")]

    def run(number: int) -> Row:
        if failures:
            raise failures.pop()
        return plain(number)

    write(box.logs / "b.log", lines(0, 50))
    box.daemon.store.run = run  # type: ignore[method-assign, assignment]
    box.pass_time()
    box.pass_time()

    assert [] == failures
    assert "latest.png" in box.made("b.log")


def test_stop_is_obeyed_before_other_messages(box: Box) -> None:
    """A tick ends at a stop, however fast messages come in."""
    box.daemon.mailbox.put("stop")
    plain = box.daemon.mailbox.has_messages
    box.daemon.mailbox.has_messages = lambda: plain() or True  # type: ignore[method-assign]

    box.daemon.tick()

    assert "stop" == box.daemon._exit


@pytest.mark.slow
def test_writers_are_looked_for_once_for_all_logs(box: Box) -> None:
    """One look through all processes a refresh, and one for all rotated files."""
    looks: list[int] = []

    def look_for_writers(keys: Collection[tuple[int, int]]) -> FakeWriters:
        looks.append(len(keys))
        return FakeWriters(box)

    box.daemon.writers.look = look_for_writers
    paths = [box.logs / f"{n}.log" for n in range(20)]
    for path in paths:
        write(path, lines(0, 5))
    box.pass_time(1.0)
    looks.clear()
    box.pass_time(1.0)
    refresh = looks.copy()
    for path in paths:
        path.rename(f"{path}.1")
        write(path, lines(5, 9))
    box.pass_time(1.0)
    looks.clear()
    box.pass_time(1.0)

    assert [20] == refresh
    assert [20, 20] == looks
