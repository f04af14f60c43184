"""Keeps the state of every run, and passes on what that means."""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, Protocol

from watcher.analysis.rules.settings import Stalled
from watcher.clock import Clock
from watcher.daemon.run_state import RunState, decide
from watcher.daemon.state_names import QUIET, REPLACED, RUNNING
from watcher.errors import Text
from watcher.ingest.tail import Tail
from watcher.outputs.text.findings import as_dict
from watcher.storage.database import Database
from watcher.storage.rows import Row


LOGGER: Final = logging.getLogger("gptwatch")
# Alerts of a silent run are looked at again after this share of its silence.
_CHECK_SHARE: Final = 0.1
_MAX_CHECK_S: Final = 300.0


class Alerts(Protocol):
    """Takes the findings of each analysis."""

    def update(
        self,
        row: Row,
        findings: Sequence[Mapping[str, Any]],
        *,
        fresh: bool,
        going: bool,
    ) -> None:
        """Takes in what is found of a run now."""

    def is_idle(self, run: int) -> bool:
        """Whether a run has no alerts."""

    def forget(self, run: int) -> None:
        """Nothing more is found of a run."""


class States:
    """Decides the states of runs.

    `on_end(run)`: called when a run that was watched is over.
    """

    def __init__(
        self,
        store: Database,
        clock: Clock,
        alerts: Alerts,
        *,
        settings: Stalled,
        lang: str,
        on_end: Callable[[RunState], None],
    ) -> None:
        self._store = store
        self._clock = clock
        self._alerts = alerts
        self._settings = settings
        self._lang = lang
        self._on_end = on_end
        self._started = clock.uptime()

    def to_read(
        self, runs: Iterable[RunState], writer: Callable[[Tail], tuple[str, float]]
    ) -> list[Tail]:
        """Logs of runs whose state may be another, now that writers were asked for."""
        now = self._clock.uptime()
        return [
            run.tail
            for run in runs
            if not run.is_over
            and (self._is_due(run, now) or writer(run.tail)[0] != run.writer)
        ]

    def check(
        self, runs: Iterable[RunState], writer: Callable[[Tail], tuple[str, float]]
    ) -> None:
        """Decides the state of every run that is not over, where it may change.

        `writer`: whether a log is being written, and when that was asked; what was
        read since then is known to be all there is.
        """
        now = self._clock.uptime()
        for run in list(runs):
            if run.is_over and not run.changed:
                if not run.notified:
                    self.notify(run)  # a crash may have come before the last one
                continue
            asked = writer(run.tail)
            if asked[0] == run.writer and not self._is_due(run, now):
                continue
            run.writer, run.writer_at = asked
            self.update(run)

    def update(self, run: RunState) -> None:
        """Decides a run's state, and passes on what that means."""
        silent_s, wait_s = self._silence_s(run), 0.0
        if run.summary:
            signs = run.signs(silent_s, self._settings)
            before, run.state = run.state, decide(signs)
            wait_s = signs.wait_s() if signs.complete else 0.0
            if before != run.state:
                self._on_change(run, before)
        self.notify(run)
        if not self._alerts.is_idle(run.run):  # they last, and are repeated
            wait_s = min(wait_s, _CHECK_SHARE * silent_s)
        run.check_at = self._clock.uptime() + min(wait_s, _MAX_CHECK_S)

    def notify(self, run: RunState) -> None:
        """Passes the findings of a run to the alerts."""
        found = self.findings(run)
        if found or not self._alerts.is_idle(run.run):
            self._alerts.update(
                self._row(run), found, fresh=not run.adopted, going=not run.is_over
            )
        run.notified = True

    def findings(self, run: RunState) -> list[Mapping[str, Any]]:
        """What is found of a run, with what its state adds."""
        extra = run.finding(self._silence_s(run), self._settings)
        found = run.confirmed()
        return found if extra is None else [*found, as_dict(extra, self._lang)]

    def save_gaps(self, runs: Iterable[RunState]) -> None:
        """Stores how often the logs grow, which a restart would forget."""
        grown = [r for r in runs if not r.is_over and r.tail.grown_at != r.saved_at]
        with self._store.transaction():
            for run in grown:
                self._store.merge_state(run.run, run.saved())
        for run in grown:
            run.saved_at = run.tail.grown_at

    def forget(self, run: RunState) -> None:
        """Nothing more comes of a run."""
        self._alerts.forget(run.run)

    def _is_due(self, run: RunState, now: float) -> bool:
        """Whether a run's state may be another."""
        return run.changed or now >= run.check_at

    def _row(self, run: RunState) -> Row:
        """A run's row, as the alerts need it: read again when it was renamed."""
        row = run.row
        renamed = row is not None and row.path != run.tail.name
        if row is None or renamed or run.state == REPLACED:
            row = self._store.run(run.run)
            # All rows together would take more memory than all else.
            run.row = replace(row, cursor=None, diagnosis=None, hyperparameters={})
        return row

    def _on_change(self, run: RunState, before: str) -> None:
        if not run.adopted and {before, run.state} != {RUNNING, QUIET}:
            step = run.summary.get("last_step")
            where = Text("")
            if step is not None:
                where = Text(" at step {step}", {"step": f"{step:,}"})
            LOGGER.info("%s: %s%s (was %s)", run.tail.name, run.state, where, before)
        if run.is_over and not run.adopted:
            self._on_end(run)
        with self._store.transaction():
            self._store.merge_state(run.run, run.saved())

    def _silence_s(self, run: RunState) -> float:
        return run.silence_s(self._clock.uptime(), self._clock.now(), self._started)
