"""A running command: the signals that it gets, and its exit."""

import os
import signal
import time
from typing import Final

from watcher.launch.copier import Copier, resize
from watcher.launch.log import Echo, Ended


# Signals that stop a command, and the status that they leave.
STOPS: Final = {
    signal.SIGINT: "interrupted",
    signal.SIGTERM: "killed",
    signal.SIGHUP: "killed",
    signal.SIGQUIT: "killed",
}
OTHERS: Final = (signal.SIGTSTP, signal.SIGCONT, signal.SIGUSR1, signal.SIGUSR2)
# Signals of a program's own faults: nothing killed it.
_FAULTS: Final = (
    signal.SIGSEGV,
    signal.SIGABRT,
    signal.SIGBUS,
    signal.SIGFPE,
    signal.SIGILL,
)
# A shell reports the signal n of its child as exit code 128 + n.
_SHELL: Final = 128
_STOP_TIMEOUT_S: Final = 30.0
_POLL_S: Final = 1.0
# si_code of a signal that a thread sent: its first sender is unknown.
_SI_TKILL: Final = -6


class Job:
    """The command, and the watcher beside it."""

    def __init__(
        self, pid: int, copier: Copier, wake: int, signals: set[int], echo: Echo
    ) -> None:
        self._pid = pid
        self._copier = copier
        self._wake = wake
        self._signals = signals
        self._echo = echo
        self._code: int | None = None
        self._asked: signal.Signals | None = None
        self._watcher: int | None = None

    def watch_by(self, pid: int) -> None:
        """Adopts the process that watches the log."""
        self._watcher = pid

    def wait(self) -> Ended:
        """Waits until the command and its output have ended."""
        while self._code is None or not self._copier.done.is_set():
            # Signals that another thread got are forwarded here.
            info = signal.sigtimedwait(self._signals, _POLL_S)
            if info is None:
                continue
            if info.si_signo == signal.SIGCHLD:
                self._reap()
            elif self._code is None:
                self._pass_on(info)
            elif info.si_signo in STOPS:
                break  # only the reader of our output is still open
        assert self._code is not None
        return _ended(self._code, self._asked)

    def end_watching(self) -> None:
        """Stops the watcher, and waits until it has ended."""
        if self._watcher is None:
            return
        os.kill(self._watcher, signal.SIGTERM)
        until = time.monotonic() + _STOP_TIMEOUT_S
        while (left := until - time.monotonic()) > 0:
            if _code(self._watcher) is not None:
                return
            info = signal.sigtimedwait(self._signals, min(left, _POLL_S))
            if info is not None and info.si_signo in STOPS:
                break
        os.kill(self._watcher, signal.SIGKILL)
        os.waitpid(self._watcher, 0)

    def _reap(self) -> None:
        if self._code is None:
            self._code = _code(self._pid)
            if self._code is not None:
                os.close(self._wake)
        if self._watcher is not None and (code := _code(self._watcher)) is not None:
            self._watcher = None
            text = "the watcher has ended (exit code {code}); the command goes on"
            self._echo(text, code=code)

    def _pass_on(self, info: signal.struct_siginfo) -> None:
        number = signal.Signals(info.si_signo)
        if number in STOPS:
            self._asked = number
        if number == signal.SIGWINCH:
            resize(self._copier.source)
        if number == signal.SIGWINCH or not self._has_it(info):
            os.kill(self._pid, number)
        if number == signal.SIGTSTP:
            # Unblocked, it stops us, until SIGCONT.
            handler = signal.signal(number, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {number})
            os.kill(os.getpid(), number)
            signal.pthread_sigmask(signal.SIG_BLOCK, {number})
            signal.signal(number, handler)

    def _has_it(self, info: signal.struct_siginfo) -> bool:
        """Whether a terminal sent it, to our whole process group."""
        typed = (signal.SIGINT, signal.SIGQUIT, signal.SIGTSTP)
        if info.si_code == _SI_TKILL and info.si_signo in typed:
            sent = _is_in_front()
        else:
            sent = info.si_code > 0
        return sent and os.getpgid(self._pid) == os.getpgrp()


def _is_in_front() -> bool:
    """Whether we are in the foreground process group of our terminal."""
    try:
        terminal = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    finally:
        os.close(terminal)


def _code(pid: int) -> int | None:
    """The exit code of a child, negative after a signal; None while it runs."""
    found, status = os.waitpid(pid, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if found else None


def _ended(code: int, asked: signal.Signals | None) -> Ended:
    """The result, by `code` as Python has it and the signal that we forwarded."""
    reported = code - _SHELL if code > _SHELL else 0
    shown = code if code >= 0 else _SHELL - code
    if -code in _FAULTS:
        return Ended(shown, "crashed")
    if code < 0:
        return Ended(shown, "interrupted" if -code == signal.SIGINT else "killed")
    if reported == signal.SIGKILL:
        return Ended(shown, "killed")
    by = asked or reported
    if by in STOPS:
        return Ended(shown, STOPS[signal.Signals(by)])
    return Ended(shown, "crashed" if code else "finished")
