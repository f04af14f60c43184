"""Installs and removes the service, printing each file and command."""

import pwd
import shlex
import shutil
import subprocess
import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from watcher import config
from watcher.errors import ConfigError, InputError, OutputError
from watcher.files import write_atomically
from watcher.service.files import CHOSEN, EXTRAS, Choice, files
from watcher.service.place import PAGE, SOCKET, UNIT, Place, program


_USER: Final = "gptwatch"
_SHOWN: Final = (
    *("LoadState", "ActiveState", "SubState", "StatusText"),
    *("MainPID", "NRestarts", "Result"),
)

# Prints a text of the catalogue, its `{names}` filled in.
Echo = Callable[..., object]


def install(place: Place, choice: Choice, echo: Echo) -> None:
    """Writes the files that differ, and starts the service.

    Raises:
        GptwatchError: a file cannot be written, or systemctl fails.
    """
    wanted = files(place, choice, program())
    changed = [_write(path, text, echo) for path, text in wanted.items()]
    stale = place.drop_ins / CHOSEN
    if stale not in wanted and stale.exists():
        _remove(stale, echo)
        changed.append(True)
    if place.sysusers:
        _run(["systemd-sysusers", str(place.sysusers)], echo)
        chosen = tomllib.loads(wanted[place.config])
        _create_out(place, Path(chosen.get("out", place.state)), echo)
    _run(place.systemctl("daemon-reload"), echo)
    _run(place.systemctl("enable", UNIT), echo)
    # Idempotent: unchanged files leave a running service alone.
    verb = "restart" if any(changed) else "start"
    _reset_failed(place, echo)
    try:
        _run(place.systemctl(verb, UNIT), echo)
    except OutputError as error:
        raise OutputError(
            "{error}; see: {journal}", error=error, journal=journal(place)
        ) from None
    if choice.web:
        _run(place.systemctl("enable", "--now", SOCKET), echo)
        # It starts again, with the new files, when somebody opens the page.
        _run_if(any(changed), place.systemctl("stop", PAGE), echo)


def uninstall(place: Place, echo: Echo, *, keep_data: bool) -> list[Path]:
    """Stops the service and removes its files.

    Returns what is left: pictures in a directory that a user chose, and foreign files
    beside ours.

    Raises:
        InputError: instances of the template still use the data and the user.
    """
    template = place.units / "gptwatch@.service"
    if template.exists() and not keep_data:
        raise InputError(
            "{template}: its instances share the user and the "
            "directories; stop and remove them first, or use --keep-data",
            template=template,
        )
    foreign = [] if keep_data else _foreign_out(place)
    if (place.units / UNIT).exists():
        _run(place.systemctl("disable", "--now", UNIT), echo)
    if (place.units / SOCKET).exists():
        _run(place.systemctl("disable", "--now", SOCKET), echo)
        _run(place.systemctl("stop", PAGE), echo)
    conf = [place.drop_ins / f"{name}.conf" for name in EXTRAS]
    own = [place.units / UNIT, place.drop_ins / CHOSEN, *conf, place.cache]
    own += [place.units / SOCKET, place.units / PAGE, place.page_drop_ins / CHOSEN]
    shared = [place.drop_ins, place.page_drop_ins]
    # Data that are kept keep their owner.
    if not keep_data:
        own += [place.config, place.state]
        shared.append(place.config.parent)
        if place.sysusers:
            _run_if(_has_user(), ["userdel", _USER], echo)
            own.append(place.sysusers)
            shared.append(place.sysusers.parent)
    for path in filter(Path.exists, own):
        _remove(path, echo)
    for folder in filter(_is_empty, shared):
        _remove(folder, echo)
    _run(place.systemctl("daemon-reload"), echo)
    _reset_failed(place, echo)
    return foreign + [path for path in shared[:3] if path.exists()]


def state(place: Place) -> dict[str, str]:
    """The state of the service, by the names of `systemctl show`."""
    return properties(place, *_SHOWN)


def properties(place: Place, *names: str) -> dict[str, str]:
    """Properties of the service, by the names of `systemctl show`.

    Raises:
        OutputError: systemd does not answer.
    """
    text = _output(place.systemctl("show", UNIT, f"--property={','.join(names)}"))
    return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)


def journal(place: Place) -> str:
    """The command that shows the journal of the service."""
    return f"journalctl {'' if place.sysusers else '--user '}-u {UNIT}"


def _reset_failed(place: Place, echo: Echo) -> None:
    """Resets the start limit of a service that failed too often."""
    failed = state(place)["ActiveState"] == "failed"
    _run_if(failed, place.systemctl("reset-failed", UNIT), echo)


def _write(path: Path, text: str, echo: Echo) -> bool:
    """Writes a file; whether it differed before."""
    if path.exists() and path.read_text(encoding="utf-8") == text:
        echo("unchanged: {path}", path=path)
        return False
    write_atomically(path, [text.encode()])
    echo("wrote {path}", path=path)
    return True


def _remove(path: Path, echo: Echo) -> None:
    try:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    except OSError as error:
        raise OutputError(
            "{path}: cannot be removed ({reason})", path=path, reason=error.strerror
        ) from None
    echo("removed {path}", path=path)


def _create_out(place: Place, out: Path, echo: Echo) -> None:
    """Creates a chosen output directory; an existing one keeps its owner."""
    if not out.exists() and not out.is_relative_to(place.state):
        owner = ["-o", _USER, "-g", _USER, "-m", "755"]
        _run(["install", "-d", *owner, str(out)], echo)


def _foreign_out(place: Place) -> list[Path]:
    try:
        out = Path(config.load(place.config).options.get("out", place.state))
    except ConfigError:
        return []  # without settings there is no chosen directory
    return [out] if out.exists() and not out.is_relative_to(place.state) else []


def _is_empty(folder: Path) -> bool:
    return folder.is_dir() and not any(folder.iterdir())


def _has_user() -> bool:
    try:
        pwd.getpwnam(_USER)
    except KeyError:
        return False
    return True


def _run_if(wanted: bool, command: Sequence[str], echo: Echo) -> None:  # noqa: FBT001
    if wanted:
        _run(command, echo)


def _run(command: Sequence[str], echo: Echo) -> None:
    echo(f"$ {shlex.join(command)}")
    _output(command)


def _output(command: Sequence[str]) -> str:
    try:
        done = subprocess.run(  # noqa: S603 - our own command, no shell
            command, check=True, capture_output=True, text=True
        )
    except FileNotFoundError:
        raise OutputError(
            "{command}: not found; is systemd installed?", command=command[0]
        ) from None
    except subprocess.CalledProcessError as error:
        lines = (error.stderr or error.stdout).strip().splitlines()
        reason = lines[0] if lines else f"exit code {error.returncode}"
        raise OutputError(
            "{command}: {reason}", command=shlex.join(command), reason=reason
        ) from None
    return done.stdout
