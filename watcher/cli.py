"""The command `gptwatch`.

Answers go to standard output, everything else to standard error.  Exit codes: 0 fine,
1 error, 2 wrong usage, 3 no metrics found, 10 overfitting, 11 not finite, 12 diverged,
13 crashed.
"""

import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import click

from watcher import __version__
from watcher.analysis import Analysis
from watcher.errors import GptwatchError, InputError


NO_METRICS: Final = 3
# What a finding makes of the exit code; the gravest, which is the largest, wins.
_EXIT_CODES: Final = {
    "overfitting": 10,
    "not_finite": 11,
    "divergence": 12,
    "crashed": 13,
}
_LARGE: Final = 64 * 1024 * 1024
_LOGS: Final = (".log", ".out", ".jsonl", ".txt", ".csv", ".json")
_PACKED: Final = (".gz", ".bz2", ".xz", ".zst")
_ERROR: Final = 1
_INTERRUPTED: Final = 130
_WIDEST: Final = 100
_NARROWEST: Final = 40

_lang = click.option(
    "--lang",
    type=click.Choice(["en", "ru"]),
    help="Language of reports; default: the locale's, else English.",
)
_theme = click.option(
    "--theme",
    type=click.Choice(["light", "dark"]),
    default="light",
    show_default=True,
    help="Colours of the picture.",
)
_out = click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default="training_plots",
    show_default=True,
    help="Folder for what is made.",
)
_window = click.option(
    "--window",
    type=click.IntRange(min=1),
    help="Points in the moving average; default: min(50, n // 10).",
)
_file = click.Path(path_type=Path)


@click.group(context_settings={"auto_envvar_prefix": "GPTWATCH"})
@click.version_option(__version__, prog_name="gptwatch")
@click.option(
    "--config",
    "config_path",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Configuration file; default: ./gptwatch.toml where there is one.",
)
@click.pass_context
def cli(context: click.Context, config_path: Path | None) -> None:
    """Watches training logs, draws their curves, and says when a model overfits."""
    from watcher import config

    loaded = config.load(config_path)
    context.obj = loaded
    options = dict(loaded.options)
    context.default_map = dict.fromkeys(cli.commands, options)


@cli.command(short_help="Analyse one log: picture, report, data.")
@click.argument("file", type=_file, required=False)
@_out
@_lang
@_theme
@_window
@click.option("--log-x", is_flag=True, help="Logarithmic step axis.")
@click.option("--exit-zero", is_flag=True, help="Findings do not change the exit code.")
@click.pass_context
def once(
    context: click.Context,
    file: Path | None,
    *,
    out: Path,
    lang: str | None,
    theme: str,
    window: int | None,
    log_x: bool,
    exit_zero: bool,
) -> None:
    """Analyse one log, now: picture, report, data, and the lines that matter.

    Without FILE the newest log of this folder or of logs/ is taken.
    """
    from watcher import artifacts
    from watcher.outputs import terminal

    language = _language(lang)
    path = file or _newest(out)
    reading = _read(path, context, window=window)
    analysis = reading.analysis
    if not analysis.curves:
        raise NoMetricsError(path, reading.parser.lines)
    now = datetime.now().astimezone()
    made = artifacts.write(
        reading, out, lang=language, theme=theme, log_x=log_x, now=now
    )
    text = terminal.summary(
        analysis,
        made,
        lang=language,
        width=_terminal_width(),
        colour=_colours(),
        encoding=sys.stdout.encoding,
    )
    click.echo(text, nl=False)
    context.exit(0 if exit_zero else _exit_code(analysis))


@cli.command()
@click.argument("files", type=_file, nargs=-1, required=True)
@click.option(
    "--to",
    type=click.Choice(["json", "jsonl", "csv"]),
    default="json",
    show_default=True,
    help="json: one document; jsonl: one a line; csv: a row a value.",
)
@click.option(
    "--window", type=click.IntRange(min=1), help="Points in the moving average."
)
@click.pass_context
def export(
    context: click.Context, files: Sequence[Path], to: str, window: int | None
) -> None:
    """Print all points of logs, for further analysis."""
    from watcher.outputs import data

    if to == "json" and len(files) > 1:
        raise click.UsageError("json holds one log; use --to jsonl for several")
    output = sys.stdout.buffer
    empty = 0
    for number, file in enumerate(files):
        reading = _read(file, context, window=window)
        empty += not reading.analysis.curves
        if to == "csv":
            several = str(file) if len(files) > 1 else None
            _write_rows(data.rows(reading.analysis), number, several)
            continue
        for part in data.to_parts(_document(reading)):
            output.write(part)
        output.write(b"\n")
    output.flush()
    if empty and to != "jsonl":
        context.exit(NO_METRICS)


def _document(reading: Any) -> dict[str, Any]:
    from watcher.artifacts import document

    return document(reading)


def _write_rows(parts: Iterator[str], number: int, name: str | None) -> None:
    """Writes the rows of a log; with a name, in a column of its own before them."""
    head = next(parts)
    if number == 0:
        sys.stdout.write(f"run,{head}" if name else head)
    for part in parts:
        if name:
            rows = part.splitlines(keepends=True)
            part = "".join(f"{_quoted(name)},{row}" for row in rows)  # noqa: PLW2901
        sys.stdout.write(part)


def _quoted(name: str) -> str:
    return '"' + _safe(name).replace('"', '""') + '"'


@cli.command(short_help="Draw runs over each other; tell what differs.")
@click.argument("files", type=_file, nargs=-1, required=True)
@_out
@_lang
@_theme
@click.pass_context
def compare(
    context: click.Context,
    files: Sequence[Path],
    out: Path,
    lang: str | None,
    theme: str,
) -> None:
    """Draw several runs over each other, and tell what differs."""
    from watcher import artifacts
    from watcher.outputs import differences

    if len(files) == 1:
        raise click.UsageError("name at least two logs")
    language = _language(lang)
    runs = [_read(file, context, window=None).analysis for file in files]
    with_metrics = [run for run in runs if run.curves]
    if not with_metrics:
        raise NoMetricsError(files[0], 0)
    for run in runs:
        if not run.curves:
            click.echo(f"{_safe(run.path)}: no metrics found, left out", err=True)
    runs = artifacts.named_apart(with_metrics)
    made = artifacts.write_comparison(
        runs, out, lang=language, theme=theme, now=datetime.now().astimezone()
    )
    click.echo(differences.table(runs, lang=language))
    click.echo(f"\n{_safe(str(made))}")


@cli.command(short_help="List the known formats, or explain a log.")
@click.argument("file", type=_file, required=False)
@click.pass_context
def formats(context: click.Context, file: Path | None) -> None:
    """List the log formats that are known, or explain how FILE was understood."""
    from watcher.outputs import recognition

    known = context.obj.formats
    if file is None:
        click.echo(recognition.known(known, width=_terminal_width()))
        return
    reading = _read(file, context, window=None)
    click.echo(recognition.explain(reading, file, width=_terminal_width()))
    if not reading.analysis.curves:
        context.exit(NO_METRICS)


class NoMetricsError(InputError):
    """A log in which no metric was found."""

    def __init__(self, path: Path, lines: int) -> None:
        counted = "an empty file" if not lines else f"{lines:,} lines read"
        super().__init__(
            f"{path}: no metrics found ({counted}); "
            f"to see what was tried: gptwatch formats {path}"
        )


def main() -> None:
    """Runs the command; errors become one line, never a traceback."""
    try:
        code = cli.main(standalone_mode=False, prog_name="gptwatch")
        sys.stdout.flush()
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except NoMetricsError as error:
        code = _complain(error, NO_METRICS)
    except GptwatchError as error:
        code = _complain(error, _ERROR)
    except (click.Abort, KeyboardInterrupt):
        code = _INTERRUPTED
    sys.exit(code if isinstance(code, int) else 0)


def _complain(error: GptwatchError, code: int) -> int:
    click.echo(f"gptwatch: {_safe(str(error))}", err=True)
    return code


def _read(path: Path, context: click.Context, *, window: int | None) -> Any:
    from parsers.parser import Parser
    from watcher import once as one

    with _progress(path) as progress:
        return one.read(
            path,
            window=window,
            settings=context.obj.rules,
            parser=Parser(context.obj.formats),
            progress=progress,
        )


@contextmanager
def _progress(path: Path) -> Iterator[Any]:
    """Shows how far a large file is read, on a terminal."""
    try:
        size = path.stat().st_size
    except (OSError, ValueError):
        size = 0  # reading it will say what is wrong
    if size < _LARGE or not sys.stderr.isatty():
        yield lambda _: None
        return
    label = f"reading {_safe(path.name)}"
    with click.progressbar(length=size, label=label, file=sys.stderr) as bar:
        yield lambda done: bar.update(done - bar.pos)


def _newest(out: Path) -> Path:
    """The newest log here or in logs/; what gptwatch made itself is none."""
    found = [
        entry
        for folder in (Path(), Path("logs"))
        if folder.is_dir()
        for entry in folder.iterdir()
        if entry.is_file() and _is_log(entry.name) and out not in entry.parents
    ]
    if not found:
        raise InputError(
            "no log here or in logs/ (looked for *.log, *.out, *.jsonl, *.txt, ...); "
            "name one: gptwatch once FILE"
        )
    # A text or table is a log only where nothing calls itself one.
    first = [f for f in found if _bare(f.name).endswith(_LOGS[:3])]
    newest = max(first or found, key=lambda f: f.stat().st_mtime)
    click.echo(f"newest log: {_safe(str(newest))}", err=True)
    return newest


def _is_log(name: str) -> bool:
    return _bare(name).endswith(_LOGS)


def _bare(name: str) -> str:
    stem, dot, suffix = name.lower().rpartition(".")
    return stem if dot and f".{suffix}" in _PACKED else name.lower()


def _language(chosen: str | None) -> str:
    if chosen:
        return chosen
    names = ("LC_ALL", "LC_MESSAGES", "LANG")
    locale = next((os.environ[n] for n in names if os.environ.get(n)), "")
    return "ru" if locale.lower().startswith("ru") else "en"


def _terminal_width() -> int:
    columns = shutil.get_terminal_size((80, 24)).columns
    return min(_WIDEST, max(_NARROWEST, columns))


def _colours() -> bool:
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def _exit_code(analysis: Analysis) -> int:
    lasting = [f.rule for f in analysis.findings if f.cleared_step is None]
    return max((_EXIT_CODES.get(rule, 0) for rule in lasting), default=0)


def _safe(text: str) -> str:
    from watcher.outputs.words import clean

    return clean(text)


if __name__ == "__main__":
    main()
