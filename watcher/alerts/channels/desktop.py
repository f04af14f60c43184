"""The desktop of this machine, through notify-send."""

import shutil
import subprocess
from collections.abc import Mapping
from typing import Any, Final

from watcher.errors import DeliveryError


_TIMEOUT_S: Final = 10.0


class Desktop:
    """A desktop notification."""

    name = "desktop"

    def send(self, notification: Mapping[str, Any], /) -> None:
        """Shows it."""
        program = shutil.which("notify-send")
        if program is None:
            raise DeliveryError("notify-send is not installed; install libnotify-bin")
        urgency = "critical" if notification["severity"] == "critical" else "normal"
        command = [program, "-u", urgency, "--", "gptwatch", notification["text"]]
        try:
            done = subprocess.run(  # noqa: S603 - found in PATH
                command, capture_output=True, timeout=_TIMEOUT_S, check=False
            )
        except subprocess.TimeoutExpired:
            raise DeliveryError(
                "notify-send took longer than {seconds} s",
                seconds=format(_TIMEOUT_S, ".0f"),
            ) from None
        if done.returncode:
            raise DeliveryError("notify-send failed; is there a desktop?")
