"""`gptwatch service`: run gptwatch under systemd."""

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
    "--user", is_flag=True, help="Use a per-user service (systemctl --user)."
)


def _choosing(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the options of `install` and `print`."""
    for option in (
        click.option(
            "--with",
            "extras",
            type=click.Choice(["network", "writers", "read-all"]),
            multiple=True,
            help="Grant more: notifications over the network; detecting the writers of "
            "other users' logs; reading every file.",
        ),
        click.option(
            "--web",
            is_flag=True,
            help="Let systemd listen for the live page on 127.0.0.1:8477.",
        ),
        click.option(
            "--out",
            type=options.folder,
            help="Output directory; default: plots in the state directory.",
        ),
        click.option(
            "--dir",
            "dirs",
            type=options.folder,
            multiple=True,
            help="Directory to watch; may be repeated.",
        ),
        _user,
    ):
        command = option(command)
    return command


@click.group(short_help="Run under systemd: install, uninstall, status, print.")
def service() -> None:
    """Run gptwatch as a systemd service: started at boot, restarted, sandboxed."""


@service.command()
@_choosing
def install(
    *,
    user: bool,
    dirs: tuple[Path, ...],
    out: Path | None,
    web: bool,
    extras: tuple[str, ...],
) -> None:
    """Install and start the service; prints each file and command.

    Idempotent: unchanged files and a running service are left alone.
    """
    from watcher.service import control, network, place
    from watcher.service.files import Choice

    where = _place(user=user)
    place.check_systemd(where)
    place.check_program(where)
    if _wants_network(where, extras):
        extras = (*extras, "network")
    control.install(where, Choice(dirs, out, extras, web), _echo)
    _show(where)
    if network.is_isolated(where):
        text = (
            "the service has no network: notifications by e-mail and messengers fail; "
            "to grant it: {command}"
        )
        _echo(text, command=f"sudo {network.GRANT}")
    if web:
        _echo("page: {address}", address="journalctl -u gptwatch-web")
    if user:
        _echo("it stops when you log out; to prevent that: loginctl enable-linger")


def _wants_network(where: Any, extras: tuple[str, ...]) -> bool:
    """Asks on a terminal whether notifications may use the network."""
    granted = "network" in extras or (where.drop_ins / "network.conf").exists()
    if granted or not where.sysusers or not sys.stdin.isatty():
        return False
    text = "Allow the network, for notifications by e-mail and messengers?"
    return click.confirm(options.tr(text), default=False)


@service.command()
@_user
@click.option("--keep-data", is_flag=True, help="Keep settings, state and pictures.")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
def uninstall(*, user: bool, keep_data: bool, yes: bool) -> None:
    """Stop the service and remove its files."""
    from watcher.service import control, place

    where = _place(user=user)
    place.check_systemd(where)
    keep = keep_data or not (yes or _sure(where))
    for path in control.uninstall(where, _echo, keep_data=keep):
        _echo("not removed: {path}", path=path)


def _sure(where: Any) -> bool:
    if not sys.stdin.isatty():
        text = "keep or remove settings, state and pictures? use --keep-data or --yes"
        raise InputError(options.tr(text))
    return click.confirm(
        options.tr(
            "Remove settings, state and pictures too ({path})?", path=where.state
        )
    )


@service.command()
@_user
@click.pass_context
def status(context: click.Context, *, user: bool) -> None:
    """Show the state of the service; exit code 0 if it is running."""
    from watcher.service import place

    where = _place(user=user)
    place.check_booted()
    context.exit(_show(where))


def _show(where: Any) -> int:
    """Prints the state of the service; the exit code."""
    from watcher.service import control
    from watcher.service.place import UNIT

    seen = control.state(where)
    if seen["LoadState"] != "loaded":
        command = "gptwatch service install --dir DIRECTORY"
        _echo("not installed; to install it: {command}", command=command)
        return _DOWN
    running = seen["ActiveState"] in {"active", "reloading"}
    state = f"{UNIT}: {seen['ActiveState']} ({seen['SubState']})"
    values = {"pid": seen["MainPID"], "result": seen["Result"], "n": seen["NRestarts"]}
    if running:
        _echo("{state}, pid {pid}; restarts: {n}", state=state, **values)
    elif seen["Result"] != "success":
        _echo("{state}, result: {result}; restarts: {n}", state=state, **values)
    else:
        _echo("{state}; restarts: {n}", state=state, **values)
    if seen["StatusText"]:
        click.echo(options.safe(seen["StatusText"]))
    command = f"gptwatch status --state {where.state / 'state'}"
    _echo("runs: {command}", command=command)
    _echo("journal: {command}", command=control.journal(where))
    return 0 if running else _DOWN


def _echo(text: str, **values: object) -> None:
    click.echo(options.tr(text, **values))


@service.command("print")
@_choosing
def print_(
    *,
    user: bool,
    dirs: tuple[Path, ...],
    out: Path | None,
    web: bool,
    extras: tuple[str, ...],
) -> None:
    """Print the files that `install` would write, without writing them."""
    from watcher.service import place
    from watcher.service.files import Choice, files

    texts = files(_place(user=user), Choice(dirs, out, extras, web), place.program())
    click.echo(
        "\n".join(f"##### {path}\n{text}" for path, text in texts.items()), nl=False
    )


def _place(*, user: bool) -> Any:
    from watcher.service import place

    return place.of_user(os.environ, Path.home()) if user else place.SYSTEM
