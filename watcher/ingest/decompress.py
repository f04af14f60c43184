"""The bytes of a log, plain or compressed, in chunks."""

import bz2
import gzip
import lzma
import os
import stat
import zlib
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final, cast

from parsers.engine.lines import CHUNK_BYTES
from watcher.errors import InputError


_ZSTD_MAGIC: Final = b"\x28\xb5\x2f\xfd"
_BROKEN: Final = (EOFError, OSError, lzma.LZMAError, zlib.error, ValueError)


STDIN: Final = Path("-")


def chunks(path: Path) -> Generator[tuple[bytes, int], None, None]:
    """Pieces of a log, each with the number of file bytes read so far.

    `-` is standard input, which is not decompressed.

    Raises:
        InputError: the path is no readable file, or its compression is broken.
    """
    if path == STDIN:
        yield from _standard_input()
        return
    with _opened(path) as file, _plain(file, path) as plain:
        while True:
            try:
                data = plain.read(CHUNK_BYTES)
            except _BROKEN as error:
                raise InputError(
                    "{path}: cannot be read to its end ({error}); copy the log "
                    "again, or unpack it by hand",
                    path=path,
                    error=error,
                ) from None
            if not data:
                return
            yield data, file.tell()


def _standard_input() -> Iterator[tuple[bytes, int]]:
    size = 0
    while data := os.read(0, CHUNK_BYTES):
        size += len(data)
        yield data, size


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    try:
        # Without O_NONBLOCK opening a FIFO waits for a writer.
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise _refusal(path, error) from None
    except ValueError:
        raise InputError(
            "{path}: not a file name", path=format(str(path), ".200")
        ) from None
    problem = _unfit(path, os.fstat(fd).st_mode)
    if problem is not None:
        os.close(fd)
        raise problem
    with open(fd, "rb", buffering=0) as file:  # noqa: PTH123 - a descriptor
        yield file


def _unfit(path: Path, mode: int) -> InputError | None:
    """Why a kind of file cannot be a log; None for a regular one."""
    if stat.S_ISDIR(mode):
        text = "{path}: a folder, not a log; name a log file inside it"
        return InputError(text, path=path)
    if not stat.S_ISREG(mode):
        text = "{path}: not a regular file; save the log to a file first"
        return InputError(text, path=path)
    return None


def _refusal(path: Path, error: OSError) -> InputError:
    text = "{path}: cannot be opened ({reason})"
    if isinstance(error, FileNotFoundError):
        text = "{path}: no such file; check the name"
    elif isinstance(error, PermissionError):
        text = "{path}: may not be read; ask its owner, or run: chmod +r"
    return InputError(text, path=path, reason=error.strerror)


@contextmanager
def _plain(file: IO[bytes], path: Path) -> Iterator[IO[bytes]]:
    magic = file.read(6)
    file.seek(0)
    if magic.startswith(b"\x1f\x8b"):
        with gzip.GzipFile(fileobj=file) as unpacked:
            yield cast(IO[bytes], unpacked)
    elif magic.startswith(b"BZh"):
        with bz2.BZ2File(file) as plain:
            yield cast(IO[bytes], plain)
    elif magic.startswith(b"\xfd7zXZ\x00"):
        with lzma.LZMAFile(file) as expanded:
            yield cast(IO[bytes], expanded)
    elif magic.startswith(_ZSTD_MAGIC):
        with _zstd(file, path) as decoded:
            yield decoded
    else:
        yield file


@contextmanager
def _zstd(file: IO[bytes], path: Path) -> Iterator[IO[bytes]]:
    try:
        import zstandard
    except ImportError:
        raise InputError(
            "{path}: a zstd file; pip install 'gptwatch[zstd]' reads it, "
            "or unpack it with: zstd -d",
            path=path,
        ) from None
    reader = zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True)
    try:
        yield reader
    except zstandard.ZstdError as error:
        raise InputError(
            "{path}: broken zstd data ({error})", path=path, error=error
        ) from None
