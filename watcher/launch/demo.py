"""The processes of `gptwatch demo`.

The trainer writes a plain log; the daemon watches its directory; this process only
reads the database of the daemon.
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
from types import FrameType
from typing import Any, Final

import watcher
from watcher.analysis.model import Analysis
from watcher.analysis.pipeline import analyse
from watcher.errors import (
    GptwatchError,
    InputError,
    StorageSetupError,
    StorageUnavailableError,
)
from watcher.launch.tied import tied
from watcher.storage.database import Database
from watcher.storage.rows import Row


LOG: Final = "demo.log"
_STOP_S: Final = 10.0
# A closed terminal sends SIGHUP.
_ENDING: Final = (signal.SIGTERM, signal.SIGHUP)
_NO_TORCH: Final = (
    "the demo trains a model and needs PyTorch; install it with: "
    "{python} -m pip install torch"
)
_NO_TRAINER: Final = (
    "the demo needs the trainer, which is not part of the installed package; run it "
    "in a checkout of gptwatch: python -m watcher demo"
)


class DemoError(GptwatchError):
    """The trainer or the daemon ended unexpectedly."""


@dataclass(frozen=True, slots=True)
class View:
    """The current state of the demo.

    Attributes:
        step, max_steps: of the training.
        loss, val_loss: the latest, None before the first.
        analysis: the curves, for a chart.
        findings: of the last analysis, each with `rule`, `severity` and `message`.
        made: the files written so far, by kind.
        over: whether the training ended and its final files are written.
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
    """The demo in a directory of its own.

    Raises:
        InputError: PyTorch or the trainer is missing.
    """

    def __init__(self, folder: Path, *, lang: str, theme: str) -> None:
        if importlib.util.find_spec("torch") is None:
            raise InputError(_NO_TORCH, python=sys.executable)
        self._trainer_root = _trainer_root()
        self.folder = folder
        self.out = folder / "training_plots"
        self.log = folder / "logs" / LOG
        self._lang, self._theme = lang, theme
        self._trainer: subprocess.Popen[bytes] | None = None
        self._daemon: subprocess.Popen[bytes] | None = None

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Runs trainer and daemon; both are stopped on any exit and signal."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        before = {n: signal.signal(n, _exit) for n in _ENDING}
        try:
            with self.log.open("wb") as log:
                root = self._trainer_root
                self._trainer = self._python("trainer", ["demo"], log, root)
            with (self.folder / "daemon.log").open("wb") as log:
                root = Path(watcher.__file__).parents[1]
                self._daemon = self._python("watcher", self._start(), log, root)
            yield
        finally:
            for number in _ENDING:
                signal.signal(number, signal.SIG_IGN)
            for process in (self._trainer, self._daemon):
                _end(process)
            for number, handler in before.items():
                signal.signal(number, handler)

    def view(self) -> View | None:
        """The current state; None until the daemon has found the log.

        Raises:
            DemoError: the trainer or the daemon ended unexpectedly.
        """
        self._check()
        try:
            return self._read()
        except (StorageSetupError, StorageUnavailableError):
            return None  # the daemon is creating it, or writes to it just now

    def _read(self) -> View | None:
        store = Database(self.out / ".gptwatch", read_only=True)
        with contextlib.closing(store), store.snapshot():
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
            raise DemoError(
                "the training failed with exit code {code}; see {log}",
                code=code,
                log=self.log,
            )
        if self._daemon.poll() is not None:
            path = self.folder / "daemon.log"
            raise DemoError("gptwatch start exited unexpectedly; see {path}", path=path)

    def _start(self) -> list[str]:
        """Arguments of the daemon."""
        return [
            "start",
            *("--dir", "logs", "--out", "training_plots"),
            *("--interval", "5s", "--lang", self._lang, "--theme", self._theme),
        ]

    def _python(
        self, module: str, arguments: Sequence[str], log: Any, root: Path
    ) -> "subprocess.Popen[bytes]":
        paths = [str(root), *filter(None, [os.environ.get("PYTHONPATH")])]
        return subprocess.Popen(  # noqa: S603 - our own interpreter
            tied([sys.executable, "-u", "-m", module, *arguments]),
            cwd=self.folder,
            stdout=log,
            stderr=log,
            stdin=subprocess.DEVNULL,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)},
            # Ctrl-C reaches this process, which stops the others in order.
            start_new_session=True,
        )


def _exit(number: int, _: FrameType | None) -> None:
    """Leaves through `finally`, with the exit code that a shell would report."""
    sys.exit(128 + number)


def _trainer_root() -> Path:
    """The checkout that holds the trainer: of the running package, or the current one.

    The wheel has no trainer: it would overwrite another package of that name.
    """
    for root in (Path(watcher.__file__).parents[1], Path.cwd()):
        if (root / "trainer/config/demo.py").exists():
            return root
    raise InputError(_NO_TRAINER)


def _end(process: "subprocess.Popen[bytes] | None") -> None:
    if process is None or process.poll() is not None:
        return
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(_STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
