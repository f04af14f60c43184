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

from parsers.parser import CHUNK_BYTES
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
                    f"{path}: cannot be read to its end ({error}); "
                    "copy the log again, or unpack it by hand"
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
        raise InputError(_refusal(path, error)) from None
    except ValueError:
        raise InputError(f"{path!s:.200}: not a file name") from None
    problem = _unfit(path, os.fstat(fd).st_mode)
    if problem:
        os.close(fd)
        raise InputError(problem)
    with open(fd, "rb", buffering=0) as file:  # noqa: PTH123 - a descriptor
        yield file


def _unfit(path: Path, mode: int) -> str:
    """Why a kind of file cannot be a log; "" for a regular one."""
    if stat.S_ISDIR(mode):
        return f"{path}: a folder, not a log; name a log file inside it"
    if not stat.S_ISREG(mode):
        return f"{path}: not a regular file; save the log to a file first"
    return ""


def _refusal(path: Path, error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return f"{path}: no such file; check the name"
    if isinstance(error, PermissionError):
        return f"{path}: may not be read; ask its owner, or run: chmod +r"
    return f"{path}: cannot be opened ({error.strerror})"


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
            f"{path}: a zstd file; pip install 'gptwatch[zstd]' reads it, "
            f"or unpack it with: zstd -d"
        ) from None
    reader = zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True)
    try:
        yield reader
    except zstandard.ZstdError as error:
        raise InputError(f"{path}: broken zstd data ({error})") from None
