"""Shared by the commands: options, language, reading a log, the terminal."""

import math
import os
import shutil
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

import click

from watcher.errors import ConfigError, GptwatchError, InputError, Text
from watcher.outputs.text import catalog, numbers
from watcher.outputs.text import errors as texts
from watcher.outputs.text.escape import clean
from watcher.settings import Where


NO_METRICS: Final = 3
# EX_CONFIG: a restart does not help; systemd must not try one.
CONFIG_ERROR: Final = 78
# A log whose writer cannot be seen has ended after so long.
_SILENT_S: Final = 600.0
_LARGE: Final = 64 * 1024 * 1024
_WIDEST: Final = 100
_NARROWEST: Final = 40
_LANG: Final = "gptwatch.lang"


def language() -> str:
    """The language: that of --lang, of the configuration or of the locale."""
    context = click.get_current_context(silent=True)
    chosen = context.meta.get(_LANG) if context is not None else None
    if chosen is not None:
        return str(chosen)
    names = ("LC_ALL", "LC_MESSAGES", "LANG")
    locale = next((os.environ[n] for n in names if os.environ.get(n)), "")
    return catalog.language(locale)


def tr(text: str, **values: object) -> str:
    """The text in the language of the command, its `{names}` filled in."""
    return catalog.tr(language(), text, **values)


def said(error: GptwatchError | Text) -> str:
    """What an error says, in the language of the command."""
    return texts.said(error, language())


def choose_language(
    context: click.Context, _: click.Parameter | None, chosen: str | None
) -> str:
    """Sets the language of the command, and gives it."""
    if chosen:
        context.meta[_LANG] = chosen
    with context.scope(cleanup=False):
        return language()


_lang = partial(
    click.option,
    "--lang",
    type=click.Choice(catalog.LANGUAGES),
    callback=choose_language,
    is_eager=True,
    help="Language of all output; default: that of the locale, else English.",
)
lang = _lang()
# For commands that only print by `tr`.
output_lang = _lang(expose_value=False)
theme = click.option(
    "--theme",
    type=click.Choice(["light", "dark"]),
    default="light",
    show_default=True,
    help="Colours of the pictures.",
)
out = click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False, readable=False),
    default="training_plots",
    show_default=True,
    help="Output directory.",
)
window = click.option(
    "--window",
    type=click.IntRange(min=1),
    help="Points in the moving average; default: min(50, n // 10).",
)
file = click.Path(path_type=Path)
# A folder that is not readable yet may become so: the daemon logs it and retries.
folder = click.Path(path_type=Path, readable=False)
state = click.option(
    "--state",
    type=click.Path(path_type=Path, file_okay=False, readable=False),
    help="State directory (database); default: .gptwatch in --out.",
)


@dataclass(frozen=True, slots=True)
class Output:
    """What an analysis leaves: files, the document or a summary on standard output.

    `reuse`: the dated files of the daemon are enough, where it has written them.
    """

    files: bool = True
    reuse: bool = False
    document: bool = False
    quiet: bool = False


class NoMetricsError(InputError):
    """A log in which no metric was found."""

    def __init__(self, path: Path, lines: int) -> None:
        text = "{path}: no metrics found ({lines} read); to see why: {command}"
        if not lines:
            text = "{path}: no metrics found, the file is empty"
        counted = numbers.count(lines, "line", language())
        command = f"gptwatch formats {path}"
        super().__init__(tr(text, path=path, lines=counted, command=command))


def blamed(error: Exception) -> Exception:
    """An option's error, as one of the file or variable that the value came from."""
    from click.core import ParameterSource

    if not isinstance(error, click.BadParameter) or not (error.ctx and error.param):
        return error
    context, name = error.ctx, error.param.name or ""
    source = context.get_parameter_source(name)
    if source is ParameterSource.DEFAULT_MAP:
        where: Where = context.find_root().obj.where
        return where.child(name).error("is invalid: {message}", message=error.message)
    if source is ParameterSource.ENVIRONMENT:
        variable = f"{context.auto_envvar_prefix}_{name.upper()}"
        return ConfigError(
            "{variable}: {message}", variable=variable, message=error.message
        )
    return error


def read(path: Path, context: click.Context, *, window: int | None) -> Any:
    """A log read to its end, with progress on a terminal where it is long."""
    from parsers.parser import Parser
    from watcher.analysis import pipeline as one

    with _progress(path) as progress:
        return one.read(
            path,
            window=window,
            settings=context.obj.rules,
            parser=Parser(context.obj.formats),
            ended=_ended(path),
            progress=progress,
        )


def _ended(path: Path) -> bool:
    """Whether nothing writes a log any more, as far as this machine can tell."""
    from watcher.host.writers import Writers
    from watcher.ingest.decompress import STDIN

    if path == STDIN:
        return True  # it was read to its end
    try:
        found = path.stat()
    except OSError:
        return False  # reading it gives the message
    key = found.st_dev, found.st_ino
    state = Writers.of([key]).state(key, path)
    silent = time.time() - found.st_mtime > _SILENT_S
    return state == "gone" or (state == "unknown" and silent)


def conclude(
    path: Path,
    context: click.Context,
    *,
    out: Path,
    lang: str,
    theme: str,
    window: int | None,
    log_x: bool = False,
    output: Output = Output(),
) -> Any:
    """Analyses a log, writes picture, report and data, and prints the summary.

    Raises:
        NoMetricsError: the log holds no metric.
    """
    from watcher.daemon.drawn import drawn
    from watcher.outputs.report import artifacts, terminal
    from watcher.outputs.report.json import to_parts

    reading = read(path, context, window=window)
    analysis = reading.analysis
    if not analysis.curves:
        raise NoMetricsError(path, reading.parser.lines)
    now = datetime.now().astimezone()
    made: Mapping[str, str] = {}
    if output.files:
        # All dated files of a run that is watched lie in its directory.
        known = drawn(out / ".gptwatch", path)
        made = known.dated if known and output.reuse else {}
        made = made or artifacts.write(
            reading,
            known.folder if known else out,
            lang=lang,
            theme=theme,
            log_x=log_x,
            now=now,
        )
    if output.document:
        for part in to_parts(artifacts.document(reading)):
            sys.stdout.buffer.write(part)
        click.echo()
        return analysis
    if output.quiet:
        return analysis
    text = terminal.summary(
        analysis,
        made,
        lang=lang,
        width=terminal_width(),
        colour=colours(),
        encoding=sys.stdout.encoding,
    )
    click.echo(text, nl=False)
    return analysis


@contextmanager
def _progress(path: Path) -> Iterator[Any]:
    """Shows how far a large file is read, on a terminal."""
    try:
        size = path.stat().st_size
    except (OSError, ValueError):
        size = 0  # reading it reports the error
    if size < _LARGE or not sys.stderr.isatty():
        yield lambda _: None
        return
    label = tr("reading {name}", name=safe(path.name))
    with click.progressbar(length=size, label=label, file=sys.stderr) as bar:
        yield lambda done: bar.update(done - bar.pos)


def terminal_width() -> int:
    """Columns to write in."""
    columns = shutil.get_terminal_size((80, 24)).columns
    return min(_WIDEST, max(_NARROWEST, columns))


def screen_width() -> int | None:
    """Columns of the terminal; None where the output is read by a program."""
    return shutil.get_terminal_size((80, 24)).columns if sys.stdout.isatty() else None


def colours() -> bool:
    """Whether standard output takes colours."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def as_json(value: Any) -> str:
    """JSON, with null where a number is not finite."""
    import json

    # In ASCII: names of files need not be text.
    return json.dumps(_finite(value), indent=2)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def safe(text: str) -> str:
    """The text without control characters, safe to print on a terminal."""
    return clean(text)


def page(config: Any, state: Path, listen: str | None = None) -> Any:
    """Settings of the page, from the configuration."""
    from watcher.web.command import DEFAULT, Settings

    chosen = config.web
    return Settings(
        state=str(state.absolute()),
        listen=listen or chosen.listen or DEFAULT,
        hosts=chosen.hosts,
        allow_users=chosen.allow_users,
        lines=chosen.lines,
        metrics=asdict(config.metrics),
    )
