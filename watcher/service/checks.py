"""What a box needs for gptwatch: each thing looked at, judged, with what to do."""

import ctypes
import getpass
import importlib.util
import os
import shutil
import sqlite3
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from watcher.errors import StorageError, StorageSetupError
from watcher.host import filesystem
from watcher.storage.database import Database
from watcher.storage.recovery import NAME


Verdict = Literal["ok", "warning", "problem"]
_INOTIFY: Final = Path("/proc/sys/fs/inotify")
# A limit that is used so far may not be enough tomorrow.
_NEARLY: Final = 0.8
_LITTLE_BYTES: Final = 1 << 30
_NOTHING_BYTES: Final = 100 << 20
_LITTLE_FILES: Final = 1000
# The store keeps what it knows with "ON CONFLICT ... DO UPDATE".
_SQLITE: Final = (3, 24, 0)
# What adjtimex(2) returns while nothing holds the clock to the time of the world.
_UNSYNCHRONISED: Final = 5
_RIGHTS: Final = "take the user who runs gptwatch start, or change the rights"
_ALPHABET: Final = "AZaz09АЯаяЁё"
_EXTRAS: Final = {
    "zstandard": "logs that are packed as .zst",
    "apprise": "alerts by mail and messengers",
    "torch": "gptwatch demo, and training",
}


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at.

    Attributes:
        name: what it is.
        verdict: "ok", "warning" or "problem".
        text: what was found.
        advice: what to do, "" where there is nothing.
    """

    name: str
    verdict: Verdict
    text: str
    advice: str = ""


def examine(folder: Path, out: Path, state: Path) -> Iterator[Check]:
    """All checks, one after the other; nothing is written.

    `folder`: that is watched; `out`, `state`: that are written.
    """
    yield _readable(folder)
    yield _writable("output", out, "--out")
    yield _writable("state", state, "--state")
    yield _events(folder)
    yield _local_state(state)
    yield from _inotify(folder)
    yield _space(out)
    yield _store(state)
    yield _sqlite()
    yield _font()
    yield _clock()
    yield _systemd()
    yield from map(_extra, _EXTRAS)


def _readable(folder: Path) -> Check:
    name = "watched folder"
    try:
        mode = folder.stat().st_mode
    except FileNotFoundError:
        advice = "name it with --dir; gptwatch start waits until it is made"
        return Check(name, "warning", f"{folder}: is not there", advice)
    except OSError as error:
        advice = f"let {_me()} into the folders above it"
        return Check(name, "problem", f"{folder}: {error.strerror}", advice)
    if not stat.S_ISDIR(mode):
        advice = f"for one log: gptwatch once {folder}"
        return Check(name, "problem", f"{folder}: not a folder", advice)
    if not os.access(folder, os.R_OK | os.X_OK):
        advice = f"setfacl -m u:{_me()}:rx {folder}"
        return Check(name, "problem", f"{folder}: may not be read", advice)
    closed = [sub for sub in _folders(folder) if not os.access(sub, os.R_OK | os.X_OK)]
    if closed:
        text = f"{folder}: {len(closed)} folders in it may not be read, as {closed[0]}"
        return Check(name, "warning", text, f"setfacl -R -m u:{_me()}:rX {folder}")
    return Check(name, "ok", f"{folder}: may be read")


def _writable(what: str, folder: Path, option: str) -> Check:
    name = f"{what} folder"
    there = _nearest(folder)
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        advice = f"change its rights, or choose another with {option}"
        return Check(name, "problem", f"{there}: may not be written", advice)
    made = "may be written" if there == folder else f"can be made in {there}"
    return Check(name, "ok", f"{folder}: {made}")


def _events(folder: Path) -> Check:
    kind = filesystem.kind(folder) or "unknown"
    if filesystem.is_remote(folder):
        text = f"{kind}: other machines write there without a word to this one"
        advice = "nothing to do: it is looked at every second instead"
        return Check("file system of logs", "warning", text, advice)
    return Check("file system of logs", "ok", f"{kind}: changes are told at once")


def _local_state(state: Path) -> Check:
    name = "file system of state"
    kind = filesystem.kind(state) or "unknown"
    if filesystem.is_remote(state):
        advice = "choose a folder on a disk of this machine with --state"
        text = f"{kind}: a database is not safe on the network"
        return Check(name, "problem", text, advice)
    return Check(name, "ok", f"{kind}: of this machine")


def _inotify(folder: Path) -> Iterator[Check]:
    try:
        watches = int((_INOTIFY / "max_user_watches").read_text("ascii"))
        instances = int((_INOTIFY / "max_user_instances").read_text("ascii"))
    except (OSError, ValueError):
        advice = "nothing to do: logs are looked at every half second instead"
        yield Check("inotify", "warning", "not here: no events of files", advice)
        return
    used, opened = _used()
    needed = sum(1 for _ in _folders(folder)) + 1
    yield _limit("watches", used + needed, watches, f"{needed} needed, {used} in use")
    yield _limit("instances", opened + 1, instances, f"1 needed, {opened} in use")


def _limit(what: str, wanted: int, limit: int, found: str) -> Check:
    text = f"{found}, of {limit:,}"
    if wanted <= _NEARLY * limit:
        return Check(f"inotify {what}", "ok", text)
    least = max(2 * limit, 2 * wanted)
    advice = (
        f"sysctl fs.inotify.max_user_{what}={least}, and for good in /etc/sysctl.d; "
        "without, logs are looked at every half second"
    )
    return Check(f"inotify {what}", "warning", text, advice)


def _used() -> tuple[int, int]:
    """Watches and instances of this user's processes, as far as they are seen."""
    watches = instances = 0
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if process.stat().st_uid != os.getuid():
                continue
            for handle in (process / "fd").iterdir():
                if os.readlink(handle) == "anon_inode:inotify":  # noqa: PTH115 - a name
                    facts = (process / "fdinfo" / handle.name).read_text("ascii")
                    watches += facts.count("inotify wd:")
                    instances += 1
        except OSError:
            continue  # it has ended, or is not ours to look into
    return watches, instances


def _space(out: Path) -> Check:
    there = _nearest(out)
    free = shutil.disk_usage(there).free
    system = os.statvfs(there)
    text = f"{there}: {free / 1e9:,.1f} GB free"
    advice = "free some, or choose another disk with --out"
    if free < _NOTHING_BYTES:
        return Check("disk", "problem", text, advice)
    if free < _LITTLE_BYTES:
        return Check("disk", "warning", text, advice)
    # File systems without a table of files give zero of zero.
    if system.f_files and system.f_favail < _LITTLE_FILES:
        text = f"{there}: only {system.f_favail} more files can be made"
        return Check("disk", "problem", text, advice)
    return Check("disk", "ok", text)


def _store(state: Path) -> Check:
    path = state / NAME
    try:
        path.stat()
    except FileNotFoundError:
        return Check("store", "ok", f"{path}: none yet")
    except OSError as error:
        return Check("store", "problem", f"{path}: {error.strerror}", _RIGHTS)
    try:
        store = Database(state, read_only=True)
        runs = len(store.runs())
        store.close()
    except StorageSetupError as error:
        return Check("store", "problem", str(error), "take the newest gptwatch")
    except StorageError as error:
        return Check("store", "problem", str(error), _RIGHTS)
    return Check("store", "ok", f"{path}: readable, runs: {runs}")


def _sqlite() -> Check:
    version = sqlite3.sqlite_version
    if sqlite3.sqlite_version_info < _SQLITE:
        least = ".".join(map(str, _SQLITE))
        advice = f"take a Python with SQLite {least} or later"
        return Check("SQLite", "problem", f"{version}: too old", advice)
    return Check("SQLite", "ok", version)


def _font() -> Check:
    from watcher.outputs.plot import theme

    lost = [c for c in _ALPHABET if theme.printable(c) != c]
    if lost:
        text = f"{theme.FAMILY}: has no picture for {''.join(lost)}"
        advice = "install matplotlib again by pip: its own fonts have them"
        return Check("font", "problem", text, advice)
    return Check("font", "ok", f"{theme.FAMILY}: Latin and Cyrillic")


def _clock() -> Check:
    library = ctypes.CDLL(None, use_errno=True)
    # A struct timex whose first field, "what to change", says nothing; it is shorter.
    state = library.adjtimex(ctypes.create_string_buffer(1024))
    if state == _UNSYNCHRONISED:
        advice = "timedatectl set-ntp true; only dates and silences depend on it"
        return Check("clock", "warning", "not held to the time of the world", advice)
    if state < 0:
        reason = os.strerror(ctypes.get_errno())
        return Check("clock", "ok", f"whether it is held right is not seen ({reason})")
    return Check("clock", "ok", "held to the time of the world")


def _systemd() -> Check:
    if Path("/run/systemd/system").is_dir():
        return Check("systemd", "ok", "runs; gptwatch service install --dir FOLDER")
    return Check("systemd", "ok", "does not run; only gptwatch service needs it")


def _extra(module: str) -> Check:
    purpose = _EXTRAS[module]
    if importlib.util.find_spec(module) is None:
        text = f"not installed; it is for {purpose}: pip install {module}"
        return Check(module, "ok", text)
    return Check(module, "ok", f"installed, for {purpose}")


def _folders(folder: Path) -> Iterator[Path]:
    for here, names, _ in os.walk(folder):
        yield from (Path(here, name) for name in names)


def _nearest(folder: Path) -> Path:
    """The folder, or the one in which it would be made."""
    # Path.exists raises where a folder above may not be entered.
    places = (folder, *folder.absolute().parents)
    return next(p for p in places if os.path.exists(p))  # noqa: PTH110


def _me() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())
