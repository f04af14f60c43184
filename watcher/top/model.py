"""What the screen shows and where the user is: plain data, changed only by `update`."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Final, NamedTuple

from watcher.daemon.status import Line
from watcher.outputs.text.cells import cell_len
from watcher.outputs.text.stored import stored
from watcher.views.clock import Clock
from watcher.views.lines import Excerpt
from watcher.views.series import Curve, Window
from watcher.views.source import Points


class Size(NamedTuple):
    """Of the terminal, in character cells."""

    columns: int
    rows: int


_USUAL: Final = Size(80, 24)


@dataclass(frozen=True, eq=False)
class Entry:
    """A run in the list.

    Attributes:
        run: its number in the database.
        line: its figures.
        lines: of its log, as far as it was read.
        headline: what matters most.
        report: path of its HTML report, "" without one.
        form: the figures as text, one for each column of the list.
    """

    run: int
    line: Line
    lines: int
    headline: str
    report: str
    form: Callable[[Line], Sequence[str]]

    @cached_property
    def cells(self) -> Sequence[str]:
        """The figures as text: made when they are shown, most runs are folded."""
        return self.form(self.line)

    @cached_property
    def widths(self) -> Sequence[int]:
        """Of the cells on the screen."""
        return tuple(map(cell_len, self.cells))

    def text(self, lang: str) -> str:
        """What matters most: its first alert, else the headline of its analysis."""
        alerts = self.line.alerts
        return alerts[0] if alerts else stored(self.headline, lang)


@dataclass(frozen=True, slots=True, eq=False)
class Fleet:
    """All runs.

    Attributes:
        entries: of the current runs with metrics, oldest first.
        pid: of the daemon, None when it is not running.
        at: when the daemon last noted something of itself, seconds since 1970.
        silent: whether it is running, and should have noted something since.
        error: why the database cannot be read now, "" while it can.
    """

    entries: tuple[Entry, ...] = ()
    pid: int | None = None
    at: float | None = None
    silent: bool = False
    error: str = ""


@dataclass(frozen=True, slots=True)
class Item:
    """An alert in the list of alerts.

    Attributes:
        run, rule, severity, state: of the alert.
        since: seconds since 1970.
        silenced: whether it is muted.
        text, advice: what it is, and what to do.
        step: where it stands.
    """

    run: str
    rule: str
    severity: str
    state: str
    since: float
    silenced: bool
    text: str
    advice: str
    step: int


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a screen needs beside the list; equal ones need not be read twice.

    Attributes:
        sparks: runs whose small curve is visible.
        run: whose curves, figures and log are shown.
        chart: the metric of the main chart, "" for the losses.
        pinned: metrics whose small charts come first.
        window: of the main chart.
        small, small_width: how many small charts, and their width in dots.
        line: where values and times are wanted.
        log: the first and the last line of the log that are visible.
        record: whether all that was read of the line is wanted.
        clock: "active" or "time" on such an axis, else "".
        alerts: whether the alerts of all runs are shown.
        compared: runs to compare.
    """

    sparks: tuple[int, ...] = ()
    run: int | None = None
    chart: str = ""
    pinned: tuple[str, ...] = ()
    window: Window = field(default_factory=Window)
    small: int = 0
    small_width: int = 0
    line: int | None = None
    log: tuple[int, int] | None = None
    record: bool = False
    clock: str = ""
    alerts: bool = False
    compared: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Loaded:
    """What was read for a screen.

    Attributes:
        sparks: values of small curves, by run.
        curves: of the main chart, each with its run.
        small: of the small charts.
        clocks: of the axis of time by run; none where a run has none.
        metrics: names of all metrics of the run.
        row: figures and settings of the run: `summary`, `hyperparameters`, ...
        points: of the main chart at the wanted line, by metric.
        parsed: values of the wanted line itself, by metric.
        offset: its first byte in the file.
        excerpt: lines of the log; `problem`: why there are none.
        marked: lines of the excerpt that hold a point of the main curve.
        alerts: of all runs.
        compared: summary and settings of each run to compare.
        units: of their losses, where they may differ.
    """

    sparks: Mapping[int, Sequence[float]] = field(default_factory=dict)
    curves: Sequence[tuple[int, Curve]] = ()
    small: Sequence[Curve] = ()
    clocks: Mapping[int, Clock] = field(default_factory=dict)
    metrics: Sequence[str] = ()
    row: Mapping[str, Any] = field(default_factory=dict)
    points: Mapping[str, Points] = field(default_factory=dict)
    parsed: Mapping[str, float] = field(default_factory=dict)
    offset: int | None = None
    excerpt: Excerpt | None = None
    problem: str = ""
    marked: frozenset[int] = frozenset()
    alerts: Sequence[Item] = ()
    compared: Sequence[Mapping[str, Any]] = ()
    units: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Look:
    """How things are shown.

    Attributes:
        lang: language of all text.
        ascii: whether there are only the characters of ASCII.
    """

    lang: str = "en"
    ascii: bool = False


@dataclass(frozen=True, slots=True)
class Prompt:
    """A line that the user types into; `kind`: what it is for.

    `at`: which of the matches below it is selected, where it has some.
    """

    kind: str
    text: str = ""
    at: int = 0


class Mouse(NamedTuple):
    """An event of the mouse at a cell: "press", "release", "wheel up", "wheel down"."""

    kind: str
    column: int
    row: int


class Effect(NamedTuple):
    """Something that the program does for the user outside of the screen."""

    kind: str
    values: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class Model:
    """Everything that a frame depends on, beside the size of the terminal.

    Attributes:
        fleet, loaded: what was read.
        look: how it is shown.
        size: of the terminal, for keys that move by pages.
        host: the name of this machine.
        screen: "list", "run", "lens", "alerts", "compare" or "help".
        back: screens to return to.
        run: the selected run; None for the first of the list.
        unfolded: whether finished runs are shown one by one.
        filter: only runs whose name or state holds it.
        column: the list's column that can be sorted by; `sort`: by which it is.
        reverse: whether the order is turned round.
        marked: runs to compare.
        window: outer keys of the chart, None for all of it.
        axis: "steps", "lines", "active" or "time"; log_x, log_y: scales.
        smooth: points of the moving average.
        chart: the metric of the main chart, "" for the losses.
        pinned: metrics whose small charts come first.
        zoomed: whether the chart has the whole screen.
        line: of the log where the crosshair is, None at the end.
        context: whether the lens shows more lines and no chart.
        record: whether it shows what was read of the line.
        search: what is searched in the log.
        item: the selected alert.
        scrolled: rows of the help above the screen.
        prompt: what is being typed.
        message: one line for the user, until the next key.
        paused: whether the screen is frozen.
        pressed: where the button of the mouse went down.
        effects: what is to be done outside.
    """

    fleet: Fleet = Fleet()
    loaded: Loaded = Loaded()
    look: Look = Look()
    size: Size = _USUAL
    host: str = ""
    screen: str = "list"
    back: tuple[str, ...] = ()
    run: int | None = None
    unfolded: bool = False
    filter: str = ""
    column: int = 1
    sort: str | None = None
    reverse: bool = False
    marked: frozenset[int] = frozenset()
    window: tuple[float, float] | None = None
    axis: str = "steps"
    log_x: bool = False
    log_y: bool = True
    smooth: int = 0
    chart: str = ""
    pinned: tuple[str, ...] = ()
    zoomed: bool = False
    line: int | None = None
    context: bool = False
    record: bool = False
    search: str = ""
    item: int = 0
    scrolled: int = 0
    prompt: Prompt | None = None
    message: str = ""
    paused: bool = False
    pressed: Mouse | None = None
    effects: tuple[Effect, ...] = ()

    def to(self, screen: str) -> "Model":
        """Another screen; `esc` returns."""
        return replace(self, screen=screen, back=(*self.back, self.screen))

    def entry(self, run: int | None) -> Entry | None:
        """A run of the list."""
        return next((e for e in self.fleet.entries if e.run == run), None)


# The folded row of finished runs, among the runs of the list.
FOLD: Final = -1
