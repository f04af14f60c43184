"""Runs in Python: points as arrays and data frames, findings, figures.

>>> from watcher import read
>>> run = read("train.log")
>>> steps, values, _ = run.series("val_loss")
>>> run.to_pandas().query("metric == 'loss'").plot("step", "value")
>>> read(dir="logs/")["train.log"].findings

Names and types here are stable: they are added to, never renamed.
"""

import base64
import contextlib
import html
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, overload

import numpy as np

from parsers.batch import Floats, Ints
from watcher import config as configuration
from watcher.analysis import pipeline, stored
from watcher.analysis.finding import Finding
from watcher.analysis.model import Analysis, Segment, Summary
from watcher.outputs.report import artifacts
from watcher.outputs.text.findings import sentence
from watcher.outputs.text.headline import headline
from watcher.outputs.text.numbers import plain
from watcher.storage.database import Database
from watcher.storage.rows import Row


if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

_STATE: Final = Path("training_plots/.gptwatch")


class Series(NamedTuple):
    """One metric, in the order of the log.

    Attributes:
        steps: int64, shape (n,).
        values: float64, shape (n,); NaN and infinite where the log has them.
        lines: line of the log of each point, shape (n,).
    """

    steps: Ints
    values: Floats
    lines: Ints


class Run:
    """A run, analysed.

    Attributes:
        name: of the run.
        analysis: all that is known of it, as the outputs of gptwatch read it.
    """

    def __init__(self, analysis: Analysis) -> None:
        self.name = analysis.name
        self.analysis = analysis

    @property
    def path(self) -> str:
        """Of its log."""
        return self.analysis.path

    @property
    def format(self) -> str:
        """Who wrote the log, "" if that is not known."""
        return self.analysis.format

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names of the metrics that have points."""
        return tuple(self.analysis.curves)

    @property
    def hyperparameters(self) -> Mapping[str, int | float | str | bool]:
        """What the log states of them, by nanoGPT's names."""
        return self.analysis.info

    @property
    def segments(self) -> tuple[Segment, ...]:
        """The parts between restarts."""
        return self.analysis.segments

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What the rules found, the most severe first."""
        return self.analysis.findings

    @property
    def messages(self) -> tuple[str, ...]:
        """The findings in sentences."""
        return tuple(plain(sentence(finding)) for finding in self.findings)

    @property
    def summary(self) -> Summary:
        """Every figure of the report; None where the log does not state it."""
        return self.analysis.summary

    @property
    def headline(self) -> str:
        """What there is to say of the run, in one sentence."""
        return plain(headline(self.analysis, "en"))

    def series(self, metric: str, *, superseded: bool = True) -> Series:
        """The points of a metric; the arrays are not to be written to.

        `superseded=False` leaves out points whose steps were trained again after a
        restart.

        Raises:
            KeyError: the run has no such metric.
        """
        if metric not in self.analysis.curves:
            known = ", ".join(self.metrics)
            raise KeyError(f"{metric!r}: no such metric in {self.name}; {known}")
        curve = self.analysis.curves[metric]
        which = slice(None) if superseded else curve.current
        return Series(curve.steps[which], curve.values[which], curve.lines[which])

    def to_pandas(self) -> "pd.DataFrame":
        """All points: metric, step, value, line, segment, current."""
        import pandas as pd

        columns = self._columns()
        names = columns.pop("metric")
        found = pd.DataFrame(columns)
        found.insert(0, "metric", pd.Categorical.from_codes(names, list(self.metrics)))
        return found

    def to_polars(self) -> "pl.DataFrame":
        """All points: metric, step, value, line, segment, current."""
        import polars as pl

        columns = self._columns()
        names = np.array(self.metrics, dtype=object)[columns.pop("metric")]
        metric = pl.Series("metric", names.tolist(), dtype=pl.String)
        return pl.DataFrame([metric, *(pl.Series(k, v) for k, v in columns.items())])

    def figure(self, *, theme: str = "light", lang: str = "en") -> bytes:
        """The picture of the run as PNG."""
        return artifacts.draw(self.analysis, lang=lang, theme=theme)

    def _columns(self) -> dict[str, Any]:
        """The long form; metrics as numbers of `metrics`."""
        curves = list(self.analysis.curves.values())
        if not curves:
            raise ValueError(f"{self.path}: no metrics found")
        starts = [segment.first_line for segment in self.segments[1:]]
        lines = np.concatenate([curve.lines for curve in curves])
        return {
            "metric": np.repeat(range(len(curves)), [len(c) for c in curves]),
            "step": np.concatenate([curve.steps for curve in curves]),
            "value": np.concatenate([curve.values for curve in curves]),
            "line": lines,
            "segment": np.searchsorted(starts, lines, side="right") + 1,
            "current": np.concatenate([curve.current for curve in curves]),
        }

    def __repr__(self) -> str:
        return f"<Run {self.name}: {self.headline}>"

    def _repr_html_(self) -> str:
        """What a notebook shows: the picture, and the findings below it."""
        found = "".join(f"<li>{html.escape(text)}</li>" for text in self.messages)
        title = html.escape(f"{self.name}: {self.headline}")
        picture = ""
        if self.metrics:
            data = base64.b64encode(self.figure()).decode()
            source = f"data:image/png;base64,{data}"
            picture = f'<img alt="{title}" style="max-width:100%" src="{source}">'
        return f"<div><b>{title}</b><br>{picture}<ul>{found}</ul></div>"


class Runs(Mapping[str, Run]):
    """The runs of a watched directory by name, read from the daemon's database."""

    def __init__(self, rows: list[Row], state: Path, window: int | None) -> None:
        self._rows = {row.local_name: row for row in rows}
        self._state = state
        self._window = window

    def __getitem__(self, name: str) -> Run:
        row, config = self._rows[name], configuration.load(None)
        with contextlib.closing(Database(self._state, read_only=True)) as store:
            reading = stored.read(
                store,
                row,
                window=self._window,
                formats=config.formats,
                settings=config.rules,
            )
        return Run(reading.analysis)

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)

    def __repr__(self) -> str:
        return f"<Runs {', '.join(self._rows)}>"


@overload
def read(path: str | Path, *, window: int | None = None) -> Run: ...


@overload
def read(
    *,
    dir: str | Path,
    state: str | Path = _STATE,
    window: int | None = None,
) -> Runs: ...


def read(
    path: str | Path | None = None,
    *,
    dir: str | Path | None = None,  # noqa: A002 - as the option of `gptwatch start`
    state: str | Path = _STATE,
    window: int | None = None,
) -> Run | Runs:
    """A log, analysed; or the runs of a directory that `gptwatch start` watches.

    `dir`: the watched directory.  `state`: the daemon's state directory.  `window`:
    points in the moving average.  Settings are those of `gptwatch.toml` here.

    Raises:
        InputError: the log cannot be read.
        StorageMissingError: there is no database in the state directory.
    """
    if (path is None) == (dir is None):
        raise TypeError("read() takes either the path of a log or dir=")
    if path is not None:
        from parsers.parser import Parser

        config = configuration.load(None)
        parser = Parser(config.formats)
        reading = pipeline.read(
            Path(path), window=window, settings=config.rules, parser=parser
        )
        return Run(reading.analysis)
    assert dir is not None
    root = str(Path(dir).absolute())
    with contextlib.closing(Database(Path(state), read_only=True)) as store:
        rows = [r for r in store.runs() if r.root == root and (r.format or r.latest)]
    return Runs(rows, Path(state), window)
