"""A command of one's own, which gets each alert as JSON on standard input."""

import json
import os
import re
import signal
import subprocess
from collections.abc import Mapping
from typing import Any, Final

from watcher.errors import DeliveryError


_TIMEOUT_S: Final = 30.0
_QUOTE: Final = 200
_ADDRESS: Final = re.compile(r"://\S+")


class Command:
    """Runs a command in the shell, once for each notice."""

    name = "command"

    def __init__(self, command: str) -> None:
        self._command = command

    def send(self, notice: Mapping[str, Any]) -> None:
        """Runs it; an exit code other than 0 is a failure."""
        process = subprocess.Popen(  # noqa: S602 - the command is the user's own
            self._command,
            shell=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            # What it starts in turn is ended with it.
            start_new_session=True,
        )
        try:
            _, errors = process.communicate(json.dumps(notice).encode(), _TIMEOUT_S)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            raise DeliveryError(
                f"the command of --on-alert took longer than {_TIMEOUT_S:.0f} s"
            ) from None
        if process.returncode:
            said = errors.decode("utf-8", "replace").strip().splitlines()[-1:]
            # What it calls with an address calls that by name when it fails.
            why = f": {_ADDRESS.sub('://***', said[0])[:_QUOTE]}" if said else ""
            raise DeliveryError(
                f"the command of --on-alert ended with code {process.returncode}{why}"
            )
