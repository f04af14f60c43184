"""Databases with runs, their analyses and alerts, for tests of what other tools get."""

import contextlib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from watcher.alerts import outbox
from watcher.alerts.lifecycle import FIRING, Alert
from watcher.metrics.collect import exposition
from watcher.metrics.settings import Settings
from watcher.storage.checkpoint import Cursor
from watcher.storage.database import Database


NOW = 1_700_000_000.0
SUMMARY: Mapping[str, Any] = {
    "first_step": 0,
    "last_step": 400,
    "max_steps": 1000,
    "final_val": 1.75,
    "best_val": 1.5,
    "best_val_step": 100,
    "verdict": "overfitting",
    "typical_ms": 250.0,
    "mean_ms": 300.0,
    "eval_ms": 2000.0,
    "typical_mfu": 31.5,
    "tokens_per_s": 65536.0,
    "eta_s": 3600.0,
}
LATEST: Mapping[str, Any] = {
    "step": 400,
    "loss": 1.25,
    "val_loss": 1.75,
    "lr": 0.0003,
    "grad_norm": "nan",
}


class Fleet:
    """A database of a daemon; times are `NOW` where nothing else is given."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(exist_ok=True)
        self.store = Database(folder)

    def run(
        self,
        name: str,
        state: str = "running",
        *,
        root: str = "/logs",
        modified: float = NOW,
        **more: Any,
    ) -> int:
        """Adds a run; `more`: fields of its row in the place of the usual ones."""
        fields: dict[str, Any] = {
            "format": "nanogpt",
            "lines": 10,
            "bytes": 100,
            "latest": dict(LATEST),
            "hyperparameters": {"parameters": 1234},
            "diagnosis": {"summary": dict(SUMMARY), "findings": []},
            "state": {"state": state, "gaps": [1.0, 2.0, 4.0]},
        }
        with self.store.transaction():
            run = self.store.begin(root, name, reason="found", now=NOW)
            cursor = Cursor(1, run, offset=100, size=100, mtime_ns=int(modified * 1e9))
            self.store.set(run, cursor=cursor.state(), **(fields | more))
        return run

    def alert(
        self,
        run: int,
        rule: str,
        state: str = FIRING,
        *,
        severity: str = "warning",
        **more: Any,
    ) -> None:
        """Gives a run an alert."""
        alert = Alert(f"{rule}@1", rule, severity, state, {}, since=NOW, **more)
        with self.store.transaction():
            known = outbox.load(self.store.outbox, run)
            outbox.save(self.store.outbox, run, known | {alert.key: alert})

    def beat(self, **more: Any) -> None:
        """Notes what the daemon notes of itself."""
        with self.store.transaction():
            self.store.keep_note("daemon", {"at": NOW, "problems": [], **more})

    def metrics(self, settings: Settings | None = None, now: float = NOW) -> str:
        """The exposition, as a process of its own would read it."""
        with contextlib.closing(Database(self.folder, read_only=True)) as store:
            return exposition(store, now=now, settings=settings).decode()

    def close(self) -> None:
        """Closes the database."""
        self.store.close()


_SAMPLE = re.compile(r'(\w+)(?:\{((?:[^"}]|"(?:[^"\\]|\\.)*")*)\})? (\S+)')
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
Labels = tuple[tuple[str, str], ...]


def samples(text: str) -> dict[tuple[str, Labels], float]:
    """Every sample of an exposition by name and labels; none may come twice."""
    found: dict[tuple[str, Labels], float] = {}
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        match = _SAMPLE.fullmatch(line)
        assert match, line
        pairs = tuple(sorted(_LABEL.findall(match[2] or "")))
        key = match[1].removeprefix("gptwatch_"), pairs
        assert key not in found, line
        found[key] = float(match[3])
    return found


def of(text: str, name: str, **labels: str) -> list[float]:
    """Values of the samples with a name and some labels."""
    return [
        value
        for (known, pairs), value in samples(text).items()
        if known == name and set(labels.items()) <= set(pairs)
    ]


def series(text: str, run: str) -> Sequence[str]:
    """Names of the samples of a run."""
    return [name for name, pairs in samples(text) if ("run", run) in pairs]
