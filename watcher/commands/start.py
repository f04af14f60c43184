"""`gptwatch start`: the daemon."""

import contextlib
import logging
import re
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, Self

import click

from watcher.commands import options
from watcher.errors import ConfigError, InputError


_UNITS: Final = {"s": 1.0, "m": 60.0, "h": 3600.0, "": 1.0}
_LEAST_S: Final = 1.0


class Duration(click.ParamType[float]):
    """Seconds, as 30, 30s, 5m or 1h."""

    name = "duration"

    def convert(self, value: Any, param: Any, ctx: Any) -> float:
        """Seconds; a clear refusal of anything else."""
        if isinstance(value, int | float):
            return float(value)
        match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smh]?)", value.strip())
        if match is None:
            self.fail(f"{value!r} is no duration; write 30s, 5m or 1h", param, ctx)
        seconds = float(match[1]) * _UNITS[match[2]]
        if seconds < _LEAST_S:
            self.fail(f"{value!r} is shorter than a second", param, ctx)
        return seconds


class Signals:
    """Asks for an end or a reload, until somebody did it."""

    _kinds: Final = {
        signal.SIGTERM: "stop",
        signal.SIGINT: "stop",
        signal.SIGHUP: "reload",
    }

    def __init__(self) -> None:
        self._waiting: dict[str, None] = {}
        self._ask: Callable[[str], None] | None = None
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        """Takes all signals from here on."""
        for number in self._kinds:
            self._before[number] = signal.signal(number, self._take)
        return self

    def __exit__(self, *_: object) -> None:
        """Leaves them as they were."""
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def go_to(self, ask: Callable[[str], None] | None) -> None:
        """Names who is asked from now on, also for what waits."""
        self._ask = ask
        if ask is not None:
            for kind in [*self._waiting]:
                ask(kind)

    def done(self, kind: str) -> None:
        """Notes that what was asked for was done."""
        self._waiting.pop(kind, None)

    def _take(self, number: int, _: object) -> None:
        kind = self._kinds[signal.Signals(number)]
        self._waiting[kind] = None
        if self._ask is not None:
            self._ask(kind)


@click.command(short_help="Watch folders, and keep everything right.")
@click.option(
    "--dir",
    type=options.folder,
    multiple=True,
    default=("logs",),
    show_default=True,
    help="Folder to watch, with all below it; may be given several times.",
)
@options.out
@options.state
@click.option(
    "--pattern",
    multiple=True,
    help="Names of logs; default: *.log *.out *.txt *.jsonl *.csv.",
)
@click.option("--ignore", multiple=True, help="Names or paths to leave out.")
@click.option(
    "--interval",
    type=Duration(),
    default="30s",
    show_default=True,
    help="Time between pictures of a run that changes.",
)
@click.option("--cron", help="Times of pictures instead, as in '*/5 * * * *'.")
@click.option(
    "--every",
    type=click.IntRange(min=0),
    default=100,
    show_default=True,
    help="Iterations between pictures that are kept (iter_N_*.png); 0: none.",
)
@click.option(
    "--keep",
    type=click.IntRange(min=1),
    default=20,
    show_default=True,
    help="How many of those are kept for each run.",
)
@click.option(
    "--on-alert",
    help="Command that gets each alert as JSON on standard input.",
)
@options.lang
@options.theme
@options.window
@click.option("--log-x", is_flag=True, help="Logarithmic step axis.")
@click.option(
    "--print-config", is_flag=True, help="Print what holds, and do nothing else."
)
@click.pass_context
def start(context: click.Context, /, *, print_config: bool, **given: Any) -> None:
    """Watch folders of logs, and keep pictures, reports, data and alerts right.

    What is made lies in a folder of each run below --out.  Ctrl-C or SIGTERM ends it,
    SIGHUP reads the configuration again.
    """
    from watcher.logs import log_to

    if print_config:
        click.echo(_shown(given), nl=False)
        return
    log_to(sys.stderr)
    try:
        _serve(context, given)
    except ConfigError as error:
        _give_up(context, error)


def _give_up(context: click.Context, error: Exception) -> None:
    click.echo(f"gptwatch: {options.safe(str(error))}", err=True)
    context.exit(options.HOPELESS)


def _serve(context: click.Context, given: dict[str, Any]) -> None:
    from watcher import errors
    from watcher.daemon.daemon import Daemon
    from watcher.host import lock
    from watcher.storage.recovery import set_aside

    logger = logging.getLogger("gptwatch")
    settings = _settings(context, given)
    with contextlib.ExitStack() as stack:
        signals = stack.enter_context(Signals())
        try:
            stack.enter_context(lock.locked(settings.state))
        except errors.StorageSetupError as error:
            _give_up(context, error)
        while True:
            daemon = _opened(Daemon, settings, context)
            signals.go_to(daemon.inbox.put)
            try:
                verdict = daemon.run()
            except errors.StorageCorruptError as error:
                verdict = ""
                set_aside(settings.state, error)
            finally:
                signals.go_to(None)
                daemon.close()
            signals.done(verdict)
            if verdict == "stop":
                logger.info("stopped; everything read is kept")
                return
            if verdict == "reload":
                settings = _reloaded(context, given, settings)


def _opened(make: Any, settings: Any, context: click.Context) -> Any:
    from watcher import errors
    from watcher.storage.recovery import set_aside

    try:
        try:
            return make(settings)
        except errors.StorageCorruptError as error:
            set_aside(settings.state, error)
            return make(settings)
    except errors.StorageSetupError as error:
        return _give_up(context, error)


def _reloaded(context: click.Context, given: dict[str, Any], before: Any) -> Any:
    """The settings as the configuration file now has them, or the ones before."""
    from watcher import config

    logger = logging.getLogger("gptwatch")
    try:
        context.obj = config.load(context.obj.path)
        fresh = _with_file(context, given)
        settings = _settings(context, fresh)
    except (ConfigError, InputError, click.UsageError) as error:
        logger.error("%s; going on as before", error)  # noqa: TRY400
        return before
    if settings.state != before.state:
        logger.error("another state folder needs a restart; going on as before")
        return before
    logger.info("configuration read again")
    return settings


def _with_file(context: click.Context, given: dict[str, Any]) -> dict[str, Any]:
    """What was given, with the word of the file where no flag and no variable spoke."""
    from click.core import ParameterSource

    assert context.parent is not None
    name = context.info_name or ""
    context.parent.default_map = {name: dict(context.obj.options)}
    fresh = context.command.make_context(name, [], parent=context.parent)
    flag = ParameterSource.COMMANDLINE
    return {
        key: value if context.get_parameter_source(key) is flag else fresh.params[key]
        for key, value in given.items()
    }


def _settings(context: click.Context, given: dict[str, Any]) -> Any:
    from watcher.daemon.daemon import Settings
    from watcher.daemon.jobs import Options
    from watcher.ingest import discovery

    config = context.obj
    out = given["out"].absolute()
    state = given["state"].absolute() if given["state"] else out / ".gptwatch"
    _check_cron(given["cron"])
    return Settings(
        roots=_roots(given["dir"]),
        out=out,
        state=state,
        scanner=discovery.Scanner(
            patterns=tuple(given["pattern"]) or discovery.PATTERNS,
            ignore=tuple(given["ignore"]),
            own=(out, state),
        ),
        look=Options(
            state=str(state),
            config=config.judging,
            lang=options.language(given["lang"]),
            theme=given["theme"],
            window=given["window"],
            log_x=given["log_x"],
            keep=given["keep"],
        ),
        interval_s=given["interval"],
        cron=given["cron"],
        every=given["every"],
        rules=config.rules,
        formats=config.formats,
        alerts=config.alerts,
        notify=_notify(config.notify, given["on_alert"]),
    )


def _notify(chosen: Any, on_alert: str | None) -> Any:
    from dataclasses import replace

    return replace(chosen, on_alert=on_alert) if on_alert else chosen


def _roots(dirs: Sequence[Path]) -> tuple[Path, ...]:
    roots = tuple(dict.fromkeys(folder.absolute() for folder in dirs))
    for root in roots:
        if root.exists() and not root.is_dir():
            raise click.UsageError(
                f"{root}: not a folder; for one log: gptwatch once {root}"
            )
    return roots


def _check_cron(text: str | None) -> None:
    if text is None:
        return
    from apscheduler.triggers.cron import CronTrigger

    try:
        CronTrigger.from_crontab(text)
    except ValueError as error:
        raise click.UsageError(
            f"--cron {text!r}: {error}; write five fields, as in '*/5 * * * *'"
        ) from None


def _shown(given: dict[str, Any]) -> str:
    """The settings as `gptwatch.toml` would have them."""
    import json

    lines = []
    for name, value in given.items():
        if value is None or value == ():
            continue
        kept = value
        if isinstance(value, tuple):
            kept = [str(item) for item in value]
        elif name == "interval":
            kept = f"{value:g}s"
        elif isinstance(value, Path):
            kept = str(value)
        lines.append(f"{name} = {json.dumps(kept, ensure_ascii=False)}\n")
    return "".join(lines)
