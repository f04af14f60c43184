"""Runs a command, shows its output, and writes it to a log.

    log       the file
    copier    a thread: copies the command's pipe or pty to the log and our output
    job       the main thread: forwards signals and reaps processes

The command stays in our process group: it gets the signals of the terminal itself.
"""

import contextlib
import os
import signal
import threading
from collections.abc import Iterator, Mapping, Sequence
from types import FrameType

from watcher.errors import InputError
from watcher.launch.copier import Copier, channel
from watcher.launch.job import OTHERS, STOPS, Job
from watcher.launch.log import Echo, Ended, Log


__all__ = ["CommandError", "Ended", "Log", "launch"]


class CommandError(InputError):
    """A command that cannot be started.

    Attributes:
        code: what a shell would exit with.
    """

    def __init__(self, program: str, error: OSError) -> None:
        missing = isinstance(error, FileNotFoundError)
        self.code = 127 if missing else 126
        text = "{program}: cannot be run ({reason})"
        if missing:
            text = "{program}: command not found; usage: gptwatch run -- COMMAND"
        super().__init__(text, program=program, reason=error.strerror)


def launch(
    command: Sequence[str], log: Log, *, echo: Echo, beside: Sequence[str] = ()
) -> Ended:
    """Runs a command to its end; its output goes to ours and to the log.

    `beside`: a command that runs meanwhile, and gets SIGTERM after it.

    Raises:
        CommandError: it cannot be started.
    """
    with _blocked() as (signals, before):
        source, sink = channel()
        actions = [(os.POSIX_SPAWN_DUP2, sink, out) for out in (1, 2)]
        environment = os.environ | {"PYTHONUNBUFFERED": "1"}
        try:
            pid = _spawn(command, environment, actions, before)
        except OSError as error:
            os.close(source)
            log.discard()
            raise CommandError(command[0], error) from None
        finally:
            os.close(sink)
        ended, wake = os.pipe()
        copier = Copier(source, ended, log, echo)
        job = Job(pid, copier, wake, signals, echo)
        echo("writing the output to {path}", path=log.path)
        copier.start()
        if beside:
            job.watch_by(_spawn_beside(beside, before))
        result = job.wait()
        log.finish(result)
        job.end_watching()
    return result


@contextlib.contextmanager
def _blocked() -> Iterator[tuple[set[int], set[int]]]:
    """The blocked signals, taken by sigtimedwait(2), and the mask as it was before.

    A handler would not learn the sender; and none may end us before the log is closed.
    """
    asked = (*STOPS, *OTHERS, signal.SIGWINCH, signal.SIGCHLD)
    # Signals that are ignored already (nohup) stay ignored in the command, too.
    signals = {
        int(s)
        for s in asked
        if s == signal.SIGCHLD or signal.getsignal(s) != signal.SIG_IGN
    }
    before = {int(s) for s in signal.pthread_sigmask(signal.SIG_BLOCK, signals)}
    # A library's thread, which blocks nothing, may get one while we are busy.
    handlers = {s: signal.signal(s, _forward) for s in signals}
    try:
        yield signals, before
    finally:
        while signal.sigtimedwait(signals, 0):
            pass  # too late to be forwarded
        for number, handler in handlers.items():
            signal.signal(number, handler)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _forward(number: int, _: FrameType | None) -> None:
    """Sends a signal to the main thread, where it is blocked."""
    signal.pthread_kill(threading.main_thread().ident or 0, number)


def _spawn(
    command: Sequence[str],
    environment: Mapping[str, str],
    actions: Sequence[tuple[int, int, int]],
    mask: set[int],
) -> int:
    return os.posix_spawnp(
        command[0],
        list(command),
        environment,
        file_actions=actions,
        setsigmask=mask,
        setsigdef=[signal.SIGPIPE, signal.SIGXFSZ],  # Python ignores these
    )


def _spawn_beside(command: Sequence[str], mask: set[int]) -> int:
    """Starts it in a session of its own, where Ctrl-C does not reach it."""
    return os.posix_spawnp(
        command[0],
        list(command),
        os.environ,
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_DUP2, 2, 1),
        ],
        setsigmask=mask,
        setsid=True,
    )
