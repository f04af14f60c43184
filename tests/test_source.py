"""Bytes come out of plain and packed files, or a clear error does."""

import bz2
import gzip
import lzma
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from watcher.errors import InputError
from watcher.ingest.decompress import chunks


DATA = b"iter 0: loss 4.2\n" * 100_000


def zstd(data: bytes) -> bytes:
    return zstandard.ZstdCompressor().compress(data)


@pytest.mark.parametrize(
    "pack", [bytes, gzip.compress, bz2.compress, lzma.compress, zstd]
)
def test_reads_packed_logs(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    """A packed log is read as if it were not packed, whatever its name."""
    path = tmp_path / "train.log"
    path.write_bytes(pack(DATA))

    pieces = list(chunks(path))

    assert DATA == b"".join(data for data, _ in pieces)
    assert path.stat().st_size == pieces[-1][1]


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
def test_a_truncated_archive_is_an_error_message(
    tmp_path: Path, pack: Callable[[bytes], bytes]
) -> None:
    """An archive that ends too early is an error, not a shorter log."""
    path = tmp_path / "train.log.gz"
    path.write_bytes(pack(DATA)[:-20])

    with pytest.raises(InputError, match="cannot be read to its end"):
        list(chunks(path))


def test_garbage_in_a_zstd_file_is_an_error_message(tmp_path: Path) -> None:
    """Broken zstd data is an error of its own."""
    path = tmp_path / "train.log.zst"
    path.write_bytes(zstd(DATA)[:12] + b"garbage" * 9)

    with pytest.raises(InputError, match="zstd"):
        list(chunks(path))


def test_a_zstd_file_without_its_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message says what to install, or how to do without."""
    path = tmp_path / "train.log.zst"
    path.write_bytes(zstd(DATA))
    monkeypatch.setitem(sys.modules, "zstandard", None)

    with pytest.raises(InputError, match=r"pip install 'gptwatch\[zstd\]'.*zstd -d"):
        list(chunks(path))


def make_folder(path: Path) -> None:
    path.mkdir()


def make_fifo(path: Path) -> None:
    os.mkfifo(path)


def make_nothing(path: Path) -> None:
    assert not path.exists()


def make_loop(path: Path) -> None:
    path.symlink_to(path)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (make_folder, "a folder, not a log"),
        (make_fifo, "not a regular file"),
        (make_nothing, "no such file"),
        (make_loop, "cannot be opened"),
    ],
)
def test_what_is_no_log_is_an_error_message(
    tmp_path: Path, make: Callable[[Path], None], message: str
) -> None:
    """Folders, pipes, missing files and loops get one clear line, and none hangs."""
    path = tmp_path / "odd.log"
    make(path)

    with pytest.raises(InputError, match=message):
        list(chunks(path))
