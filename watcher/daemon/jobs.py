"""What passes between the daemon and its worker process."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Options:
    """How runs are measured and drawn.

    Attributes:
        state: folder of the store.
        config: tables of the configuration: rules and formats.
        lang, theme, window, log_x: as for `gptwatch once`.
        keep: how many dated pictures of a run are kept.
    """

    state: str
    config: Mapping[str, Any] = field(default_factory=dict)
    lang: str = "en"
    theme: str = "light"
    window: int | None = None
    log_x: bool = False
    keep: int = 20


@dataclass(frozen=True, slots=True)
class Job:
    """What is to be done for a run.

    Attributes:
        run: in the store.
        name, path: of the run and its log, for people.
        changed_at: of the log, seconds since 1970.
        ended: whether a last line without an end counts.
        folder: where artifacts go; "" makes none.
        step: also write `iter_STEP_STAMP.png`.
        final: also write the dated picture, report and data.
        stamp: of dated files.
    """

    run: int
    name: str
    path: str
    changed_at: float | None = None
    ended: bool = False
    folder: str = ""
    step: int | None = None
    final: bool = False
    stamp: str = ""


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a job.

    Attributes:
        run: of the job.
        lines, bytes: how much of the log it stands on.
        metrics: whether the log has any.
        findings: each as a dict, with `message` and `advice`.
        summary: figures of `Summary` by name.
        headline: title of the picture.
        made: files by kind.
        trouble: why something could not be done, "" when all is well.
        damaged: whether that is damage of the store.
        judge_s: seconds of CPU until it was judged; `cost_s`: in all.
    """

    run: int
    lines: int = 0
    bytes: int = 0
    metrics: bool = False
    findings: Sequence[Mapping[str, Any]] = ()
    summary: Mapping[str, Any] = field(default_factory=dict)
    headline: str = ""
    made: Mapping[str, str] = field(default_factory=dict)
    trouble: str = ""
    damaged: bool = False
    judge_s: float = 0.0
    cost_s: float = 0.0
