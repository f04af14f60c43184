"""Downloads: with timeout and checksum, written atomically."""

import hashlib
import os
import tempfile
import urllib.request
from pathlib import Path


TIMEOUT_S = 10
CHUNK = 2**20


def cache_dir():
    """The folder of downloaded files."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "gptwatch"


def download(url, path, *, sha256=None, most=2**24):
    """Download `url` to `path`, which appears only when complete and correct."""
    if not url.startswith("https://"):
        raise OSError("only https is fetched")
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent)
    part = Path(name)
    try:
        with (
            os.fdopen(handle, "wb") as file,
            urllib.request.urlopen(url, timeout=TIMEOUT_S) as reply,  # noqa: S310 - https
        ):
            digest = copy(reply, file, most)
        if sha256 not in {None, digest}:
            raise OSError(f"another file than expected, sha256 {digest}")
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def copy(source, target, most):
    """Copy at most `most` bytes; return their sha256."""
    digest, size = hashlib.sha256(), 0
    while chunk := source.read(CHUNK):
        size += len(chunk)
        if size > most:
            raise OSError(f"longer than {most} bytes")
        digest.update(chunk)
        target.write(chunk)
    return digest.hexdigest()


def write_atomically(path, data):
    """Write a file by way of a temporary one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        Path(name).chmod(0o644)
        Path(name).replace(path)
    finally:
        Path(name).unlink(missing_ok=True)
