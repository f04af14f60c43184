"""`gptwatch start`: run the daemon."""

import contextlib
import logging
import sys
import time
from pathlib import Path
from typing import Any, Final

import click

from watcher.commands import options, start_settings
from watcher.commands.signals import Signals
from watcher.errors import ConfigError, GptwatchError
from watcher.settings import cron_problem, seconds


_LEAST_S: Final = 1.0
# Between two looks whether the daemon before has ended.
_TURN_S: Final = 0.5


class Duration(click.ParamType[float]):
    """Seconds, as 30, 30s, 5m or 1h."""

    name = "duration"

    def convert(self, value: Any, param: Any, ctx: Any) -> float:
        """Seconds."""
        if isinstance(value, int | float):
            return float(value)
        found = seconds(value)
        if found is None:
            text = "{value} is not a duration; write 30s, 5m or 1h"
            self.fail(options.tr(text, value=repr(value)), param, ctx)
        if found < _LEAST_S:
            text = "{value} is shorter than a second"
            self.fail(options.tr(text, value=repr(value)), param, ctx)
        return found


class Cron(click.ParamType[str]):
    """Five fields, as in a crontab."""

    name = "cron"

    def convert(self, value: Any, param: Any, ctx: Any) -> str:
        """The expression itself."""
        if problem := cron_problem(value):
            self.fail(options.said(problem), param, ctx)
        return str(value)


@click.command(short_help="Watch directories of logs.")
@click.option(
    "--dir",
    type=options.folder,
    multiple=True,
    default=("logs",),
    show_default=True,
    help="Directory to watch, with its subdirectories; may be repeated.",
)
@options.out
@options.state
@click.option(
    "--pattern",
    multiple=True,
    help="File names of logs; default: *.log *.out *.txt *.jsonl *.csv.",
)
@click.option("--ignore", multiple=True, help="File names or paths to skip.")
@click.option(
    "--interval",
    type=Duration(),
    default="30s",
    show_default=True,
    help="Time between pictures of a run that changes.",
)
@click.option(
    "--cron",
    type=Cron(),
    help="Times of pictures as a cron expression, such as '*/5 * * * *'.",
)
@click.option(
    "--every",
    type=click.IntRange(min=0),
    default=100,
    show_default=True,
    help="Iterations between archived pictures (iter_N_*.png); 0: none.",
)
@click.option(
    "--keep",
    type=click.IntRange(min=1),
    default=20,
    show_default=True,
    help="Archived pictures kept for each run.",
)
@click.option(
    "--html",
    is_flag=True,
    help="Keep a report in one file (latest.html) beside each picture.",
)
@click.option(
    "--on-alert",
    help="Command that gets each alert as JSON on standard input.",
)
@click.option(
    "--web", is_flag=True, help="Serve the live page, too; as [web] listen does."
)
@options.lang
@options.theme
@options.window
@click.option("--log-x", is_flag=True, help="Logarithmic step axis.")
@click.option("--shared", is_flag=True, hidden=True)
@click.option("--verbose", is_flag=True, help="Log every read as well.")
@click.option(
    "--print-config", is_flag=True, help="Print the effective configuration and exit."
)
@click.pass_context
def start(
    context: click.Context,
    /,
    *,
    verbose: bool,
    print_config: bool,
    shared: bool,
    **given: Any,
) -> None:
    """Watch directories of logs; keep pictures, reports, data and alerts up to date.

    Each run has a directory below --out.  Ctrl-C or SIGTERM stops the daemon, SIGHUP
    reloads the configuration.
    """
    from watcher.logs import log_to
    from watcher.outputs.text.stored import logged

    if print_config:
        click.echo(start_settings.shown(given), nl=False)
        return
    lang = options.language()
    log_to(sys.stderr, text=lambda record: logged(record, lang), verbose=verbose)
    try:
        _serve(context, given, shared=shared)
    except ConfigError as error:
        _exit_for(context, error)


def _exit_for(context: click.Context, error: GptwatchError) -> None:
    click.echo(f"gptwatch: {options.safe(options.said(error))}", err=True)
    context.exit(options.CONFIG_ERROR)


def _serve(context: click.Context, given: dict[str, Any], *, shared: bool) -> None:
    from watcher import errors
    from watcher.daemon.daemon import Daemon
    from watcher.storage.recovery import set_aside

    logger = logging.getLogger("gptwatch")
    settings = start_settings.settings(context, given)
    if shared:
        settings = _of_all(settings)
    with contextlib.ExitStack() as stack:
        signals = stack.enter_context(Signals())
        try:
            is_ours = _locked(stack, settings.state, signals, shared=shared)
        except errors.StorageSetupError as error:
            _exit_for(context, error)
        if not is_ours:
            return
        stack.enter_context(_page(context, settings.state, wanted=given["web"]))
        daemon = _opened(Daemon, settings, context)
        while daemon is not None:
            signals.go_to(daemon.mailbox.put)
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
                logger.info("stopped; everything read is stored")
                return
            if verdict == "reload":
                settings = start_settings.reloaded(context, given, settings)
            daemon = _reopened(Daemon, settings, context, signals)


def _of_all(settings: Any) -> Any:
    """Settings for the logs of every `gptwatch run --watch` of the state directory."""
    from dataclasses import replace

    from watcher.launch.shared import Registered

    scanner = replace(settings.scanner, patterns=Registered(settings.state))
    return replace(settings, scanner=scanner)


def _locked(
    stack: contextlib.ExitStack, state: Path, signals: Signals, *, shared: bool
) -> bool:
    """Locks the state directory; with `shared` waits until it is free.

    Whether it is locked: a request to stop ends the waiting.

    Raises:
        StorageSetupError: another process has it, or it cannot be made.
    """
    from watcher.errors import StorageSetupError
    from watcher.host import lock

    logger, reported = logging.getLogger("gptwatch"), False
    while True:
        try:
            stack.enter_context(lock.locked(state))
        except StorageSetupError:
            pid = lock.holder(state)
            if not shared or pid is None:
                raise
        else:
            return True
        if not reported:
            logger.info("watched by the gptwatch that is running here (pid %d)", pid)
            reported = True
        if signals.asks("stop"):
            return False
        time.sleep(_TURN_S)


def _page(context: click.Context, state: Path, *, wanted: bool) -> Any:
    """The live page while the daemon runs, where it is wanted."""
    if not wanted and not context.obj.web.listen:
        return contextlib.nullcontext()
    from watcher.web.supervisor import beside

    return beside(options.page(context.obj, state))


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
        return _exit_for(context, error)


def _reopened(
    make: Any, settings: Any, context: click.Context, signals: Signals
) -> Any:
    """As `_opened`, but waits for the database; None when asked to stop meanwhile.

    The disk may be full just when a daemon that has run is reloaded.
    """
    from watcher.errors import StorageUnavailableError
    from watcher.host import sdnotify

    logger, reported = logging.getLogger("gptwatch"), False
    while True:
        try:
            return _opened(make, settings, context)
        except StorageUnavailableError as error:
            if not reported:
                logger.error("%s", error)  # noqa: TRY400 - one line, no traceback
            reported = True
        if signals.asks("stop"):
            return None
        sdnotify.notify("WATCHDOG=1")
        time.sleep(_TURN_S)
