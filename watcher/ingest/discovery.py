"""Scans directories for logs, by name."""

import os
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from operator import itemgetter
from pathlib import Path
from types import MappingProxyType
from typing import Final

from watcher.ingest import fileread


PATTERNS: Final = ("*.log", "*.out", "*.txt", "*.jsonl", "*.csv")


@dataclass(frozen=True, slots=True)
class Found:
    """A file that is, by its name, a log.

    Attributes:
        path: where it is.
        key: device and inode.
        link: whether it is a symlink.
        is_known: whether it was not looked at, since its path is known already.
    """

    path: Path
    key: tuple[int, int]
    link: bool
    is_known: bool = False


@dataclass(frozen=True, slots=True)
class Scanner:
    """What counts as a log, and what not.

    Attributes:
        patterns: of file names, or, with a `/`, of paths below the directory.
        ignore: patterns of names and paths that are excluded, directories too.
        own: directories where gptwatch itself writes.
    """

    patterns: Sequence[str] = PATTERNS
    ignore: Sequence[str] = ()
    own: Sequence[Path] = field(default=())

    def wants(self, root: Path, path: Path) -> bool:
        """Whether a path below a watched directory is a log, by its name."""
        below = path.relative_to(root)
        if any(not self._enters(root, root / part) for part in _above(below)):
            return False
        text = str(below)
        return self._is_log(path.name, text) and not self._ignored(path.name, text)

    def wants_below(self, roots: Iterable[Path], path: Path) -> bool:
        """As `wants`, for the watched directories that a path is in."""
        return any(self.wants(root, path) for root in roots if root in path.parents)

    def logs(
        self,
        root: Path,
        known: Mapping[str, Path] = MappingProxyType({}),
        linked: list[Path] | None = None,
    ) -> Iterator[Found]:
        """Logs below a directory, files before symlinks to them, by name.

        `known`: paths that are not looked at again, by their text: thousands of logs
        are scanned again and again; `linked`: gets the symlinks to directories.

        Symlinks to directories are followed after all others, and each directory is
        visited once, so that a loop ends and a log is found under its plain name.

        Raises:
            OSError: the directory itself cannot be read.
        """
        found: list[tuple[bool, list[str], Found]] = []
        # Where a symlink leads to, no directory above the root is of interest.
        visited = {fileread.key(folder) for folder in (*self.own, *root.parents)}
        plain, links = [root], list[Path]()
        while plain or links:
            is_link = not plain
            folder = (plain or links).pop()
            key = fileread.key(folder)
            if folder != root and key in visited:
                continue
            visited.add(key)
            if is_link and linked is not None:
                linked.append(folder)
            try:
                with os.scandir(folder) as entries:
                    for entry in entries:
                        path = known.get(entry.path)
                        if path is not None and entry.is_file(follow_symlinks=False):
                            yield Found(path, (0, 0), link=False, is_known=True)
                        else:
                            self._look(root, entry, found, plain, links)
            except OSError:
                if folder == root:
                    raise
                # A directory below that was removed, or may not be read, is skipped.
        found.sort(key=itemgetter(0, 1))
        yield from (log for _, _, log in found)

    def _look(
        self,
        root: Path,
        entry: os.DirEntry[str],
        found: list[tuple[bool, list[str], Found]],
        plain: list[Path],
        links: list[Path],
    ) -> None:
        if _is_folder(entry):
            if self._enters(root, Path(entry.path)):
                (links if entry.is_symlink() else plain).append(Path(entry.path))
            return
        below = entry.path[len(str(root)) :].lstrip("/")
        if not self._is_log(entry.name, below) or self._ignored(entry.name, below):
            return
        try:
            seen = entry.stat()
        except OSError:
            return  # a dangling symlink, or unlinked meanwhile
        if stat.S_ISREG(seen.st_mode):
            link, key = entry.is_symlink(), (seen.st_dev, seen.st_ino)
            log = Found(Path(entry.path), key, link)
            found.append((link, below.split("/"), log))

    def _is_log(self, name: str, below: str) -> bool:
        if name.startswith("."):
            return False
        return any(
            fnmatchcase(below if "/" in pattern else name, pattern)
            for pattern in self.patterns
        )

    def _ignored(self, name: str, below: str) -> bool:
        return any(
            fnmatchcase(name, pattern) or fnmatchcase(below, pattern)
            for pattern in self.ignore
        )

    def _enters(self, root: Path, folder: Path) -> bool:
        if folder.name.startswith(".") or folder in self.own:
            return False
        return not self._ignored(folder.name, str(folder.relative_to(root)))


def _is_folder(entry: os.DirEntry[str]) -> bool:
    """Whether it is a directory, or a symlink to one; a circle of links is neither."""
    try:
        return entry.is_dir()
    except OSError:
        return False


def _above(below: Path) -> Iterator[Path]:
    return (part for part in below.parents if part != Path())
