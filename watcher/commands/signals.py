"""Signals as requests to the daemon."""

import signal
from collections.abc import Callable
from typing import Any, Final, Self


class Signals:
    """Turns signals into requests for a stop or a reload, kept until they are done."""

    _kinds: Final = {
        signal.SIGTERM: "stop",
        signal.SIGINT: "stop",
        signal.SIGHUP: "reload",
    }

    def __init__(self) -> None:
        self._pending: dict[str, None] = {}
        self._ask: Callable[[str], None] | None = None
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        """Installs the handlers."""
        for number in self._kinds:
            self._before[number] = signal.signal(number, self._take)
        return self

    def __exit__(self, *_: object) -> None:
        """Restores the old handlers."""
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def go_to(self, ask: Callable[[str], None] | None) -> None:
        """Sets the receiver, which also gets the pending requests."""
        self._ask = ask
        if ask is not None:
            for kind in [*self._pending]:
                ask(kind)

    def asks(self, kind: str) -> bool:
        """Whether a request is pending."""
        return kind in self._pending

    def done(self, kind: str) -> None:
        """Removes a request that was carried out."""
        self._pending.pop(kind, None)

    def _take(self, number: int, _: object) -> None:
        kind = self._kinds[signal.Signals(number)]
        self._pending[kind] = None
        if self._ask is not None:
            self._ask(kind)
