"""Messages between the daemon and its worker process."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Options:
    """How runs are analysed and plotted.

    Attributes:
        state: state directory.
        config: tables of the configuration: rules and formats.
        lang, theme, window, log_x: as for `gptwatch once`.
        keep: how many dated plots of a run are kept.
        html: whether a report in one file is written beside each picture.
    """

    state: str
    config: Mapping[str, Any] = field(default_factory=dict)
    lang: str = "en"
    theme: str = "light"
    window: int | None = None
    log_x: bool = False
    keep: int = 20
    html: bool = False


@dataclass(frozen=True, slots=True)
class Job:
    """An analysis of a run, and the files to write.

    Attributes:
        run: its number in the database.
        name, path: of the run and its log, for messages.
        changed_at: of the log, seconds since 1970.
        ended: whether a last line without an end counts.
        folder: output directory of the run; "" writes nothing.
        step: also write `iter_STEP_RUN_STAMP.png`.
        missed: earlier steps whose pictures are due: drawn from the database.
        final: also write the dated plot, report and data.
        stamp: of dated files.
    """

    run: int
    name: str
    path: str
    changed_at: float | None = None
    ended: bool = False
    folder: str = ""
    step: int | None = None
    missed: Sequence[int] = ()
    final: bool = False
    stamp: str = ""


@dataclass(frozen=True, slots=True)
class Result:
    """The result of a job.

    Attributes:
        run: of the job.
        lines, bytes: how much of the log it is based on.
        metrics: whether the log has any.
        findings: each as a dict, with `message` and `advice`.
        summary: figures of `Summary` by name.
        headline: title of the plot.
        made: paths of the files, by kind.
        error: why something failed, "" when all is well.
        damaged: whether the database is damaged.
        analysis_s: CPU seconds of the analysis; `cost_s`: with the files.
    """

    run: int
    lines: int = 0
    bytes: int = 0
    metrics: bool = False
    findings: Sequence[Mapping[str, Any]] = ()
    summary: Mapping[str, Any] = field(default_factory=dict)
    headline: str = ""
    made: Mapping[str, str] = field(default_factory=dict)
    error: str = ""
    damaged: bool = False
    analysis_s: float = 0.0
    cost_s: float = 0.0
