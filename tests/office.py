"""A store with one run, its alerts, and time that passes when a test says so."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from oracle import WAIT_S

from watcher.alerts.channels import Channel
from watcher.alerts.dispatcher import Dispatcher
from watcher.alerts.lifecycle import Settings
from watcher.clock import Clock
from watcher.daemon.mailbox import Mailbox
from watcher.storage.database import Database
from watcher.storage.rows import Row


class FakeClock(Clock):
    """Time that passes when a test says so."""

    def __init__(self) -> None:
        self.time = 1_700_000_000.0

    def now(self) -> float:
        """What the test says."""
        return self.time


class Office:
    """A store with one run, and its alerting; may be closed and opened again."""

    def __init__(
        self,
        folder: Path,
        *channels: Channel,
        most: int = 20,
        jitter: Callable[[], float] = lambda: 1.0,
    ) -> None:
        self.folder = folder
        folder.mkdir(exist_ok=True)
        self.clock = FakeClock()
        self.channels = channels
        self.most = most
        self.jitter = jitter
        self.open()
        with self.store.transaction():
            self.store.begin("/logs", "a.log", reason="found", now=0.0)

    def open(self) -> None:
        """Starts."""
        self.store = Database(self.folder)
        self.mailbox = Mailbox()
        self.alerting = Dispatcher(
            self.store,
            Settings(max_per_hour=self.most),
            self.channels,
            self.clock,
            lang="en",
            jitter=self.jitter,
            on_result=lambda *settled: self.mailbox.put("settled", settled),
        )

    def close(self) -> None:
        """Stops at once, as after a crash."""
        self.alerting.stop()
        self.store.close()

    @property
    def row(self) -> Row:
        """The run."""
        return self.store.runs()[0]

    def find(self, *steps: int) -> None:
        """A judgement finds overfitting at some steps."""
        found = [finding(step) for step in steps]
        self.alerting.update(self.row, found, fresh=True, going=True)

    def settle(self, deliveries: int) -> None:
        """Waits until so many deliveries are settled, and notes them."""
        while deliveries > 0:
            self.mailbox.wait(WAIT_S)
            messages, _, _ = self.mailbox.take()
            assert messages, "no delivery was settled in time"
            for _, settled in messages:
                self.alerting.settled(*settled)
                deliveries -= 1

    def settle_all(self) -> None:
        """Waits until nothing is on its way, and notes how it went."""
        while self.alerting.is_busy():
            self.settle(1)

    def let_out(self) -> list[float]:
        """Lets hours pass until all is sent; when each notification was."""
        execute = self.store.connection.execute
        waits = (
            "SELECT 1 FROM notifications, deliveries"
            " WHERE deferred = 1 OR state = 'pending'"
        )
        hours = 0
        while execute(waits).fetchone():
            assert (hours := hours + 1) < 100, "something is never sent"
            self.clock.time += 3601
            self.alerting.beat()
            self.settle_all()
        return [
            at
            for (at,) in execute(
                "SELECT created_at FROM notifications WHERE deferred = 0"
            )
        ]

    def states(self) -> list[str]:
        """Of all deliveries."""
        rows = self.store.connection.execute("SELECT state FROM deliveries ORDER BY 1")
        return [state for (state,) in rows]


def finding(step: int) -> Mapping[str, Any]:
    """Overfitting, raised at a step."""
    return {
        "rule": "overfitting",
        "severity": "warning",
        "step": step,
        "since_step": 50,
        "evidence": {"rise": 0.1},
        "confirmed_step": None,
        "cleared_step": None,
        "message": f"Overfitting at {step}.",
        "advice": "Stop.",
    }
