"""`gptwatch web` as a real process, and requests to it."""

import http.client
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlencode, urlsplit


class Served:
    """The page of a state directory; the process ends with the `with`.

    Attributes:
        address: as it was printed.
        port: of it.
    """

    def __init__(
        self,
        state: Path,
        *more: str,
        listen: str = "127.0.0.1:0",
        before: tuple[str, ...] = (),
        fds: tuple[int, ...] = (),
    ) -> None:
        command = [
            *before,
            *(sys.executable, "-m", "watcher", "web"),
            *("--state", str(state), "--listen", listen, *more),
        ]
        self._errors = (state.parent / "page-errors.txt").open("w+")
        self.process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            pass_fds=fds,
            cwd=state.parent,
            env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])},
        )
        assert self.process.stdout is not None
        self.address = self.process.stdout.readline().strip()
        self.port = urlsplit(self.address).port if "http" in self.address else None

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        """Ends it, whatever happened."""
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()
        self._errors.close()

    @property
    def said(self) -> str:
        """What it wrote to standard error."""
        self._errors.seek(0)
        return self._errors.read()

    def get(
        self,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        method: str = "GET",
        **params: Any,
    ) -> "Answer":
        """An answer; `headers` go before those of a browser."""
        query = f"?{urlencode(params, doseq=True)}" if params else ""
        line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            line.request(method, path + query, headers=dict(headers or {}))
            found = line.getresponse()
            return Answer(found.status, dict(found.getheaders()), found.read())
        finally:
            line.close()


class Answer:
    """What came back."""

    def __init__(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self) -> Any:
        """The body, of an answer that is well."""
        assert 200 == self.status, self.body
        return json.loads(self.body)
