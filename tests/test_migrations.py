"""A database of every earlier version opens, and keeps all that it held.

`tests/data/databases/vN.db` was written by the last gptwatch with schema version N: a
nanoGPT log rotated once, two generations of one path, a name that is not UTF-8, three
alerts, two notifications on their way and three deferred ones, a silence and a note.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from watcher.alerts import outbox
from watcher.storage.database import Database
from watcher.storage.migrations import VERSION
from watcher.storage.outbox import Silence
from watcher.storage.recovery import NAME


DATABASES = Path(__file__).parent / "data" / "databases"
EARLIER = sorted(DATABASES.glob("v*.db"))


@pytest.fixture(params=EARLIER, ids=lambda path: path.stem)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A database of an earlier version, opened by this one."""
    shutil.copy(request.param, tmp_path / NAME)
    opened = Database(tmp_path)
    yield opened
    opened.close()


def test_there_is_a_database_of_every_earlier_version() -> None:
    """Whoever changes the schema keeps a database of the version before."""
    assert [f"v{version}" for version in range(1, VERSION)] == [
        path.stem for path in EARLIER if path.stem != f"v{VERSION}"
    ]


def test_every_run_is_kept(store: Database) -> None:
    """Names, generations and places in the logs."""
    found = [(r.name, r.format, r.lines, r.bytes, r.current) for r in store.runs()]

    assert found == [
        ("gpt.log", "nanogpt", 59, 2624, True),
        ("sub/again.log", "nanogpt", 20, 930, False),
        ("sub/again.log#2", "jsonl", 2, 50, True),
        ("caf\u00e9 \udce9.log", "nanogpt", 1, 41, True),
    ]
    first = store.runs()[0]
    assert (2, "found", False) == (first.parts, first.reason, first.adopted)
    assert first.cursor is not None
    assert 470 == first.cursor.offset
    assert "finished" == first.state["state"]
    assert {"last_step": 49} == (first.diagnosis or {})["summary"]


def test_every_point_is_kept(store: Database) -> None:
    """Steps and values, bit by bit; values that are not finite, too."""
    first, other, third, last = (store.load(row.id)[0] for row in store.runs())

    _, steps, losses = first.column("loss")
    assert list(range(50)) == steps.tolist()
    assert [float(f"9.{step:04d}") for step in range(50)] == losses.tolist()
    _, steps, values = first.column("val_loss")
    assert [0, 10, 20, 30] == steps.tolist()
    assert [9.75, 8.75, 7.75, 6.75] == values.tolist()
    assert list(range(20)) == other.column("loss")[1].tolist()
    np.testing.assert_array_equal(third.column("loss")[2], [4.5, np.nan])
    assert [4.0] == last.column("loss")[2].tolist()


def test_every_milestone_is_kept(store: Database) -> None:
    """Kind, line and step."""
    found = store.load(1)[0].milestones()

    assert [("checkpoint", 13, 9), ("checkpoint", 25, 19)] == [
        (m.kind, m.line, m.step) for m in found[:2]
    ]
    assert 4 == len(found)


def test_hyperparameters_are_kept(store: Database) -> None:
    """What the log states of its model."""
    assert {"parameters": 10_650_000} == store.load(1)[0].facts


def test_reading_goes_on(store: Database) -> None:
    """The parser's state opens: the log isn't read again from its beginning."""
    delta = store.parser(1).feed(b"iter 50: loss 3.5, time 25.00ms, mfu 12.00%\n")

    assert [[50]] == [batch.steps.tolist() for batch in delta.batches]


def test_every_alert_is_kept(store: Database) -> None:
    """With its state: nobody is notified again of what they know."""
    alerts = outbox.load(store.outbox, 1) | outbox.load(store.outbox, 3)

    assert {
        "overfitting@10": "resolved",
        "spike@30": "firing",
        "not_finite@2": "firing",
    } == {key: alert.state for key, alert in alerts.items()}
    assert 1_700_000_000.0 == alerts["overfitting@10"].since


def test_every_notification_is_kept(store: Database) -> None:
    """Those on their way with their attempts, and those deferred."""
    due = store.outbox.due(1_700_000_100.0)

    assert [("firing", 3), ("confirmed", 2)] == [
        (delivery.payload["kind"], delivery.attempts) for delivery in due
    ]
    assert [] == store.outbox.due(1_700_000_020.0)


def test_silences_and_notes_are_kept(store: Database) -> None:
    """What people set, and what the daemon noted of itself."""
    assert [Silence(1, "gpt.log", "plateau", 4e9)] == store.outbox.silences(0.0)
    assert {"pid": 1, "at": 1.7e9, "roots": ["/logs"], "out": "/out"} == store.note(
        "daemon"
    )


def test_the_beginning_of_each_file_is_a_place(store: Database) -> None:
    """Lines of runs from before there were places are found from there."""
    found = {
        row.name: [(p.line, p.offset, p.head) for p in store.places.of(row.id)]
        for row in store.runs()
    }

    assert [] == found["gpt.log"]  # rotated: nobody noted where its parts begin
    [(line, offset, head)] = found["sub/again.log"]
    assert (0, 0) == (line, offset)
    assert head
    assert head.startswith(b"iter 0:")
