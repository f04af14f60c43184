"""`gptwatch run`: real commands, real signals, real terminals."""

import contextlib
import fcntl
import json
import os
import pty
import re
import resource
import signal
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from oracle import WAIT_S, until

from parsers.milestones import milestone
from watcher.errors import StorageError
from watcher.host import lock
from watcher.launch import Log
from watcher.launch.name import named
from watcher.storage.database import Database


pytestmark = pytest.mark.process


ROOT = str(Path(__file__).parents[1])
GPTWATCH = (sys.executable, "-m", "watcher")
PIPE = subprocess.PIPE
# Tells which signals it gets; ends when its input does.
TELLER = """
import os, signal, sys
def tell(number, frame):
    size = os.get_terminal_size() if number == signal.SIGWINCH else ""
    os.write(1, f"{signal.Signals(number).name}{size}\\n".encode())
for name in "INT TERM HUP QUIT USR1 WINCH".split():
    if signal.getsignal(signal.Signals["SIG" + name]) != signal.SIG_IGN:
        signal.signal(signal.Signals["SIG" + name], tell)
print("ready", os.getpid())
for line in sys.stdin:
    os.write(1, line.encode())
"""


@pytest.fixture(autouse=True)
def deadline() -> Iterator[None]:
    """Ends a test that waits for what never comes."""

    def give_up(*_: object) -> None:
        raise TimeoutError

    signal.signal(signal.SIGALRM, give_up)
    signal.alarm(int(WAIT_S))
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)


@contextlib.contextmanager
def running(
    folder: Path,
    *command: str,
    options: Sequence[str] = (),
    before: Sequence[str] = (),
) -> Iterator[subprocess.Popen[bytes]]:
    """`gptwatch run` in a folder, with pipes; it is not left behind."""
    environment = os.environ | {"PYTHONPATH": ROOT, "PYTHONUNBUFFERED": ""}
    environment["OMP_NUM_THREADS"] = "4"  # a library's threads may get our signals
    with subprocess.Popen(
        [*before, *GPTWATCH, "run", *options, "--", *command],
        cwd=folder,
        env=environment,
        stdin=PIPE,
        stdout=PIPE,
        stderr=PIPE,
        process_group=0,  # in an orphaned group SIGTSTP stops nobody
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def run(
    folder: Path, *command: str, options: Sequence[str] = ()
) -> tuple[int | None, bytes, bytes]:
    """Exit code, output and errors of a whole run."""
    with running(folder, *command, options=options) as process:
        out, errors = process.communicate(timeout=WAIT_S)
        return process.returncode, out, errors


def python(source: str) -> tuple[str, str, str]:
    """A command that runs this."""
    return sys.executable, "-c", source


def line(process: subprocess.Popen[bytes], stream: str = "stdout") -> bytes:
    """The next line of what it writes."""
    answer: bytes = getattr(process, stream).readline()
    return answer


def tell(process: subprocess.Popen[bytes], text: bytes) -> None:
    """Writes a line to its input."""
    assert process.stdin is not None
    process.stdin.write(text + b"\n")
    process.stdin.flush()


def kept(folder: Path) -> bytes:
    """The one log, whole."""
    (log,) = (folder / "logs").iterdir()
    return log.read_bytes()


def end(log: bytes) -> tuple[str, int]:
    """How the last line of a log says that it ended."""
    facts = json.loads(log.splitlines()[-1].removeprefix(b"gptwatch: "))
    assert "exit" == facts["event"]
    return facts["status"], facts["code"]


def test_output_is_shown_and_kept_in_order_and_untouched(tmp_path: Path) -> None:
    """Both streams come in the order of writing, byte for byte, to us and the log."""
    source = """
import os
for i in range(500):
    os.write(1, b"out %d \\x00\\xff\\x1b[1m\\r\\n" % i)
    os.write(2, b"err %d\\r" % i)
print()
"""
    output = b"".join(b"out %d \0\xff\x1b[1m\r\nerr %d\r" % (i, i) for i in range(500))

    code, out, _ = run(tmp_path, *python(source))

    assert (0, output + b"\n") == (code, out)
    assert out + b'gptwatch: {"event": "exit", "status": "finished", "code": 0}\n' == (
        kept(tmp_path)
    )


def test_output_comes_as_it_is_written(tmp_path: Path) -> None:
    """A line is on the screen and in the log while the command waits."""
    # input() itself would flush what was printed.
    source = "import sys; print('iter 0'); sys.stdin.readline()"
    with running(tmp_path, *python(source)) as process:
        assert b"iter 0\n" == line(process)
        assert b"iter 0\n" == kept(tmp_path)


@pytest.mark.parametrize(
    ("script", "code", "status"),
    [
        ("exit 0", 0, "finished"),
        ("exit 3", 3, "crashed"),
        ("exit 255", 255, "crashed"),
        ("kill -KILL $$", 137, "killed"),
        ("kill -TERM $$", 143, "killed"),
        ("kill -INT $$", 130, "interrupted"),
        ("kill -SEGV $$", 139, "crashed"),
        ("exit 137", 137, "killed"),
        ("exit 143", 143, "killed"),
        ("exit 130", 130, "interrupted"),
    ],
)
def test_the_end_is_passed_on_and_kept(
    tmp_path: Path, script: str, code: int, status: str
) -> None:
    """The exit code is the command's, as a shell has it; the log says the same."""
    kinds = {"crashed": "error"}

    done, _, _ = run(tmp_path, "sh", "-c", script)

    assert (code, (status, code)) == (done, end(kept(tmp_path)))
    assert kinds.get(status, status) == milestone(kept(tmp_path).splitlines()[-1])


def test_the_end_stands_on_a_line_of_its_own(tmp_path: Path) -> None:
    """Output without a newline at its end is not mixed up with ours."""
    run(tmp_path, "printf", "iter 9: loss 1.2")

    assert b"iter 9: loss 1.2" == kept(tmp_path).splitlines()[0]
    assert ("finished", 0) == end(kept(tmp_path))


def test_a_command_that_does_not_exist(tmp_path: Path) -> None:
    """One sentence, the exit code of shells, and no log of nothing."""
    code, out, errors = run(tmp_path, "no-such-program", "--lr", "1")

    assert (127, b"", 1) == (code, out, errors.count(b"\n"))
    assert errors.startswith(b"gptwatch: no-such-program: command not found")
    assert [] == list((tmp_path / "logs").iterdir())


def test_a_file_that_is_no_program(tmp_path: Path) -> None:
    """What is there and cannot be run gives the other exit code of shells."""
    (tmp_path / "notes.txt").write_text("hello", encoding="utf-8")

    code, _, errors = run(tmp_path, "./notes.txt")

    assert (126, 1) == (code, errors.count(b"\n"))


def test_a_folder_that_cannot_hold_a_log(tmp_path: Path) -> None:
    """No training starts whose log would be lost from the beginning."""
    (tmp_path / "logs").write_text("a file", encoding="utf-8")

    code, out, errors = run(tmp_path, "echo", "started")

    assert (1, b"") == (code, out)
    assert b"logs: cannot create a log there" in errors
    assert b"--dir" in errors


@pytest.mark.parametrize("name", ["INT", "TERM", "HUP", "QUIT", "USR1"])
def test_signals_are_passed_on_once(tmp_path: Path, name: str) -> None:
    """What is sent to gptwatch reaches the command, which decides what it means."""
    stops = {"INT": "interrupted", "USR1": "finished"}
    with running(tmp_path, *python(TELLER)) as process:
        line(process)

        process.send_signal(signal.Signals[f"SIG{name}"])

        assert f"SIG{name}\n".encode() == line(process)
        rest, _ = process.communicate(timeout=WAIT_S)
        assert (0, b"") == (process.returncode, rest)
    assert (stops.get(name, "killed"), 0) == end(kept(tmp_path))


def test_a_signal_to_a_librarys_thread_is_passed_on(tmp_path: Path) -> None:
    """The kernel may choose any thread of ours; the command gets it all the same."""
    with running(tmp_path, *python(TELLER)) as process:
        line(process)
        tasks = Path(f"/proc/{process.pid}/task")
        free = [
            int(task.name)
            for task in tasks.iterdir()
            if "SigBlk:\t0000000000000000" in (task / "status").read_text("ascii")
        ]
        for thread in free:
            os.kill(thread, signal.SIGTERM)
            assert b"SIGTERM\n" == line(process)
        process.communicate(timeout=WAIT_S)

    assert (0, ("killed", 0)) == (process.returncode, end(kept(tmp_path)))


def test_no_flood_of_signals_loses_the_end(tmp_path: Path) -> None:
    """Who presses Ctrl-C again and again still has the whole log."""
    with running(tmp_path, *python(TELLER)) as process:
        line(process)
        for _ in range(300):
            process.send_signal(signal.SIGINT)
        process.communicate(timeout=WAIT_S)

    assert ("interrupted", process.returncode) == end(kept(tmp_path))


def test_a_signal_ends_a_command_that_does_not_mind(tmp_path: Path) -> None:
    """SIGTERM to gptwatch ends the training and is the exit code 143."""
    with running(tmp_path, *python("print('on'); input()")) as process:
        line(process)
        process.terminate()

        assert 143 == process.wait(WAIT_S)
    assert ("killed", 143) == end(kept(tmp_path))


def test_what_nohup_ignores_stays_ignored(tmp_path: Path) -> None:
    """A command started to survive its terminal survives it here, too."""
    nohup = ("sh", "-c", "trap '' HUP; exec \"$@\"", "sh")
    with running(tmp_path, *python(TELLER), before=nohup) as process:
        line(process)
        process.send_signal(signal.SIGHUP)
        tell(process, b"still here")

        assert b"still here\n" == line(process)
        process.communicate(timeout=WAIT_S)
    assert ("finished", 0) == end(kept(tmp_path))


def test_stop_and_continue(tmp_path: Path) -> None:
    """SIGTSTP reaches the command and stops us; SIGCONT reaches it, too."""
    source = """
import signal
def tell(number, frame): open("signals", "w").write(signal.Signals(number).name)
signal.signal(signal.SIGTSTP, tell)
signal.signal(signal.SIGCONT, tell)
print("ready")
input()
"""
    # What it says by its output waits while we are stopped.
    signals = tmp_path / "signals"
    os.mkfifo(signals)
    with running(tmp_path, *python(source)) as process:
        line(process)

        process.send_signal(signal.SIGTSTP)
        first = signals.read_text("ascii")
        _, status = os.waitpid(process.pid, os.WUNTRACED)
        process.send_signal(signal.SIGCONT)

        assert os.WIFSTOPPED(status)
        assert ("SIGTSTP", "SIGCONT") == (first, signals.read_text("ascii"))


def test_a_reader_that_goes_away_stops_no_training(tmp_path: Path) -> None:
    """`gptwatch run ... | head -1`: the log gets what nobody sees."""
    source = "print('ready'); input(); print('x' * 1_000_000)"
    with running(tmp_path, *python(source)) as process:
        line(process)
        assert process.stdout is not None
        process.stdout.close()
        tell(process, b"")

        assert 0 == process.wait(WAIT_S)
    assert kept(tmp_path).startswith(b"ready\n" + b"x" * 1_000_000 + b"\ngptwatch: ")


def test_a_full_disk_stops_no_training(tmp_path: Path) -> None:
    """Lines are lost with one warning; mended, the log goes on with a whole line."""
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    source = "import sys\nfor line in sys.stdin: sys.stdout.write(line * 9)"
    shown = b""
    with running(tmp_path, *python(source)) as process:
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (1024, hard))
        for number in (b"1", b"2", b"3"):
            tell(process, number * 100)
            shown += b"".join(line(process) for _ in range(9))
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (hard, hard))
        tell(process, b"4")
        _, errors = process.communicate(timeout=WAIT_S)

    log = kept(tmp_path)
    assert (0, 2) == (process.returncode, errors.count(b"\n"))
    assert b"cannot be written (File too large)" in errors
    assert log.startswith(shown[:1024] + b"\n" + b"4\n" * 8 + b"gptwatch: ")
    assert ("finished", 0) == end(log)


def test_a_command_that_closes_its_output_is_waited_for(tmp_path: Path) -> None:
    """The end of the output is not the end of the training."""
    source = (
        "import os, sys; print('bye'); os.close(1); os.close(2); input(); sys.exit(5)"
    )
    with running(tmp_path, *python(source)) as process:
        line(process)
        tell(process, b"")

        assert 5 == process.wait(WAIT_S)
    assert ("crashed", 5) == end(kept(tmp_path))


def test_a_process_left_behind_does_not_hold_us(tmp_path: Path) -> None:
    """What the command left running and writing keeps nobody waiting."""
    source = (
        "import subprocess, sys\n"
        "subprocess.Popen([sys.executable, '-c', 'input()'])\n"
        "print('done')"
    )
    with running(tmp_path, *python(source)) as process:
        assert 0 == process.wait(WAIT_S)

        assert b"writing the output" in line(process, "stderr")
        assert b"a process that it started still has its output open" in (
            line(process, "stderr")
        )
    assert ("finished", 0) == end(kept(tmp_path))


class Terminal:
    """A terminal whose foreground is `gptwatch run` of the teller."""

    def __init__(self, folder: Path) -> None:
        self.pid, self.handle = pty.fork()
        if self.pid == 0:  # pragma: no cover  another process
            os.chdir(folder)
            os.environ["PYTHONPATH"] = ROOT
            os.execv(sys.executable, [*GPTWATCH, "run", "--", *python(TELLER)])
        self._seen = b""

    def size(self, rows: int, columns: int) -> None:
        """Gives it another size."""
        packed = struct.pack("4H", rows, columns, 0, 0)
        fcntl.ioctl(self.handle, termios.TIOCSWINSZ, packed)

    def until(self, text: bytes) -> bytes:
        """All that was shown, when this has been shown."""
        while text not in self._seen:
            self._seen += os.read(self.handle, 4096)
        return self._seen

    def type(self, keys: bytes) -> None:
        """Presses keys."""
        os.write(self.handle, keys)

    def close(self) -> int:
        """Waits for the end; the exit code."""
        with contextlib.suppress(OSError):
            while os.read(self.handle, 4096):
                pass
        code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        os.close(self.handle)
        return code


def test_a_terminal_stays_a_terminal(tmp_path: Path) -> None:
    """Each Ctrl-C arrives once, the size is passed on, the log has plain newlines."""
    terminal = Terminal(tmp_path)
    terminal.until(b"ready")
    terminal.size(40, 123)
    terminal.until(b"SIGWINCHos.terminal_size(columns=123, lines=40)")
    terminal.type(b"\x03")
    terminal.until(b"SIGINT")
    terminal.type(b"\x03")
    terminal.type(b"end\n\x04")

    assert 0 == terminal.close()
    log = kept(tmp_path)
    assert (2, 0) == (log.count(b"SIGINT\n"), log.count(b"\r"))
    assert ("interrupted", 0) == end(log)


def test_the_output_is_a_terminal_of_the_same_size(tmp_path: Path) -> None:
    """A progress bar sees what it would see without us."""
    source = "import os; print(os.isatty(1), os.isatty(2), os.get_terminal_size())"
    command = " ".join([*GPTWATCH, "run", "--", sys.executable, "-c", f'"{source}"'])
    pid, handle = pty.fork()
    if pid == 0:  # pragma: no cover  another process
        os.chdir(tmp_path)
        os.environ["PYTHONPATH"] = ROOT
        os.execv("/bin/sh", ["sh", "-c", f"stty rows 33 cols 77; {command}"])
    with contextlib.suppress(OSError):
        while os.read(handle, 4096):
            pass
    os.waitpid(pid, 0)
    os.close(handle)

    assert kept(tmp_path).startswith(
        b"True True os.terminal_size(columns=77, lines=33)\n"
    )


@pytest.mark.parametrize(
    ("command", "name"),
    [
        (["python", "train.py"], "train"),
        (["python", "train.py", "config/char.py"], "char"),
        (
            ["python", "train.py", "config/char.py", "--max_iters=10", "--lr=3e-4"],
            "char-max_iters=10-lr=3e-4",
        ),
        (
            ["python", "-m", "trainer", "train_char", "--batch_size", "8", "--compile"],
            "train_char-batch_size=8-compile=",
        ),
        (["python", "train.py", "model=gpt2", "lr=-0.1"], "train-model=gpt2-lr=-0.1"),
        (["python", "train.py", "--shift", "-0.5", "-v"], "train-shift=-0.5-v="),
        (["python", "train.py", "--data", "/a b/c d"], "train-data=c_d"),
        (["python", "train.py", "--wandb_token=abc"], "train-wandb_token="),
        (["python", "train.py", "--", "--lr=1"], "train"),
        (["python", "train.py", "../x", "--k=../../etc"], "train-k=etc"),
        (["python3", "-u", "src/train_gpt.py"], "train_gpt"),
        (["torchrun", "--nproc_per_node=2", "-m", "lab.pretrain", "x.py"], "x"),
        (["./train_with_logging.py", "config/char.py"], "char"),
        (["/usr/bin/env", "bash", "run.sh"], "run"),
        (["python", "-c", "import train.py"], "python"),
        (["/opt/bin/litgpt", "pretrain"], "litgpt"),
        (["./.hidden"], "hidden"),
    ],
)
def test_a_log_is_named_after_what_trains(command: Sequence[str], name: str) -> None:
    """The configuration and the keys it sets; else the script or the program."""
    assert name == named(command)


def test_a_name_of_many_keys_stays_a_file_name() -> None:
    """What does not fit is left out, whole."""
    keys = [f"--key_number_{n}={n}" for n in range(50)]
    name = named(["python", "train.py", *keys, "--" + "x" * 300])

    assert len(name) <= 120
    assert re.fullmatch(r"train(-key_number_(\d+)=\2)+", name)


def test_name_and_folder_can_be_chosen(tmp_path: Path) -> None:
    """`--name` and `--dir` say where the log lies; the time is always part of it."""
    run(tmp_path, "echo", "hello", options=("--name", "big", "--dir", "a/b"))

    (log,) = (tmp_path / "a" / "b").iterdir()
    assert datetime.strptime(log.name, "big-%Y%m%d_%H%M%S.log").astimezone()


@pytest.mark.parametrize("name", ["a/b", ".hidden", "", "--x"])
def test_a_name_that_is_no_file_name_is_refused(tmp_path: Path, name: str) -> None:
    """A log must not land elsewhere, or where nobody looks."""
    code, _, errors = run(tmp_path, "echo", options=(f"--name={name}",))

    assert 2 == code
    assert b"cannot be the name of a log" in errors
    assert [] == list(tmp_path.iterdir())


def test_two_runs_of_one_second_have_two_logs(tmp_path: Path) -> None:
    """No log is written over."""
    now = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)
    logs = [Log(tmp_path, "train", now, print) for _ in range(2)]
    for log in logs:
        log.write(b"x")

    assert ["train-20260504_030201.log", "train-20260504_030201-2.log"] == [
        log.path.name for log in logs
    ]
    for log in logs:
        log.discard()
    assert [] == list(tmp_path.iterdir())


def test_watch_draws_and_summarises_at_the_end(tmp_path: Path) -> None:
    """One command trains, watches and concludes; nothing stays behind it."""
    source = (
        "for i in range(99): print(f'step {i}: train loss {9 / (i + 1)}, val loss 2')"
    )

    code, out, errors = run(tmp_path, *python(source), options=("--watch",))

    made = sorted(
        p.name[:14] for p in (tmp_path / "training_plots").rglob("training_*")
    )
    assert (0, 3) == (code, len(made)), errors
    assert b"train loss  9.0000" in out
    with lock.locked(tmp_path / "training_plots" / ".gptwatch"):
        pass  # the daemon has let go of it


def test_what_watches_does_not_get_the_terminals_signals(tmp_path: Path) -> None:
    """Ctrl-C is for the training; the watching goes on to its end."""
    with running(tmp_path, *python(TELLER), options=("--watch",)) as process:
        training = int(line(process).split()[1])
        while b" watching " not in line(process, "stderr"):
            pass
        below = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        pids = {int(pid) for pid in below.read_text("ascii").split()}
        (watching,) = pids - {training}

        assert os.getpgid(process.pid) == os.getpgid(training)
        assert os.getsid(process.pid) != os.getsid(watching)
        process.communicate(timeout=WAIT_S)


def test_watch_of_a_command_without_metrics_keeps_its_exit_code(tmp_path: Path) -> None:
    """Nothing to analyse is said, and changes nothing."""
    code, _, errors = run(tmp_path, "sh", "-c", "exit 4", options=("--watch",))

    assert 4 == code
    assert b"no metrics found" in errors


def test_watching_that_ends_early_stops_no_training(tmp_path: Path) -> None:
    """A daemon that cannot go on costs one line."""
    (tmp_path / "training_plots").mkdir()
    (tmp_path / "training_plots" / ".gptwatch").write_text("no directory")
    with running(tmp_path, *python(TELLER), options=("--watch",)) as process:
        printed = b""
        while b"watcher has ended" not in printed:
            printed = line(process, "stderr")
            assert printed
        line(process)
        tell(process, b"still here")

        assert b"still here\n" == line(process)
    assert printed == (
        b"gptwatch: the watcher has ended (exit code 78); the command goes on\n"
    )


# Prints a loss for each line of its input.
TRAINER = """
import sys
print("ready", flush=True)
for n, line in enumerate(sys.stdin):
    print(f"step {n}: train loss {9 / (n + 1):.4f}, val loss 2.0", flush=True)
"""


def read(folder: Path) -> dict[str, int]:
    """How many lines of each log the database knows."""
    try:
        state = folder / "training_plots" / ".gptwatch"
        with contextlib.closing(Database(state, read_only=True)) as store:
            return {row.path: row.lines for row in store.runs()}
    except StorageError:
        return {}


def reads(folder: Path, process: subprocess.Popen[bytes]) -> None:
    """Waits until the database knows more of every log after more was printed."""
    before = read(folder)
    tell(process, b"more")
    until(lambda: any(n > before.get(name, 0) for name, n in read(folder).items()))


def test_two_runs_share_one_daemon(tmp_path: Path) -> None:
    """It reads the logs of both; when the first ends, the second's takes over."""
    source = python(TRAINER)
    state = tmp_path / "training_plots" / ".gptwatch"
    with contextlib.ExitStack() as started:
        one, two = (("--watch", "--name", name) for name in ("one", "two"))
        first = started.enter_context(running(tmp_path, *source, options=one))
        # Else the second may be quicker, and its daemon the one that both share.
        until(lambda: bool(lock.holder(state)))
        holder = lock.holder(state)
        second = started.enter_context(running(tmp_path, *source, options=two))
        for process in (first, second):
            reads(tmp_path, process)
        until(lambda: 2 == len(read(tmp_path)))
        _, errors = first.communicate(timeout=WAIT_S)
        assert 0 == first.returncode, errors
        before = read(tmp_path)
        reads(tmp_path, second)
        grown = {name for name, n in read(tmp_path).items() if n > before[name]}
        assert ["two"] == [name.split("-")[0] for name in grown]
        assert holder != lock.holder(state)
        _, more = second.communicate(timeout=WAIT_S)
        assert 0 == second.returncode, more
        assert 1 == (errors + more).count(b"watched by the gptwatch that is running")
    assert lock.holder(state) is None


def test_an_old_log_is_not_watched(tmp_path: Path) -> None:
    """Only those that `run --watch` writes now."""
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "old.log").write_bytes(b"step 0: train loss 4, val loss 3\n")
    with running(tmp_path, *python(TRAINER), options=("--watch",)) as process:
        reads(tmp_path, process)

        assert "old.log" not in read(tmp_path)
        process.communicate(timeout=WAIT_S)


def test_kill_9_leaves_no_daemon_behind(tmp_path: Path) -> None:
    """Neither the one that watches nor one that waits for its turn."""
    state = tmp_path / "training_plots" / ".gptwatch"
    options = ("--watch",)
    with running(tmp_path, *python(TRAINER), options=options) as first:
        reads(tmp_path, first)
        with running(tmp_path, *python(TRAINER), options=options) as second:
            reads(tmp_path, second)
            second.kill()
            second.communicate()
        first.kill()
        first.communicate()
        until(lambda: lock.holder(state) is None)
    until(lambda: not daemons_below(tmp_path))


def daemons_below(folder: Path) -> list[bytes]:
    """Command lines of our daemons whose working directory is a folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            command = (process / "cmdline").read_bytes()
            if (process / "cwd").readlink() == folder and b"--shared" in command:
                found.append(command)
    return found
