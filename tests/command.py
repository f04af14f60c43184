"""`gptwatch` in a process of its own: started, or forked with everything imported.

A fork has its own arguments, directory, environment, output and exit code as a started
process has, without the second that Python and the libraries take to begin.  SQLite
does not allow it beside an open database.
"""

import io
import logging
import os
import subprocess
import sys
import tempfile
import traceback
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Final, NoReturn

import watcher.outputs.plot.figure  # noqa: F401 - imported once, not in each fork
from watcher.cli import main


_ROOT: Final = str(Path(__file__).parents[1])
_ENGLISH: Final = {"LANG": "C.UTF-8", "LC_ALL": ""}


def gptwatch(
    *arguments: str | bytes | Path, cwd: Path, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[bytes]:
    """Runs the command in a directory, in English by default."""
    words = [os.fsdecode(word) for word in arguments]
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        pid = forked(words, cwd, _ENGLISH | dict(env or {}), (out, err))
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        out.seek(0)
        err.seek(0)
        return subprocess.CompletedProcess(words, code, out.read(), err.read())


def forked(
    words: Sequence[str],
    cwd: Path,
    env: Mapping[str, str],
    outputs: tuple[IO[bytes], IO[bytes]],
    start: Callable[[], None] = main,
) -> int:
    """The number of a process that runs the command, or what starts it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # threads of xdist hold no lock of ours
        pid = os.fork()
    if pid == 0:
        _run(words, cwd, env, outputs, start)
    return pid


def started(
    *arguments: str | bytes | Path, cwd: Path, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[bytes]:
    """The same by a new interpreter, also beside an open database."""
    return subprocess.run(
        [sys.executable, "-m", "watcher", *arguments],
        cwd=cwd,
        env=os.environ | _ENGLISH | {"PYTHONPATH": _ROOT} | dict(env or {}),
        capture_output=True,
        check=False,
    )


def _run(
    words: Sequence[str],
    cwd: Path,
    env: Mapping[str, str],
    outputs: tuple[IO[bytes], IO[bytes]],
    start: Callable[[], None],
) -> NoReturn:
    code: object = 1
    try:
        _become(words, cwd, env, outputs)
        start()
    except SystemExit as end:
        code = end.code
    except BaseException:  # noqa: BLE001 - as the interpreter does at its end
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else int(code is not None))


def _become(
    words: Sequence[str],
    cwd: Path,
    env: Mapping[str, str],
    outputs: tuple[IO[bytes], IO[bytes]],
) -> None:
    """What of the tests' process a new one would not have is undone."""
    os.chdir(cwd)
    os.environ.update(env)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for number, file in enumerate(outputs, 1):
        os.dup2(file.fileno(), number)
    sys.stdin = io.TextIOWrapper(io.FileIO(0))
    sys.stdout = io.TextIOWrapper(io.BufferedWriter(io.FileIO(1, "w")))
    # Without a buffer: what a full disk did not take is not written again later.
    errors = io.FileIO(2, "w")
    sys.stderr = io.TextIOWrapper(errors, errors="backslashreplace", write_through=True)
    sys.argv = ["gptwatch", *words]
    logging.getLogger().handlers.clear()
    warnings.resetwarnings()
    warnings.simplefilter("ignore")
