"""Which file system a path lies on."""

import os
import re
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


def kind(path: Path) -> str:
    """The type of the file system, as in `ext4` or `fuse.sshfs`; "" where unknown.

    A path that does not exist yet lies where its nearest folder does.
    """
    return _entry(path)[2]


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
    mine, whole, _ = _entry(path)
    return frozenset(mine.split(",")) | frozenset(whole.split(","))


def _entry(path: Path) -> tuple[str, str, str]:
    """Options of the mount, those of its file system, and the type of that."""
    mount = _mount(path)
    try:
        text = Path("/proc/self/mountinfo").read_text("utf-8", "surrogateescape")
    except OSError:
        return "", "", ""
    for line in text.splitlines():
        head, _, tail = line.partition(_DASH)
        fields = head.split(" ")
        if fields[0] == mount:
            words = tail.split(" ")
            return fields[5], words[-1], words[0]
    return "", "", ""


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
