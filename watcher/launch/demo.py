"""`gptwatch demo`: a model trains, and gptwatch watches it, in one terminal.

Three processes: the trainer, which writes a plain log; the daemon, which watches its
folder; and this one, which only looks at what the daemon keeps.
"""

import contextlib
import importlib.util
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from watcher.analysis.curves import analyse
from watcher.analysis.model import Analysis
from watcher.errors import GptwatchError, InputError, StorageSetupError
from watcher.storage.database import Database
from watcher.storage.rows import Row


LOG: Final = "demo.log"
_STOP_S: Final = 10.0
_MISSING: Final = (
    "the demo trains a model with PyTorch, which is not here; install it with: "
    "{python} -m pip install torch"
)


class DemoError(GptwatchError):
    """The trainer or the daemon ended as it should not."""


@dataclass(frozen=True, slots=True)
class View:
    """What is to be shown now.

    Attributes:
        step, max_steps: of the training.
        loss, val_loss: the latest, None before the first.
        analysis: the curves, for a chart.
        findings: of the last judgement, each with `rule`, `severity` and `message`.
        made: the files that there are, by kind.
        over: whether the training ended and its last files are there.
    """

    step: int | None
    max_steps: int | None
    loss: float | None
    val_loss: float | None
    analysis: Analysis
    findings: Sequence[Mapping[str, Any]]
    made: Mapping[str, str]
    over: bool


class Demo:
    """The demo in a folder of its own.

    Raises:
        InputError: PyTorch is missing, or the folder holds something else.
    """

    def __init__(self, folder: Path, *, lang: str, theme: str) -> None:
        if importlib.util.find_spec("torch") is None:
            raise InputError(_MISSING.format(python=sys.executable))
        self.folder = folder
        self.out = folder / "training_plots"
        self.log = folder / "logs" / LOG
        self._lang, self._theme = lang, theme
        self._trainer: subprocess.Popen[bytes] | None = None
        self._daemon: subprocess.Popen[bytes] | None = None

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Trainer and daemon at work; both are ended, whatever happens."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        try:
            with self.log.open("wb") as log:
                self._trainer = self._python("trainer", ["demo"], log, log)
            with (self.folder / "daemon.log").open("wb") as log:
                self._daemon = self._python("watcher", self._start(), log, log)
            yield
        finally:
            for process in (self._trainer, self._daemon):
                _end(process)

    def view(self) -> View | None:
        """How it goes; None until there is something.

        Raises:
            DemoError: the trainer or the daemon ended as it should not.
        """
        self._check()
        try:
            store = Database(self.out / ".gptwatch", read_only=True)
        except StorageSetupError:
            return None  # the daemon has not begun yet
        with contextlib.closing(store):
            rows = [row for row in store.current_runs() if row.path == LOG]
            if not rows or not rows[0].format:
                return None
            row = rows[0]
            run, _ = store.load(row.id, ended=False)
        return self._seen(row, analyse(run, name=row.name, path=str(self.log)))

    def _seen(self, row: Row, analysis: Analysis) -> View:
        diagnosis = row.diagnosis or {}
        made = row.state.get("made", {})
        ended = self._trainer is not None and self._trainer.poll() is not None
        final = "training_metrics_" in made.get("figure", "")
        return View(
            step=row.latest.get("step"),
            max_steps=analysis.summary.max_steps,
            loss=row.latest.get("loss"),
            val_loss=analysis.summary.final_val,
            analysis=analysis,
            findings=diagnosis.get("findings", ()),
            made=made,
            over=ended and final,
        )

    def _check(self) -> None:
        assert self._trainer is not None
        assert self._daemon is not None
        code = self._trainer.poll()
        if code:
            raise DemoError(f"the training ended with code {code}; see {self.log}")
        if self._daemon.poll() is not None:
            path = self.folder / "daemon.log"
            raise DemoError(f"gptwatch start ended by itself; see {path}")

    def _start(self) -> list[str]:
        """Arguments of the daemon."""
        return [
            "start",
            *("--dir", "logs", "--out", "training_plots"),
            *("--interval", "5s", "--lang", self._lang, "--theme", self._theme),
        ]

    def _python(
        self, module: str, arguments: Sequence[str], out: Any, err: Any
    ) -> "subprocess.Popen[bytes]":
        root = str(Path(__file__).parents[1])
        paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
        return subprocess.Popen(  # noqa: S603 - our own interpreter
            [sys.executable, "-u", "-m", module, *arguments],
            cwd=self.folder,
            stdout=out,
            stderr=err,
            stdin=subprocess.DEVNULL,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)},
            # Ctrl-C comes to this process, which ends the others in order.
            start_new_session=True,
        )


def _end(process: "subprocess.Popen[bytes] | None") -> None:
    if process is None or process.poll() is not None:
        return
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(_STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
