"""Puts the service in place and takes it away, saying each file and command."""

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
from watcher.service.place import UNIT, Place, program


_USER: Final = "gptwatch"
_SHOWN: Final = "LoadState,ActiveState,SubState,StatusText,MainPID,NRestarts,Result"

Say = Callable[[str], object]


def install(place: Place, choice: Choice, say: Say) -> None:
    """Writes what differs, and starts the service.

    Raises:
        GptwatchError: a file cannot be written, or systemd refuses.
    """
    wanted = files(place, choice, program())
    changed = [_write(path, text, say) for path, text in wanted.items()]
    stale = place.drop_ins / CHOSEN
    if stale not in wanted and stale.exists():
        _remove(stale, say)
        changed.append(True)
    if place.sysusers:
        _run(["systemd-sysusers", str(place.sysusers)], say)
        chosen = tomllib.loads(wanted[place.config])
        _give_out(place, Path(chosen.get("out", place.state)), say)
    _run(place.systemctl("daemon-reload"), say)
    _run(place.systemctl("enable", UNIT), say)
    # Only for something new: to install twice disturbs nothing.
    verb = "restart" if any(changed) else "start"
    _forget_failure(place, say)
    try:
        _run(place.systemctl(verb, UNIT), say)
    except OutputError as error:
        raise OutputError(f"{error}; see why: {journal(place)}") from None


def uninstall(place: Place, say: Say, *, keep_data: bool) -> list[Path]:
    """Stops the service and removes all that is its own.

    Returns what is left: pictures in a folder that a person chose, and files that
    others put beside ours.

    Raises:
        InputError: instances of the template would lose their data and their user.
    """
    template = place.units / "gptwatch@.service"
    if template.exists() and not keep_data:
        raise InputError(
            f"{template}: its instances share the user and the folders; stop them and "
            "remove it first, or take --keep-data"
        )
    foreign = [] if keep_data else _foreign_out(place)
    if (place.units / UNIT).exists():
        _run(place.systemctl("disable", "--now", UNIT), say)
    conf = [place.drop_ins / f"{name}.conf" for name in EXTRAS]
    own = [place.units / UNIT, place.drop_ins / CHOSEN, *conf, place.cache]
    shared = [place.drop_ins]
    # Data that stay keep their owner.
    if not keep_data:
        own += [place.config, place.state]
        shared.append(place.config.parent)
        if place.sysusers:
            _run_if(_has_user(), ["userdel", _USER], say)
            own.append(place.sysusers)
            shared.append(place.sysusers.parent)
    for path in filter(Path.exists, own):
        _remove(path, say)
    for folder in filter(_is_empty, shared):
        _remove(folder, say)
    _run(place.systemctl("daemon-reload"), say)
    _forget_failure(place, say)
    return foreign + [path for path in shared[:2] if path.exists()]


def state(place: Place) -> dict[str, str]:
    """What systemd knows of the service, by the names of `systemctl show`."""
    text = _output(place.systemctl("show", UNIT, f"--property={_SHOWN}"))
    return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)


def journal(place: Place) -> str:
    """The command that shows what the service said."""
    return f"journalctl {'' if place.sysusers else '--user '}-u {UNIT}"


def _forget_failure(place: Place, say: Say) -> None:
    """Lets a service start again that failed too often."""
    failed = state(place)["ActiveState"] == "failed"
    _run_if(failed, place.systemctl("reset-failed", UNIT), say)


def _write(path: Path, text: str, say: Say) -> bool:
    """Whether the file was any other before."""
    if path.exists() and path.read_text(encoding="utf-8") == text:
        say(f"as it was: {path}")
        return False
    write_atomically(path, [text.encode()])
    say(f"wrote {path}")
    return True


def _remove(path: Path, say: Say) -> None:
    try:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    except OSError as error:
        raise OutputError(f"{path}: cannot be removed ({error.strerror})") from None
    say(f"removed {path}")


def _give_out(place: Place, out: Path, say: Say) -> None:
    """Makes a chosen output folder; one that is there keeps its owner."""
    if not out.exists() and not out.is_relative_to(place.state):
        owner = ["-o", _USER, "-g", _USER, "-m", "755"]
        _run(["install", "-d", *owner, str(out)], say)


def _foreign_out(place: Place) -> list[Path]:
    try:
        out = Path(config.load(place.config).options.get("out", place.state))
    except ConfigError:
        return []  # no settings, and so no folder that they name
    return [out] if out.exists() and not out.is_relative_to(place.state) else []


def _is_empty(folder: Path) -> bool:
    return folder.is_dir() and not any(folder.iterdir())


def _has_user() -> bool:
    try:
        pwd.getpwnam(_USER)
    except KeyError:
        return False
    return True


def _run_if(wanted: bool, command: Sequence[str], say: Say) -> None:  # noqa: FBT001
    if wanted:
        _run(command, say)


def _run(command: Sequence[str], say: Say) -> None:
    say(f"$ {shlex.join(command)}")
    _output(command)


def _output(command: Sequence[str]) -> str:
    try:
        done = subprocess.run(  # noqa: S603 - our own words, no shell
            command, check=True, capture_output=True, text=True
        )
    except FileNotFoundError:
        raise OutputError(f"{command[0]}: not found; is this systemd's box?") from None
    except subprocess.CalledProcessError as error:
        said = (error.stderr or error.stdout).strip().splitlines()
        raise OutputError(
            f"{shlex.join(command)}: {said[0] if said else f'code {error.returncode}'}"
        ) from None
    return done.stdout
