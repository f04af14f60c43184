"""`gptwatch run`: run a training command, and log its output."""

import contextlib
import os
import sys
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

import click

from watcher.commands import options
from watcher.errors import GptwatchError
from watcher.outputs.text import catalog


_LOGS: Final = "logs"
# Copies the standard input that it inherits.
_COPY: Final = ("cat",)


@click.command(
    context_settings={"allow_interspersed_args": False},
    short_help="Run a training command and log its output.",
)
@click.argument("command", nargs=-1, type=click.UNPROCESSED, metavar="-- COMMAND ...")
@click.option(
    "--stdin",
    is_flag=True,
    help="Instead of a command, copy standard input: kubectl logs -f POD | ...",
)
@click.option(
    "--name", help="Name of the log; default: the configuration and the keys it sets."
)
@click.option(
    "--dir", "folder", type=options.folder, help="Directory for the log; default: logs."
)
@click.option(
    "--watch", is_flag=True, help="Watch the log meanwhile, and analyse it at the end."
)
@options.out
@click.option(
    "--every",
    type=click.IntRange(min=0),
    default=100,
    show_default=True,
    help="With --watch: iterations between archived pictures; 0: none.",
)
@options.lang
@options.theme
@options.window
@click.pass_context
def run(
    context: click.Context,
    /,
    *,
    command: Sequence[str],
    stdin: bool,
    name: str | None,
    folder: Path | None,
    watch: bool,
    **look: Any,
) -> None:
    """Run a training command, show its output, and write it to logs/NAME-STAMP.log.

    The exit code is that of the command.  The last line of the log states how it ended.
    """
    from watcher.launch import CommandError, Log, launch
    from watcher.launch.name import named
    from watcher.launch.shared import registered

    if stdin == bool(command):
        raise click.UsageError("give either -- COMMAND or --stdin")
    if stdin:
        command, name = _COPY, name or "stdin"
    echo = partial(_echo, look["lang"])
    log = Log(
        folder or _folder(context),
        _checked(name) if name is not None else named(command),
        datetime.now().astimezone(),
        echo,
    )
    with contextlib.ExitStack() as stack:
        if watch:
            stack.enter_context(registered(_state(context, look["out"]), log.path))
        beside = _watching(context, log.path, look) if watch else ()
        try:
            ended = launch(command, log, echo=echo, beside=beside)
        except CommandError as error:
            echo(error.message.text, **error.message.values)
            context.exit(error.code)
    if watch:
        _conclude(context, log.path, look)
    context.exit(ended.code)


def _echo(lang: str, text: str, **values: object) -> None:
    """Prints a message; threads of `launch` do so, too, outside of click's context."""
    # The training goes on if standard error is closed.
    with contextlib.suppress(OSError):
        shown = options.safe(catalog.tr(lang, text, **values))
        click.echo(f"gptwatch: {shown}", err=True)


def _folder(context: click.Context) -> Path:
    """The first of the watched directories."""
    folders = context.obj.options.get("dir") or [_LOGS]
    return Path(folders[0])


def _checked(name: str) -> str:
    from watcher.launch.name import usable

    if name != usable(name) or "\0" in name:
        raise click.UsageError(
            options.tr(
                "--name {name} cannot be the name of a log: it must not contain / or "
                "begin with . or -",
                name=repr(options.safe(name)),
            )
        )
    return name


def _state(context: click.Context, out: Path) -> Path:
    """The state directory that `gptwatch start` uses here."""
    chosen = context.obj.options.get("state")
    return Path(chosen).absolute() if chosen else out.absolute() / ".gptwatch"


def _watching(context: click.Context, log: Path, look: dict[str, Any]) -> list[str]:
    """The command that watches the logs of all runs here, and ends with this one."""
    from watcher.launch.tied import tied

    path = context.obj.path
    command = [sys.executable, "-m", "watcher"]
    command += ["--config", str(path)] if path else []
    command += ["start", "--shared", "--dir", str(log.parent)]
    for option, value in look.items():
        command += [f"--{option}", str(value)] if value is not None else []
    return tied(command)


def _conclude(context: click.Context, log: Path, look: dict[str, Any]) -> None:
    """The final analysis; its errors do not change the exit code."""
    shown = {name: value for name, value in look.items() if name != "every"}
    try:
        options.conclude(log, context, output=options.Output(reuse=True), **shown)
        sys.stdout.flush()
    except GptwatchError as error:
        click.echo(f"gptwatch: {options.safe(options.said(error))}", err=True)
    except BrokenPipeError:
        # Standard output is closed: Python must not flush it again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
