"""No line costs more than its length: every regex is linear, whatever it meets."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from parsers.parser import Parser


class _TooLongError(Exception):
    """A line took more CPU time than any line may."""


@contextmanager
def _at_most(seconds: float) -> Iterator[None]:
    """Ends what runs longer on the CPU: an exponential pattern would never end."""

    def stop(*_: object) -> None:
        raise _TooLongError

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


@pytest.mark.parametrize(
    "line",
    [
        b"saved to out/run_0123456789012345678901T.pt with train loss 0.5",
        b"epoch 3 loss 2.31 sha " + b"e3b0c44298fc1c149afbf4c8996fb924" * 2 + b" ok",
        b"epoch 3 loss 2.31 saved to exp_20260102030405123456 model",
        b"epoch 3 loss 2.31 device GPU1234567890123456789012345 ok",
        b"loss 2.31 id_12345678901234567890123 x",
        b"loss" + b" " * 30_000 + b"x",
    ],
)
def test_line_that_hung_daemon_is_read_at_once(line: bytes) -> None:
    with _at_most(2):
        Parser().feed(line + b"\n")
