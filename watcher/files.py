"""Atomic writes, and clean-up of output directories."""

import contextlib
import os
import tempfile
import time
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

from watcher.errors import OutputError


_PART: Final = ".part"
_LEFT_S: Final = 3600.0


def write_atomically(path: Path, parts: Iterable[bytes]) -> None:
    """Replaces a file atomically (temporary file, rename): never a half-written one.

    Raises:
        OutputError: the directory cannot be made or written; the old file stays.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=_PART)
    except OSError as error:
        raise _refusal(path.parent, error) from None
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.writelines(parts)
            file.flush()
            os.fchmod(file.fileno(), 0o644)
        temporary.replace(path)
    except OSError as error:
        raise _refusal(path, error) from None
    finally:
        temporary.unlink(missing_ok=True)


def remove_leftovers(folder: Path) -> None:
    """Removes temporary files of writers that were killed an hour ago or longer.

    Raises:
        OutputError: it cannot be removed.
    """
    try:
        for path in folder.glob(f".*{_PART}"):
            with contextlib.suppress(FileNotFoundError):  # removed by another process
                if time.time() - path.stat().st_mtime > _LEFT_S:
                    path.unlink()
    except OSError as error:
        raise OutputError(
            "{folder}: {reason}; check its permissions",
            folder=folder,
            reason=error.strerror,
        ) from None


def remove_oldest(folder: Path, pattern: str, *, keep: int) -> None:
    """Removes the oldest files (by mtime), beyond a number to keep.

    Raises:
        OutputError: they cannot be removed.
    """
    ages = []
    for path in folder.glob(pattern):
        with contextlib.suppress(FileNotFoundError):  # removed by another process
            ages.append((path.stat().st_mtime_ns, path))
    try:
        for _, path in sorted(ages)[:-keep]:
            path.unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(
            "{folder}: {reason}; check its permissions",
            folder=folder,
            reason=error.strerror,
        ) from None


def _refusal(path: Path, error: OSError) -> OutputError:
    return OutputError(
        "{path}: cannot be written ({reason}); free disk space, check its "
        "permissions, or choose another directory with --out",
        path=path,
        reason=error.strerror,
    )


def distinct_names(folders: Sequence[Path]) -> dict[Path, str]:
    """A short name for each directory: its last part, or as many as make it unique."""
    for length in range(1, max((len(f.parts) for f in folders), default=0) + 1):
        ends = [[p for p in f.parts[-length:] if p != "/"] for f in folders]
        names = ["-".join(parts) for parts in ends]
        if len(set(names)) == len(folders):
            break
    return dict(zip(folders, names, strict=True)) if folders else {}


def stamp(now: float) -> str:
    """A time as dated files are named by it."""
    return f"{datetime.fromtimestamp(now).astimezone():%Y%m%d_%H%M%S}"
