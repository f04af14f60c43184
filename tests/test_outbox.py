"""Notices reach every channel at least once, and not again after a restart."""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from examples import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from office import FakeClock, Office, finding
from oracle import WAIT_S, until
from receiver import Receiver

from parsers.parser import Parser
from watcher.alerts import outbox
from watcher.alerts.channels import DeliveryError
from watcher.alerts.channels.apprise import Service
from watcher.alerts.channels.command import Command
from watcher.alerts.channels.jsonl import JsonLines
from watcher.alerts.dispatcher import Dispatcher
from watcher.alerts.lifecycle import Alert, Moment, Settings, update
from watcher.alerts.outbox import backoff_s
from watcher.clock import iso
from watcher.daemon.mailbox import Mailbox
from watcher.errors import StorageError, StorageUnavailableError
from watcher.storage.checkpoint import Cursor
from watcher.storage.database import Database


ROOT = Path(__file__).parents[1]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    found = Receiver()
    yield found
    found.close()


def test_an_alert_reaches_a_web_service(tmp_path: Path, receiver: Receiver) -> None:
    """Title, sentence and advice arrive at a real receiver."""
    office = Office(tmp_path, Service(receiver.address))

    office.find(100)
    office.settle(1)

    assert ["gptwatch: a.log"] == [post["title"] for post in receiver.got]
    assert "Overfitting at 100.\nStop." == receiver.got[0]["message"]
    assert ["delivered"] == office.states()
    office.close()


def test_a_restart_repeats_nothing(tmp_path: Path, receiver: Receiver) -> None:
    """What was delivered is not delivered again, whatever is found again."""
    office = Office(tmp_path, Service(receiver.address))
    office.find(100)
    office.settle(1)
    office.close()

    office.open()
    office.find(100)
    office.alerting.beat()

    assert 1 == len(receiver.got)
    assert ["delivered"] == office.states()
    office.close()


def test_what_a_crash_left_undelivered_is_delivered(
    tmp_path: Path, receiver: Receiver
) -> None:
    """A notice that was kept and not sent goes out after the restart."""
    receiver.code = 503
    office = Office(tmp_path, Service(receiver.address))
    office.find(100)
    office.settle(1)
    office.close()
    receiver.code = 200

    office.open()
    office.clock.time += 3600
    office.alerting.beat()
    office.settle(1)

    assert 1 == len(receiver.got)
    office.close()


def test_a_network_that_fails_is_tried_again_later(
    tmp_path: Path, receiver: Receiver
) -> None:
    """Each failure doubles the wait; in between nothing is sent."""
    receiver.code = 500
    office = Office(tmp_path, Service(receiver.address))
    office.find(100)
    office.settle(1)
    waits = []
    for _ in range(3):
        tries, next_at = office.store.connection.execute(
            "SELECT attempts, next_attempt_at FROM deliveries"
        ).fetchone()
        waits.append((tries, next_at - office.clock.time))
        assert [] == office.store.outbox.due(next_at - 0.01)
        office.clock.time = next_at
        office.alerting.beat()
        office.settle(1)

    assert [(1, 5.0), (2, 10.0), (3, 20.0)] == waits
    receiver.code = 200
    office.clock.time += 3600
    office.alerting.beat()
    office.settle(1)
    assert 1 == len(receiver.got)
    office.close()


def test_a_channel_that_fails_is_reported_until_it_works(tmp_path: Path) -> None:
    """`status` and systemd get the reason."""
    channel = Flaky(works=False)
    office = Office(tmp_path, channel)
    assert "" == office.alerting.error

    office.find(100)
    office.settle(1)
    failing = office.alerting.error
    channel.works = True
    office.clock.time += 3600
    office.alerting.beat()
    office.settle(1)

    assert "alerts are not delivered: not today" == failing
    assert "" == office.alerting.error
    office.close()


def test_backoff_is_spread_and_bounded() -> None:
    """Many daemons whose network failed at once do not retry at once."""
    assert [5.0, 10.0, 20.0] == [backoff_s(n, 1.0) for n in range(3)]
    assert [2.5, 3.75, 5.0] == [backoff_s(0, jitter) for jitter in (0.0, 0.5, 1.0)]
    assert (450.0, 900.0) == (backoff_s(9999, 0.0), backoff_s(9999, 1.0))


DAY_S = 86_400.0


def test_a_notification_is_given_up_after_three_days(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The log says so, as it said that it is tried again; then nothing is due."""
    office = Office(tmp_path, Flaky(works=False))
    began = office.clock.time
    office.find(100)
    office.settle(1)
    for age in (1000.0, 3 * DAY_S, 3 * DAY_S + 1000.0):
        office.clock.time = began + age
        office.alerting.beat()
        office.settle(1)
    states = office.states()
    office.clock.time += DAY_S
    office.alerting.beat()

    assert ["failed"] == states
    assert not office.alerting.is_busy()
    assert {"delivered": 0, "failed": 4, "given_up": 1} == (
        office.store.outbox.attempts()
    )
    assert [
        "alert not delivered: not today; retrying",
        "alert not delivered: not today; given up",
    ] == [record.getMessage() for record in caplog.records]
    office.close()


def test_what_was_sent_is_kept_for_a_month(tmp_path: Path) -> None:
    """What is still due stays, however old it is."""
    channel = Flaky()
    office = Office(tmp_path, channel, Broken(DeliveryError("no")))
    began = office.clock.time
    office.find(100)
    office.settle(2)
    office.close()
    office.channels = (channel,)
    office.open()
    office.clock.time += 3600.0
    office.find(200)
    office.settle(2)

    def kept(age: float) -> tuple[list[float], list[str]]:
        outbox.delete_old(office.store.outbox, began + age)
        rows = office.store.connection.rows("SELECT created_at FROM notifications")
        return [at - began for (at,) in rows], office.states()

    assert ([0.0, 3600.0], ["delivered"] * 2 + ["pending"]) == kept(30 * DAY_S)
    assert ([0.0, 3600.0], ["delivered", "pending"]) == kept(30 * DAY_S + 1.0)
    assert ([0.0], ["pending"]) == kept(31 * DAY_S)
    office.close()


@pytest.mark.parametrize(
    ("error", "reason"),
    [(DeliveryError(""), "failed"), (KeyError("s3cret"), "broken: KeyError")],
)
def test_a_channel_that_fails_in_its_own_way(
    tmp_path: Path, error: Exception, reason: str
) -> None:
    """No reason is no success, and what another exception says is kept back."""
    office = Office(tmp_path, Broken(error))

    office.find(100)
    office.settle(1)

    assert ["pending"] == office.states()
    assert f"alerts are not delivered: {reason}" == office.alerting.error
    office.close()


def test_only_what_begins_needs_advice(tmp_path: Path) -> None:
    """Who is told that it is over has nothing to do."""
    path = tmp_path / "alerts.jsonl"
    office = Office(tmp_path, JsonLines(path))
    found = dict(finding(100))
    for fields in {}, {"confirmed_step": 150}, {"cleared_step": 200}:
        found |= fields
        office.alerting.update(office.row, [found], fresh=True, going=True)
        office.settle(1)

    sent = [json.loads(row) for row in path.read_text().splitlines()]
    assert ["firing", "confirmed", "resolved"] == [notice["kind"] for notice in sent]
    assert ["Stop.", "", ""] == [notice["advice"] for notice in sent]
    assert [None, 150, 150] == [notice["confirmed_step"] for notice in sent]
    assert [None, None, 200] == [notice["cleared_step"] for notice in sent]
    office.close()


def test_each_retry_draws_its_own_jitter(tmp_path: Path) -> None:
    """Once for each failure, from the source that was given."""
    drawn = iter([0.0, 0.5])
    office = Office(tmp_path, Flaky(works=False), jitter=lambda: next(drawn))
    waits = []
    office.find(100)
    for _ in range(2):
        office.settle(1)
        next_at = next_attempt_at(office)
        waits.append(next_at - office.clock.time)
        office.clock.time = next_at
        office.alerting.beat()

    assert [2.5, 7.5] == waits
    office.close()


def next_attempt_at(office: Office) -> float:
    """Of the only delivery."""
    found = office.store.connection.row("SELECT next_attempt_at FROM deliveries")
    assert found is not None
    return float(found[0])


def test_a_channel_is_known_wherever_it_stands(
    tmp_path: Path, receiver: Receiver
) -> None:
    """What waits for one service is not sent to another that took its place."""
    receiver.code, other = 503, Receiver()
    office = Office(tmp_path, Service(receiver.address))
    office.find(100)
    office.settle(1)
    office.close()
    receiver.code = 200

    office.channels = (Service(other.address), Service(receiver.address))
    office.open()
    office.clock.time += 3600
    office.alerting.beat()
    office.settle(1)

    assert (0, 1) == (len(other.got), len(receiver.got))
    other.close()
    office.close()


def test_a_database_that_is_locked_ends_no_delivery(tmp_path: Path) -> None:
    """Asking what is due may fail as writing may, in the same way."""
    office = Office(tmp_path)
    office.store.connection.execute("DROP TABLE deliveries")

    with pytest.raises(StorageError, match="no such table"):
        office.alerting.deliver()
    office.close()


def test_a_dead_channel_holds_up_no_other(tmp_path: Path, receiver: Receiver) -> None:
    """A channel that hangs has its own thread; the others deliver."""
    gate = threading.Event()

    class Hanging:
        """Waits for a test to be over."""

        name = "hanging"

        def send(self, notice: Mapping[str, Any]) -> None:
            """Waits."""
            gate.wait(WAIT_S)
            raise DeliveryError(f"too late for {notice['run']}")

    office = Office(tmp_path, Hanging(), Service(receiver.address))

    office.find(100)
    office.settle(1)

    [hanging] = [t for t in threading.enumerate() if t.name == "to hanging"]
    assert 1 == len(receiver.got)
    assert ["delivered", "pending"] == office.states()
    assert hanging.daemon  # it does not keep the process alive
    gate.set()
    office.settle(1)
    office.close()


def test_after_a_stop_nothing_more_is_begun(tmp_path: Path) -> None:
    """What waits for a slow channel is sent after the restart, and only then."""
    begun: list[str] = []
    started, gate = threading.Event(), threading.Event()

    class Slow:
        """Takes as long as a test wants."""

        name = "slow"

        def send(self, notice: Mapping[str, Any]) -> None:
            """Waits."""
            begun.append(notice["message"])
            started.set()
            gate.wait(WAIT_S)

    office = Office(tmp_path, Slow())
    office.find(100, 200)
    started.wait(WAIT_S)

    office.close()
    gate.set()
    until(lambda: "to slow" not in {t.name for t in threading.enumerate()})

    assert ["Overfitting at 100."] == begun


def test_after_a_stop_no_channel_waits(tmp_path: Path) -> None:
    """Whoever starts and stops alerting in one process keeps no threads."""
    office = Office(tmp_path, Flaky())
    office.find(100)
    office.settle(1)

    office.close()

    until(lambda: "to flaky" not in {t.name for t in threading.enumerate()})


def test_what_cannot_be_noted_is_noted_later(tmp_path: Path) -> None:
    """While the disk is full, what was accepted is not sent again and again."""
    path = tmp_path / "alerts.jsonl"
    office = Office(tmp_path, JsonLines(path))
    office.find(100)
    office.store.connection.execute("PRAGMA query_only = 1")

    with pytest.raises(StorageUnavailableError):
        office.settle(1)
    with pytest.raises(StorageUnavailableError):
        office.alerting.beat()
    office.store.connection.execute("PRAGMA query_only = 0")
    office.alerting.beat()

    assert ["delivered"] == office.states()
    assert 1 == len(path.read_text().splitlines())
    office.close()


def test_secrets_are_in_no_message(
    tmp_path: Path, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither the store, nor the log, nor a name holds an address."""
    receiver.code = 403
    service = Service(receiver.address)
    office = Office(tmp_path, service)

    office.find(100)
    office.settle(1)

    (error,) = office.store.connection.execute(
        "SELECT error FROM deliveries"
    ).fetchone()
    office.close()
    store = b"".join(p.read_bytes() for p in tmp_path.iterdir())
    for text in (error, caplog.text, service.name, repr(service)):
        assert "s3cret" not in text
    assert b"s3cret" not in store
    assert "json://***" in error


def test_rate_limited_notifications_come_as_a_digest(tmp_path: Path) -> None:
    """Beyond `max_per_hour` they are deferred into one digest; nothing is lost."""
    path = tmp_path / "alerts.jsonl"
    office = Office(tmp_path, JsonLines(path), most=2)

    office.find(100, 200, 300, 400)
    office.settle(2)
    office.clock.time += 3599
    office.alerting.beat()
    assert not office.alerting.is_busy()
    office.clock.time += 2
    office.alerting.beat()
    office.settle(1)

    sent = [json.loads(row) for row in path.read_text().splitlines()]
    assert ["firing", "firing", "digest"] == [notice["kind"] for notice in sent]
    assert "gptwatch: 2 more alerts" == sent[2]["title"]
    assert iso(office.clock.time) == sent[2]["at"]
    assert "Overfitting at 300." in sent[2]["message"]
    assert "Overfitting at 400." in sent[2]["message"]
    office.close()


def test_a_command_gets_the_alert_as_json(tmp_path: Path) -> None:
    """On standard input, as one object."""
    office = Office(tmp_path, Command(f"cat > {tmp_path}/got.json"))
    with office.store.transaction():
        office.store.merge_state(1, {"made": {"figure": "/out/a.png"}})

    office.find(100)
    office.settle(1)

    got = json.loads((tmp_path / "got.json").read_bytes())
    began = "2023-11-14T22:13:20+00:00"
    assert {
        "schema": 1,
        "kind": "firing",
        "run": "a.log",
        "log": "/logs/a.log",
        "rule": "overfitting",
        "severity": "warning",
        "step": 100,
        "since_step": 50,
        "confirmed_step": None,
        "cleared_step": None,
        "title": "gptwatch: a.log",
        "message": "Overfitting at 100.",
        "advice": "Stop.",
        "text": "a.log: Overfitting at 100.",
        "line": None,
        "place": "a.log",
        "evidence": {"rise": 0.1},
        "picture": "/out/a.png",
        "raised_at": began,
        "at": began,
        "fingerprint": "1/overfitting@100",
    } == got
    office.close()


def test_a_command_that_fails_says_why() -> None:
    """Its code, and the last line of its errors."""
    with pytest.raises(DeliveryError, match="code 3: no such room"):
        Command("echo no such room >&2; exit 3").send({"run": "a.log"})


CRASHING = """
import os, sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from office import Office

class Dies:
    name = "dies"
    def send(self, notice):
        with open({got!r}, "a") as file:
            file.write(notice["text"] + "\\n")
        os.kill(os.getpid(), 9)

office = Office(Path({folder!r}), Dies())
office.find(100)
office.settle(1)
"""


def test_killed_between_accepting_and_noting_it_is_sent_again(tmp_path: Path) -> None:
    """At least once: the receiver may see it twice, never not at all."""
    got = tmp_path / "got.txt"
    text = CRASHING.format(
        tests=str(ROOT / "tests"), got=str(got), folder=str(tmp_path)
    )
    done = subprocess.run(
        [sys.executable, "-c", text],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        check=False,
    )
    assert -signal.SIGKILL == done.returncode, done.stderr.decode()

    class Lives:
        """The same channel, mended."""

        name = "dies"

        def send(self, notice: Mapping[str, Any]) -> None:
            """Takes it."""
            with got.open("a") as file:
                file.write(f"{notice['text']}\n")

    store = Database(tmp_path)
    row = store.runs()[0]
    mailbox = Mailbox()
    clock = FakeClock()
    alerting = Dispatcher(
        store,
        Settings(),
        [Lives()],
        clock,
        lang="en",
        on_result=lambda *settled: mailbox.put("settled", settled),
    )
    alerting.update(row, [finding(100)], fresh=True, going=True)
    alerting.beat()
    mailbox.wait(WAIT_S)
    for _, settled in mailbox.take()[0]:
        alerting.settled(*settled)
    alerting.beat()
    alerting.stop()
    store.close()

    text = "a.log: Overfitting at 100."
    assert [text, text] == got.read_text().splitlines()


class Broken:
    """A channel that always fails."""

    name = "broken"

    def __init__(self, error: Exception) -> None:
        self.error = error

    def send(self, _: Mapping[str, Any]) -> None:
        """Fails."""
        raise self.error


class Flaky:
    """A channel that fails when a test says so, and remembers what it took."""

    name = "flaky"

    def __init__(self, *, works: bool = True) -> None:
        self.works = works
        self.got: list[str] = []

    def send(self, notice: Mapping[str, Any]) -> None:
        """Takes it, or fails."""
        if not self.works:
            raise DeliveryError("not today")
        self.got.append(notice["message"])


ACTS = st.lists(
    st.one_of(
        st.sets(st.sampled_from([100, 200, 300]), max_size=3),  # steps that are found
        st.sampled_from([1.0, 30.0, 70.0, 4000.0, 8000.0]),  # seconds that pass
        st.sampled_from(["restart", "fail", "work"]),
    ),
    max_size=25,
)


@settings(max_examples=examples(40), deadline=None)
@given(ACTS)
def test_any_history_with_restarts_notifies_once(
    acts: list[set[int] | float | str],
) -> None:
    """As without restarts and failures, nothing lost or twice, within the budget."""
    most, channel, expected = 2, Flaky(), Counter[str]()
    known: dict[str, Alert] = {}
    with tempfile.TemporaryDirectory() as folder:
        office = Office(Path(folder), channel, most=most)
        for act in acts:
            if isinstance(act, set):
                found = [finding(step) for step in act]
                moment = Moment(office.clock.time)
                known, notices = update(known, found, moment, Settings())
                expected.update(n.alert.finding["message"] for n in notices)
                office.find(*act)
            elif isinstance(act, float):
                office.clock.time += act
                office.alerting.beat()
            elif act == "restart":
                office.close()
                office.open()
            else:
                channel.works = act == "work"
            office.settle_all()
        channel.works = True
        sent_at = office.let_out()
        office.close()

    for start in sent_at:
        assert most >= sum(start <= at < start + 3600 for at in sent_at)
    got = Counter(re.findall(r"Overfitting at \d+\.", " ".join(channel.got)))
    assert expected == got


def test_a_notification_names_the_line(tmp_path: Path) -> None:
    """As `gptwatch show` takes it; a run without such a step is named alone."""
    sent = tmp_path / "sent"
    office = Office(tmp_path / "state", Command(f"cat >> {sent}"))
    parser = Parser()
    lines = "".join(f"step {n}: train loss 2.0, val loss 2.1\n" for n in (0, 10, 20))
    text = lines.encode()
    with office.store.transaction():
        delta = parser.feed(text)
        office.store.add(office.row.id, delta, Cursor(1, 2), parser, text)

    office.find(10)
    office.settle(1)
    office.close()

    notice = json.loads(sent.read_text())
    assert (2, "a.log:2") == (notice["line"], notice["place"])
    assert notice["text"].startswith("a.log:2: ")
