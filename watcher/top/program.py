"""The program: keys change the model, what it wants is read, its frame is painted."""

import ctypes
import gc
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, NamedTuple

from watcher.alerts.silences import writing
from watcher.errors import GptwatchError
from watcher.outputs.text.catalog import tr
from watcher.outputs.text.errors import said
from watcher.top import terminal
from watcher.top.changes import Changes
from watcher.top.frame import frame
from watcher.top.model import Effect, Model, Mouse, Size
from watcher.top.pieces import Lines
from watcher.top.source import Source
from watcher.top.update import act, update
from watcher.top.wanted import wanted


# Between looks whether the daemon is running.
_LOOKED_S: Final = 5.0
# Between looks for changes where the system does not tell them, by the seconds for
# which nothing has changed.
_WAITS: Final = ((60.0, 2.0), (10.0, 1.0), (0.0, 0.25))


class Wait(NamedTuple):
    """How long to wait for a key, and which other file ends it."""

    seconds: float
    fd: int | None = None


class Program:
    """A model, and what it is read from."""

    def __init__(self, folder: Path, model: Model, every_s: float = 0.0) -> None:
        """Opens the database, which is read at most every so many seconds."""
        self.folder = folder
        self._every_s = every_s
        self._changes = Changes(folder)
        self._changed_at = time.monotonic()
        self._source = Source(folder, model.look.lang, every_s)
        self._source.refresh()
        self.model = replace(model, fleet=self._source.fleet)

    def close(self) -> None:
        """Closes the database."""
        self._changes.close()
        self._source.close()

    def refresh(self) -> None:
        """Takes in what changed."""
        if self.model.paused or self._source.rest_s() > 0:
            return
        self._changes.seen()
        if self._source.refresh():
            self._changed_at = time.monotonic()
            self.model = replace(self.model, fleet=self._source.fleet)

    def wait(self) -> Wait:
        """Until there is something to read: the training needs the CPU."""
        if self.model.paused:
            return Wait(_LOOKED_S)
        rest_s = self._source.rest_s()
        if rest_s > 0:
            return Wait(rest_s)
        if self._changes.fd is not None:
            return Wait(_LOOKED_S, self._changes.fd)
        unchanged_s = time.monotonic() - self._changed_at
        seconds = next(s for least, s in _WAITS if unchanged_s >= least)
        return Wait(max(seconds, self._every_s))

    def hurry(self) -> None:
        """Looks at the next `refresh`, however little time has passed."""
        self._source.hurry()

    def press(self, key: str | Mouse) -> None:
        """Takes in a key, or what the mouse did."""
        self.model = update(self.model, key)

    def frame(self, size: Size) -> Lines:
        """The screen now."""
        model = replace(self.model, size=size)
        if not model.paused or model.screen != "list":
            model = replace(model, loaded=self._source.load(wanted(model, size)))
        self.model = model
        return frame(model, size)

    def open(self, name: str) -> None:
        """Opens the run of a name.

        Raises:
            InputError: there is none, or there are several.
        """
        from watcher.views.runs import find

        found = find(self._source.rows(), name)
        self.model = act(replace(self.model, run=found.id), "open")

    def work(self) -> Sequence[Effect]:
        """Does what keys asked for; gives what is left to the terminal."""
        todo, self.model = self.model.effects, replace(self.model, effects=())
        deeds: Mapping[str, Callable[..., None]] = {
            "silence": self._silence,
            "search": self._search,
            "find": self._find,
        }
        for effect in todo:
            if effect.kind in deeds:
                self._try(deeds[effect.kind], effect.values)
        return [effect for effect in todo if effect.kind not in deeds]

    def _try(self, deed: Callable[..., None], values: Sequence[Any]) -> None:
        try:
            deed(*values)
        except GptwatchError as error:
            text = said(error, self.model.look.lang)
            self.model = replace(self.model, message=text)

    def _silence(self, run: str, rule: str, seconds: float) -> None:
        with writing(self.folder) as outbox:
            outbox.silence(run, rule, time.time() + seconds)
        text = tr(
            self.model.look.lang, "{rule} of {run} is silenced", rule=rule, run=run
        )
        self.model = replace(self.model, message=text)

    def _search(self, text: str, sign: int) -> None:
        from watcher.top.lens import current

        run, start = self.model.run, current(self.model)
        if run is None:
            return
        line = self._source.search(run, text, start, sign)
        if line is None:
            shown = tr(self.model.look.lang, "{search}: not found", search=text)
            self.model = replace(self.model, message=shown)
        else:
            self.model = replace(self.model, line=line)

    def _find(self, name: str, step: int) -> None:
        found = self._source.place(name, step)
        if found is not None:
            run, line = found
            model = replace(self.model, run=run, line=line, window=None, chart="")
            self.model = model.to("lens")


def run(
    folder: Path,
    model: Model,
    looks: terminal.Looks,
    *,
    name: str | None,
    every_s: float,
) -> Model:
    """Shows the screen until the user quits; how it was left.

    Raises:
        GptwatchError: there is no database, or the terminal cannot show a screen.
    """
    program = Program(folder, model, every_s)
    try:
        if name is not None:
            program.open(name)
        with terminal.opened(looks) as screen:
            _loop(program, screen)
    except KeyboardInterrupt:
        pass
    finally:
        program.close()
    return program.model


def _loop(program: Program, screen: "terminal.Terminal") -> None:
    painted: Any = None
    while all(_done(effect, screen) for effect in program.work()):
        program.refresh()
        if screen.is_clear or (program.model, screen.size) != painted:
            screen.paint(program.frame(screen.size))
            painted = program.model, screen.size
            _tidy_memory()
        key = screen.key(*program.wait())
        if key == "resize":
            screen.redraw()
        elif key:
            program.press(key)


def _tidy_memory() -> None:
    """After the first frame: what was made for it stays, what it needed goes."""
    if not gc.isenabled():
        gc.freeze()
        gc.enable()
        with suppress(AttributeError):  # only glibc has it
            ctypes.CDLL(None).malloc_trim(0)


def _done(effect: Effect, screen: "terminal.Terminal") -> bool:
    """Does something with the terminal; whether the program goes on."""
    if effect.kind == "suspend":
        terminal.suspend(screen)
    elif effect.kind == "redraw":
        screen.redraw()
    elif effect.kind == "copy":
        terminal.copy(*effect.values)
    return effect.kind != "quit"


def once(folder: Path, model: Model, size: Size, *, name: str | None) -> Lines:
    """One frame, as `run` shows it first."""
    program = Program(folder, model)
    try:
        if name is not None:
            program.open(name)
        return program.frame(size)
    finally:
        program.close()
