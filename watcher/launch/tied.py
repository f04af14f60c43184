"""Runs a command that ends with the process that started it, even after kill -9.

python -m watcher.launch.tied PID COMMAND ...
"""

import ctypes
import os
import signal
import sys
from collections.abc import Sequence
from typing import Final


# prctl(2): the signal that the kernel sends when the parent ends; kept by execve(2).
_PR_SET_PDEATHSIG: Final = 1


def tied(command: Sequence[str]) -> list[str]:
    """A command that gets SIGTERM when this process ends."""
    own = [sys.executable, "-m", "watcher.launch.tied", str(os.getpid())]
    return [*own, *command]


def main(parent: int, command: Sequence[str]) -> None:
    """Becomes the command."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        sys.exit(128 + signal.SIGTERM)  # it ended before it could be watched
    os.execvp(command[0], list(command))  # noqa: S606 - there is no shell


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
