"""`gptwatch export`: every point of a run, as a file for other programs."""

import contextlib
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import click

from watcher.commands import options
from watcher.commands.completion import complete_runs_and_files
from watcher.files import distinct_names


_COLUMNAR: Final = ("parquet", "arrow")
_DIRECTORY: Final = "runs"
_WITH_SUPERSEDED: Final = ("csv", *_COLUMNAR, "tensorboard")


def runs_argument(metavar: str) -> Callable[[Any], Any]:
    """The runs of a command, by name or by the file of their log."""
    return click.argument(
        "names",
        metavar=metavar,
        type=options.file,
        nargs=-1,
        shell_complete=complete_runs_and_files,
    )


def require(names: Sequence[Path]) -> None:
    """Refuses a command without runs."""
    if not names:
        raise click.UsageError(options.tr("name a run or the file of a log"))


@click.command()
@runs_argument("[RUN|FILE]...")
@click.option(
    "--to",
    type=click.Choice(
        ["json", "jsonl", "csv", *_COLUMNAR, "tensorboard", "html", "prometheus"]
    ),
    default="json",
    show_default=True,
    help="json: one document; jsonl: one document per line; csv, parquet, arrow: one "
    "row per value; tensorboard: event files (32-bit floats); html: a report in one "
    "file; prometheus: metrics of all runs.",
)
@click.option(
    "--out",
    "target",
    type=click.Path(path_type=Path),
    help="File to write; of tensorboard a directory (default: runs). Default: standard "
    "output.",
)
@click.option(
    "--superseded",
    type=click.Choice(["keep", "drop"]),
    default="keep",
    show_default=True,
    help="Points whose steps were trained again after a restart (not for JSON).",
)
@options.state
@options.window
@options.output_lang
@click.pass_context
def export(
    context: click.Context,
    /,
    *,
    names: Sequence[Path],
    to: str,
    target: Path | None,
    superseded: str,
    state: Path | None,
    window: int | None,
) -> None:
    """Write every point of one or more runs, for other programs.

    RUN is a name that `gptwatch status` shows, FILE the path of a log.
    """
    if to == "prometheus":
        _write(_metrics(context, state), target)
        return
    _check(names, to, superseded)
    runs = readings(context, names, state, window)
    if superseded == "drop":
        runs = ((name, _current(reading)) for name, reading in runs)
    export_ = _Export(runs)
    if to == "tensorboard":
        export_.write_events(target or Path(_DIRECTORY), superseded)
    elif to == "parquet":
        _write(export_.parquet(), target)
    elif to == "arrow":
        _write(export_.arrow(), target)
    elif to == "html":
        _write(export_.html(), target)
    elif to == "csv":
        _write(export_.csv(several=len(names) > 1), target)
    else:
        _write(export_.json(), target)
    if export_.empty and to != "jsonl":
        context.exit(options.NO_METRICS)


def _check(names: Sequence[Path], to: str, superseded: str) -> None:
    require(names)
    if to == "json" and len(names) > 1:
        text = "--to json takes one log; use --to jsonl for several"
        raise click.UsageError(options.tr(text))
    if to == "html" and len(names) > 1:
        raise click.UsageError(options.tr("--to html takes one log"))
    if superseded == "drop" and to not in _WITH_SUPERSEDED:
        text = "--superseded drop is not for JSON, which holds the segments itself"
        raise click.UsageError(options.tr(text))


class _Export:
    """What is written of some runs, one after the other.

    Attributes:
        empty: how many had no metrics.
    """

    def __init__(self, runs: Iterator[tuple[str, Any]]) -> None:
        self._readings = runs
        self.empty = 0

    def _runs(self) -> Iterator[tuple[str, Any]]:
        return map(self._noted, self._readings)  # which holds none of them

    def _points(self) -> Iterator[tuple[str, Any]]:
        """Analyses without what is as long as a curve and derived from it."""
        return map(_bare, self._runs())

    def _noted(self, run: tuple[str, Any]) -> tuple[str, Any]:
        self.empty += not run[1].analysis.curves
        return run

    def json(self) -> Iterator[bytes]:
        """A document and a line end for each run."""
        from watcher.outputs.report.artifacts import document
        from watcher.outputs.report.json import to_parts

        for _, reading in self._runs():
            yield from to_parts(document(reading))
            yield b"\n"

    def csv(self, *, several: bool) -> Iterator[bytes]:
        """The long form; `several`: with a column for the run."""
        from watcher.outputs.report import json as data

        for number, (name, reading) in enumerate(self._runs()):
            rows = data.rows(reading.analysis)
            head = next(rows)
            if number == 0:
                yield (f"run,{head}" if several else head).encode()
            for part in rows:
                yield (f"{_quoted(name)},{part}" if several else part).encode()

    def parquet(self) -> Iterator[bytes]:
        """A Parquet file."""
        from watcher.export import parquet

        yield from parquet.write(self._points())

    def arrow(self) -> Iterator[bytes]:
        """A stream of Arrow's."""
        from watcher.export import parquet

        yield from parquet.write_arrow(self._points())

    def html(self) -> Iterator[bytes]:
        """A report that opens in a browser without a server."""
        from watcher.html.report import document

        for _, analysis in self._points():
            yield document(analysis, lang=options.language())

    def write_events(self, folder: Path, superseded: str) -> None:
        """Event files below a directory, one directory a run."""
        from watcher.export import tensorboard
        from watcher.export.names import below

        for name, reading in self._runs():
            if not reading.analysis.curves:
                continue
            run = folder / below(name)
            made = tensorboard.write(reading.analysis, run, superseded=superseded)
            for path in made:
                text = options.tr("wrote {path}", path=options.safe(str(path)))
                click.echo(text, err=True)


def readings(
    context: click.Context,
    names: Sequence[Path],
    state: Path | None,
    window: int | None,
) -> Iterator[tuple[str, Any]]:
    """Each run, read: a file where there is one, else a run of the database."""
    for path, short in distinct_names(names).items():
        if path.exists():
            # Of a long path the end that distinguishes it from the others.
            name = short if path.is_absolute() else str(path)
            yield name, options.read(path, context, window=window)
        else:
            yield str(path), _stored(context, str(path), state, window)


def _stored(
    context: click.Context, name: str, state: Path | None, window: int | None
) -> Any:
    from watcher.analysis import stored
    from watcher.errors import InputError, StorageMissingError
    from watcher.storage.database import Database

    folder = _state(context, state)
    try:
        store = Database(folder, read_only=True)
    except StorageMissingError:
        text = "{name}: no such file, and no database of runs in {folder}"
        raise InputError(options.tr(text, name=name, folder=folder)) from None
    with contextlib.closing(store):
        return stored.read(
            store,
            stored.find(store, name),
            window=window,
            formats=context.obj.formats,
            settings=context.obj.rules,
        )


def _state(context: click.Context, state: Path | None) -> Path:
    """The state directory: the option, or that of the daemon's configuration."""
    out = context.obj.options.get("out", "training_plots")
    return state or Path(out) / ".gptwatch"


def _metrics(context: click.Context, state: Path | None) -> list[bytes]:
    from watcher.metrics.collect import exposition
    from watcher.storage.database import Database

    store = Database(_state(context, state), read_only=True)
    with contextlib.closing(store):
        settings = context.obj.metrics
        return [exposition(store, now=time.time(), settings=settings)]


def _bare(run: tuple[str, Any]) -> tuple[str, Any]:
    """A run's name, and its analysis with nothing but the curves of its log."""
    name, reading = run
    derived = {"train_smooth": None, "elapsed_s": None, "mfu": None, "pause": None}
    return name, replace(reading.analysis, **derived)


def _current(reading: Any) -> Any:
    """A reading without the points that a later segment supersedes."""
    curves = {
        name: curve.take(curve.current)
        for name, curve in reading.analysis.curves.items()
    }
    return replace(reading, analysis=replace(reading.analysis, curves=curves))


def _write(parts: Any, target: Path | None) -> None:
    """Writes a file atomically, or to standard output."""
    if target is not None:
        from watcher.files import write_atomically

        write_atomically(target, parts)
        return
    output = sys.stdout.buffer
    for part in parts:
        output.write(part)
    output.flush()


def _quoted(name: str) -> str:
    return '"' + options.safe(name).replace('"', '""') + '"'
