"""A command of the user's, which gets each notification as JSON on standard input."""

import json
import os
import re
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from typing import IO, Any, Final

from watcher.errors import DeliveryError


_TIMEOUT_S: Final = 30.0
_QUOTE: Final = 200
_ADDRESS: Final = re.compile(r"://\S+")


class Command:
    """Runs a command in the shell, once for each notification."""

    name = "command"

    def __init__(self, command: str) -> None:
        self._command = command

    def send(self, notification: Mapping[str, Any], /) -> None:
        """Runs it; an exit code other than 0 is a failure.

        Only the command itself counts: what it leaves running in the background
        inherits its files, so these are no pipes, whose end would never come.
        """
        with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as errors:
            given.write(json.dumps(notification).encode())
            given.seek(0)
            code = self._run(given, errors)
            errors.seek(0)
            last = errors.read().decode("utf-8", "replace").strip().splitlines()[-1:]
        if code:
            # An error message of curl, say, quotes the address with its secrets.
            why = f": {_ADDRESS.sub('://***', last[0])[:_QUOTE]}" if last else ""
            raise DeliveryError(
                "the command of --on-alert ended with code {code}{why}",
                code=code,
                why=why,
            )

    def _run(self, given: IO[bytes], errors: IO[bytes]) -> int:
        process = subprocess.Popen(  # noqa: S602 - the command is the user's own
            self._command,
            shell=True,
            stdin=given,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            # A timeout ends the command together with its children.
            start_new_session=True,
        )
        try:
            return process.wait(_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise DeliveryError(
                "the command of --on-alert took longer than {seconds} s",
                seconds=format(_TIMEOUT_S, ".0f"),
            ) from None
