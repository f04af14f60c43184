"""`gptwatch service`: gptwatch on a training box, by systemd."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import click

from watcher.commands import options
from watcher.errors import InputError


_DOWN: Final = 1

_user = click.option(
    "--user", is_flag=True, help="A service of your own, not of the box."
)


def _choosing(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the options that say what the service does."""
    for option in (
        click.option(
            "--with",
            "extras",
            type=click.Choice(["network", "writers", "read-all"]),
            multiple=True,
            help="Allow more: notifications over the network; asking who writes other "
            "users' logs; reading every file.",
        ),
        click.option(
            "--out",
            type=options.folder,
            help="Folder for what is made; default: plots in the service's state.",
        ),
        click.option(
            "--dir",
            "dirs",
            type=options.folder,
            multiple=True,
            help="Folder to watch; may be given several times.",
        ),
        _user,
    ):
        command = option(command)
    return command


@click.group(short_help="Run by systemd: install, uninstall, status, print.")
def service() -> None:
    """Let systemd start gptwatch at boot, keep it alive, and keep it in its place."""


@service.command()
@_choosing
def install(
    *, user: bool, dirs: tuple[Path, ...], out: Path | None, extras: tuple[str, ...]
) -> None:
    """Write the unit and its settings, and start it; says each file and command.

    It may be given again: what is as it should be stays, and goes on undisturbed.
    """
    from watcher.service import control, place
    from watcher.service.files import Choice

    where = _place(user=user)
    place.check_systemd(where)
    place.check_program(where)
    control.install(where, Choice(dirs, out, extras), click.echo)
    _tell(where)
    if user:
        click.echo("it ends when you log out, unless: loginctl enable-linger")


@service.command()
@_user
@click.option("--keep-data", is_flag=True, help="Keep settings, state and pictures.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def uninstall(*, user: bool, keep_data: bool, yes: bool) -> None:
    """Stop the service, and remove all that belongs to it."""
    from watcher.service import control, place

    where = _place(user=user)
    place.check_systemd(where)
    keep = keep_data or not (yes or _sure(where))
    for path in control.uninstall(where, click.echo, keep_data=keep):
        click.echo(f"left as it is: {path}")


def _sure(where: Any) -> bool:
    if not sys.stdin.isatty():
        raise InputError("settings, state and pictures: say --keep-data or --yes")
    return click.confirm(f"Remove settings, state and pictures too ({where.state})?")


@service.command()
@_user
@click.pass_context
def status(context: click.Context, *, user: bool) -> None:
    """Show how the service is; exit code 0 when it works."""
    from watcher.service import place

    where = _place(user=user)
    place.check_booted()
    context.exit(_tell(where))


def _tell(where: Any) -> int:
    """Prints how the service is; the exit code that says so too."""
    from watcher.service import control
    from watcher.service.place import UNIT

    seen = control.state(where)
    if seen["LoadState"] != "loaded":
        click.echo("not installed; to do so: gptwatch service install --dir FOLDER")
        return _DOWN
    works = seen["ActiveState"] in {"active", "reloading"}
    text = f"{UNIT}: {seen['ActiveState']} ({seen['SubState']})"
    if works:
        text += f", process {seen['MainPID']}"
    elif seen["Result"] != "success":
        text += f", because of: {seen['Result']}"
    click.echo(f"{text}; restarts: {seen['NRestarts']}")
    if seen["StatusText"]:
        click.echo(options.safe(seen["StatusText"]))
    click.echo(f"runs: gptwatch status --state {where.state / 'state'}")
    click.echo(f"journal: {control.journal(where)}")
    return 0 if works else _DOWN


@service.command("print")
@_choosing
def print_(
    *, user: bool, dirs: tuple[Path, ...], out: Path | None, extras: tuple[str, ...]
) -> None:
    """Print every file that `install` would write, and write none."""
    from watcher.service import place
    from watcher.service.files import Choice, files

    texts = files(_place(user=user), Choice(dirs, out, extras), place.program())
    click.echo(
        "\n".join(f"##### {path}\n{text}" for path, text in texts.items()), nl=False
    )


def _place(*, user: bool) -> Any:
    from watcher.service import place

    return place.of_user(os.environ, Path.home()) if user else place.SYSTEM
