"""Which file system a path lies on."""

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final


# What another machine, or the host of a virtual one, may write without our knowing.
_REMOTE: Final = re.compile(
    "9p|acfs|afs|beegfs|ceph|cifs|coda|fuse|gfs2?|glusterfs|gpfs|lustre|ncpfs|nfs4?"
    "|ocfs2|orangefs|panfs|pvfs2|smb[23]|smbfs|vboxsf|virtiofs|vmhgfs|wekafs"
)
# Of file systems in user space, those that only show local files in another way.
_LOCAL: Final = re.compile(
    r"fuse\.(?:bindfs|encfs|exfat|(?:fuse-)?overlayfs|gocryptfs|lxcfs|mergerfs"
    r"|ntfs(?:-3g)?|portal|unionfs)"
)
_DASH: Final = " - "


@dataclass(slots=True)
class Mounts:
    """The mounts of this process at one time: the kernel's list is read once."""

    _lines: dict[str, tuple[str, str, str]] | None = None
    _kinds: dict[int, str] = field(default_factory=dict)

    def kind(self, path: Path) -> str:
        """As the function."""
        return self._entry(path)[2]

    def kind_of(self, device: int, path: Path) -> str:
        """The type of the file system of a device, on which `path` lies."""
        if device not in self._kinds:
            self._kinds[device] = self.kind(path)
        return self._kinds[device]

    def options(self, path: Path) -> frozenset[str]:
        """As the function."""
        mine, whole, _ = self._entry(path)
        return frozenset(mine.split(",")) | frozenset(whole.split(","))

    def _entry(self, path: Path) -> tuple[str, str, str]:
        """Options of the mount, those of its file system, and the type of that."""
        if self._lines is None:
            self._lines = dict(map(_parsed, mountinfo().splitlines()))
        return self._lines.get(_mount(path), ("", "", ""))


def kind(path: Path) -> str:
    """The type of the file system, as in `ext4` or `fuse.sshfs`; "" where unknown.

    A path that does not exist yet lies where its nearest folder does.
    """
    return Mounts().kind(path)


def is_remote(path: Path) -> bool:
    """Whether other machines may write there, unseen by this one and its events."""
    return is_remote_kind(kind(path))


def is_remote_kind(name: str) -> bool:
    """Whether other machines may write to a file system of this type."""
    if name.startswith("fuse."):
        return not _LOCAL.fullmatch(name)
    return bool(_REMOTE.fullmatch(name))


def options(path: Path) -> frozenset[str]:
    """How the file system is mounted, as in `ro` or `hidepid=invisible`."""
    return Mounts().options(path)


def mountinfo() -> str:
    """The kernel's list of mounts, "" where it cannot be read."""
    try:
        return Path("/proc/self/mountinfo").read_text("utf-8", "surrogateescape")
    except OSError:
        return ""


def _parsed(line: str) -> tuple[str, tuple[str, str, str]]:
    """The number of a mount, with its options, its file system's, and the type."""
    head, _, tail = line.partition(_DASH)
    fields, words = head.split(" "), tail.split(" ")
    return fields[0], (fields[5], words[-1], words[0])


def _mount(path: Path) -> str:
    """The number of the mount; its folder's name alone may lie under another mount."""
    for place in (path, *path.absolute().parents):
        try:
            handle = os.open(place, os.O_PATH | os.O_CLOEXEC)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError:
            return ""
        try:
            facts = Path(f"/proc/self/fdinfo/{handle}").read_text("ascii")
        except OSError:
            return ""
        finally:
            os.close(handle)
        named = [line for line in facts.splitlines() if line.startswith("mnt_id:")]
        return named[0].partition(":")[2].strip() if named else ""
    return ""
