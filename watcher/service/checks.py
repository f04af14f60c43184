"""Checks of the machine: directories, limits, disk, database, fonts, clock."""

import ctypes
import getpass
import importlib.util
import os
import shutil
import sqlite3
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, Literal

from watcher.errors import StorageError, StorageSetupError
from watcher.host import filesystem
from watcher.outputs.text import catalog
from watcher.outputs.text.catalog import message
from watcher.storage.database import Database
from watcher.storage.recovery import NAME


Verdict = Literal["ok", "warning", "problem"]
Translate = Callable[..., str]
_ENGLISH: Final[Translate] = partial(catalog.tr, "en")

_INOTIFY: Final = Path("/proc/sys/fs/inotify")
# A limit that suffices with little to spare may not suffice tomorrow.
_NEARLY: Final = 0.8
_LOW_BYTES: Final = 1 << 30
_NO_BYTES: Final = 100 << 20
_FEW_INODES: Final = 1000
# Migrations use "ALTER TABLE ... RENAME COLUMN".
_SQLITE: Final = (3, 25, 0)
# What adjtimex(2) returns while the clock is not synchronised.
_UNSYNCHRONISED: Final = 5
_PERMISSIONS: Final = message(
    "run the command as the user who runs gptwatch start, or change the permissions"
)
_ALPHABET: Final = "AZaz09АЯаяЁё"
_EXTRAS: Final = {
    "zstandard": message("logs compressed as .zst"),
    "apprise": message("notifications by e-mail and messengers"),
    "torch": message("gptwatch demo and the trainer"),
}


@dataclass(frozen=True, slots=True)
class Check:
    """The result of one check.

    Attributes:
        name: of the check, in English.
        verdict: "ok", "warning" or "problem".
        text: what was found.
        advice: what to do, "" where there is nothing to do.
    """

    name: str
    verdict: Verdict
    text: str
    advice: str = ""


def examine(
    folder: Path,
    out: Path,
    state: Path,
    tr: Translate = _ENGLISH,
) -> Iterator[Check]:
    """All checks, one after the other; nothing is written.

    `folder`: the watched directory; `tr`: translates texts and advice.
    """
    yield _readable(folder, tr)
    yield _writable(message("output directory"), out, "--out", tr)
    yield _writable(message("state directory"), state, "--state", tr)
    yield _events(folder, tr)
    yield _local_state(state, tr)
    yield from _inotify(folder, tr)
    yield _space(out, tr)
    yield _database(state, tr)
    yield _sqlite(tr)
    yield _font(tr)
    yield _clock(tr)
    yield _systemd(tr)
    for module in _EXTRAS:
        yield _extra(module, tr)


def _readable(folder: Path, tr: Translate) -> Check:
    name = message("watched directory")
    try:
        mode = folder.stat().st_mode
    except FileNotFoundError:
        advice = tr("set it with --dir; gptwatch start waits until it exists")
        return Check(name, "warning", tr("{path}: does not exist", path=folder), advice)
    except OSError as error:
        advice = tr("give {user} access to its parent directories", user=_user())
        return Check(name, "problem", f"{folder}: {error.strerror}", advice)
    if not stat.S_ISDIR(mode):
        advice = tr("for a single log: {command}", command=f"gptwatch once {folder}")
        return Check(
            name, "problem", tr("{path}: not a directory", path=folder), advice
        )
    if not os.access(folder, os.R_OK | os.X_OK):
        advice = f"setfacl -m u:{_user()}:rx {folder}"
        return Check(name, "problem", tr("{path}: not readable", path=folder), advice)
    closed = list(_closed(folder))
    if closed:
        text = tr(
            "{path}: logs or subdirectories not readable: {n}, for example {example}",
            path=folder,
            n=len(closed),
            example=closed[0],
        )
        return Check(name, "warning", text, f"setfacl -R -m u:{_user()}:rX {folder}")
    return Check(name, "ok", tr("{path}: readable", path=folder))


def _writable(name: str, folder: Path, option: str, tr: Translate) -> Check:
    existing = _nearest(folder)
    if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
        text = "change its permissions, or choose another with {option}"
        found = tr("{path}: not writable", path=existing)
        return Check(name, "problem", found, tr(text, option=option))
    if existing == folder:
        return Check(name, "ok", tr("{path}: writable", path=folder))
    text = "{path}: can be created in {parent}"
    return Check(name, "ok", tr(text, path=folder, parent=existing))


def _events(folder: Path, tr: Translate) -> Check:
    name = message("file system of logs")
    kind = filesystem.kind(folder) or tr("unknown")
    if filesystem.is_remote(folder):
        text = "{kind}: inotify does not see writes of other machines"
        advice = tr("nothing to do: the directory is polled every second")
        return Check(name, "warning", tr(text, kind=kind), advice)
    return Check(name, "ok", tr("{kind}: inotify works here", kind=kind))


def _local_state(state: Path, tr: Translate) -> Check:
    name = message("file system of state")
    kind = filesystem.kind(state) or tr("unknown")
    if filesystem.is_remote(state):
        advice = tr("choose a directory on a local disk with --state")
        text = tr("{kind}: SQLite is not safe on a network file system", kind=kind)
        return Check(name, "problem", text, advice)
    return Check(name, "ok", tr("{kind}: local", kind=kind))


def _inotify(folder: Path, tr: Translate) -> Iterator[Check]:
    try:
        watches = int((_INOTIFY / "max_user_watches").read_text("ascii"))
        instances = int((_INOTIFY / "max_user_instances").read_text("ascii"))
    except (OSError, ValueError):
        advice = tr("nothing to do: logs are polled every half second")
        yield Check("inotify", "warning", tr("not available"), advice)
        return
    used, opened = _used()
    needed = sum(1 for _ in _folders(folder)) + 1
    yield _limit("watches", needed, used, watches, tr)
    yield _limit("instances", 1, opened, instances, tr)


def _limit(what: str, needed: int, used: int, limit: int, tr: Translate) -> Check:
    name, wanted = f"inotify {what}", needed + used
    text = "{needed} needed, {used} in use, limit {limit}"
    found = tr(text, needed=needed, used=used, limit=f"{limit:,}")
    if wanted <= _NEARLY * limit:
        return Check(name, "ok", found)
    least = max(2 * limit, 2 * wanted)
    advice = tr(
        "{command}, permanently in /etc/sysctl.d; "
        "otherwise logs are polled every half second",
        command=f"sysctl fs.inotify.max_user_{what}={least}",
    )
    return Check(name, "warning", found, advice)


def _used() -> tuple[int, int]:
    """Watches and instances of this user's processes, as far as they are visible."""
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


def _space(out: Path, tr: Translate) -> Check:
    existing = _nearest(out)
    free = shutil.disk_usage(existing).free
    system = os.statvfs(existing)
    text = tr("{path}: {size} GB free", path=existing, size=f"{free / 1e9:,.1f}")
    advice = tr("free some space, or choose another disk with --out")
    if free < _NO_BYTES:
        return Check("disk", "problem", text, advice)
    if free < _LOW_BYTES:
        return Check("disk", "warning", text, advice)
    # File systems without an inode table report zero of zero.
    if system.f_files and system.f_favail < _FEW_INODES:
        text = tr("{path}: free inodes: {n}", path=existing, n=system.f_favail)
        return Check("disk", "problem", text, advice)
    return Check("disk", "ok", text)


def _database(state: Path, tr: Translate) -> Check:
    name, path = message("database"), state / NAME
    try:
        path.stat()
    except FileNotFoundError:
        return Check(name, "ok", tr("{path}: not created yet", path=path))
    except OSError as error:
        return Check(name, "problem", f"{path}: {error.strerror}", tr(_PERMISSIONS))
    try:
        store = Database(state, read_only=True)
        runs = len(store.runs())
        store.close()
    except StorageSetupError as error:
        return Check(name, "problem", str(error), tr("install the newest gptwatch"))
    except StorageError as error:
        return Check(name, "problem", str(error), tr(_PERMISSIONS))
    return Check(name, "ok", tr("{path}: readable, runs: {n}", path=path, n=runs))


def _sqlite(tr: Translate) -> Check:
    version = sqlite3.sqlite_version
    if sqlite3.sqlite_version_info < _SQLITE:
        least = ".".join(map(str, _SQLITE))
        advice = tr("use a Python with SQLite {version} or newer", version=least)
        text = tr("{version}: too old", version=version)
        return Check("SQLite", "problem", text, advice)
    return Check("SQLite", "ok", version)


def _font(tr: Translate) -> Check:
    from watcher.outputs.plot import theme

    name = message("font")
    lost = [c for c in _ALPHABET if theme.printable(c) != c]
    if lost:
        text = tr("{font}: lacks {glyphs}", font=theme.FAMILY, glyphs="".join(lost))
        advice = tr("reinstall matplotlib by pip: its own fonts have them")
        return Check(name, "problem", text, advice)
    return Check(name, "ok", tr("{font}: Latin and Cyrillic", font=theme.FAMILY))


def _clock(tr: Translate) -> Check:
    name = message("clock")
    library = ctypes.CDLL(None, use_errno=True)
    # A struct timex whose first field, `modes`, is 0: read only; it is shorter.
    state = library.adjtimex(ctypes.create_string_buffer(1024))
    if state == _UNSYNCHRONISED:
        advice = tr("timedatectl set-ntp true; only dates and silences depend on it")
        text = tr("the system clock is not synchronised by NTP")
        return Check(name, "warning", text, advice)
    if state < 0:
        reason = os.strerror(ctypes.get_errno())
        text = tr("synchronisation by NTP is unknown ({reason})", reason=reason)
        return Check(name, "ok", text)
    return Check(name, "ok", tr("synchronised by NTP"))


def _systemd(tr: Translate) -> Check:
    if Path("/run/systemd/system").is_dir():
        command = "gptwatch service install --dir DIRECTORY"
        return Check("systemd", "ok", tr("running; see: {command}", command=command))
    return Check("systemd", "ok", tr("not running; only gptwatch service needs it"))


def _extra(module: str, tr: Translate) -> Check:
    purpose = tr(_EXTRAS[module])
    if importlib.util.find_spec(module) is None:
        text = tr(
            "not installed; needed for {purpose}: {command}",
            purpose=purpose,
            command=f"pip install {module}",
        )
        return Check(module, "ok", text)
    return Check(module, "ok", tr("installed, for {purpose}", purpose=purpose))


def _folders(folder: Path) -> Iterator[Path]:
    for here, names, _ in os.walk(folder):
        yield from (Path(here, name) for name in names)


def _closed(folder: Path) -> Iterator[Path]:
    """Logs and folders below the folder that may not be read."""
    for here, folders, files in os.walk(folder):
        for name in folders:
            if not os.access(path := Path(here, name), os.R_OK | os.X_OK):
                yield path
        for name in files:
            # A dangling link is no log; one that is gone by now neither.
            path = Path(here, name)
            if os.access(path, os.F_OK) and not os.access(path, os.R_OK):
                yield path


def _nearest(folder: Path) -> Path:
    """The directory, or the nearest parent that exists."""
    # Path.exists raises where a folder above may not be entered.
    places = (folder, *folder.absolute().parents)
    return next(p for p in places if os.path.exists(p))  # noqa: PTH110


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())
