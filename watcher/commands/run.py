"""`gptwatch run`: any training command, with a log."""

import contextlib
import glob
import os
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import click

from watcher.commands import options
from watcher.errors import GptwatchError


_SCRIPTS: Final = (".py", ".sh")
_LOGS: Final = "logs"


@click.command(
    context_settings={"allow_interspersed_args": False},
    short_help="Run a training, and keep its output in a log.",
)
@click.argument(
    "command", nargs=-1, required=True, type=click.UNPROCESSED, metavar="-- COMMAND ..."
)
@click.option(
    "--name", help="What the log is called; default: after the script or program."
)
@click.option(
    "--dir", "folder", type=options.folder, help="Folder for the log; default: logs."
)
@click.option(
    "--watch", is_flag=True, help="Draw it meanwhile, and analyse it at the end."
)
@options.out
@click.option(
    "--every",
    type=click.IntRange(min=0),
    default=100,
    show_default=True,
    help="With --watch: iterations between pictures that are kept; 0: none.",
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
    name: str | None,
    folder: Path | None,
    watch: bool,
    **look: Any,
) -> None:
    """Run a training command, show its output, and keep it in logs/NAME-STAMP.log.

    The exit code is that of the command.  The last line of the log tells how it ended.
    """
    from watcher.launch import CommandError, Log, launch

    log = Log(
        folder or _folder(context),
        _checked(name) if name is not None else _name(command),
        datetime.now().astimezone(),
        _say,
    )
    beside = _watching(context, log.path, look) if watch else ()
    try:
        ended = launch(command, log, say=_say, beside=beside)
    except CommandError as error:
        _say(str(error))
        context.exit(error.code)
    if watch:
        _conclude(context, log.path, look)
    context.exit(ended.code)


def _say(text: str) -> None:
    # Without anybody to hear it, the training still goes on.
    with contextlib.suppress(OSError):
        click.echo(f"gptwatch: {options.safe(text)}", err=True)


def _folder(context: click.Context) -> Path:
    """The first folder that is watched anyway."""
    folders = context.obj.options.get("dir") or [_LOGS]
    return Path(folders[0])


def _name(command: Sequence[str]) -> str:
    """The script's name or the module's, else the program's; without an ending."""
    program, *arguments = command
    if not program.endswith(_SCRIPTS):
        for before, word in zip(command, arguments, strict=False):
            if before == "-c":
                break  # what follows is a program, not the name of one
            if before == "-m":
                return _usable(word.rpartition(".")[2])
            if word.endswith(_SCRIPTS):
                return _usable(Path(word).stem)
    return _usable(Path(program).stem)


def _usable(name: str) -> str:
    """A file name that folders of logs do not hide."""
    return name.replace("/", "_").lstrip(".-") or "run"


def _checked(name: str) -> str:
    if name != _usable(name) or "\0" in name:
        raise click.UsageError(
            f"--name {options.safe(name)!r} is no name for a log; "
            "leave out / and what stands before the first letter"
        )
    return name


def _watching(context: click.Context, log: Path, look: dict[str, Any]) -> list[str]:
    """The command that watches this log alone."""
    path = context.obj.path
    command = [sys.executable, "-m", "watcher"]
    command += ["--config", str(path)] if path else []
    command += ["start", "--dir", str(log.parent), "--pattern", glob.escape(log.name)]
    for option, value in look.items():
        command += [f"--{option}", str(value)] if value is not None else []
    return command


def _conclude(context: click.Context, log: Path, look: dict[str, Any]) -> None:
    """A last analysis; what it cannot do does not change how the training ended."""
    shown = {name: value for name, value in look.items() if name != "every"}
    try:
        options.conclude(log, context, **shown)
        sys.stdout.flush()
    except GptwatchError as error:
        _say(str(error))
    except BrokenPipeError:
        # Nobody reads: Python must not try again when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
