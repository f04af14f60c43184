"""How much of a log is not read yet."""

import os

from watcher.storage.rows import Row


def unread(row: Row) -> tuple[int, float]:
    """Bytes of a run's log that are not read yet, and the log's mtime in seconds."""
    if row.cursor is None or not row.current:
        return 0, 0.0
    try:
        seen = os.stat(f"{row.root}/{row.path}")  # noqa: PTH116 - one call for each run
    except OSError:
        return 0, 0.0
    same = (seen.st_dev, seen.st_ino) == row.cursor.key
    behind = seen.st_size - (row.cursor.offset if same else 0)
    return max(0, behind), seen.st_mtime
