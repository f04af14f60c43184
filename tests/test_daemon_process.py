"""The daemon as a real process: signals, a second one, and kill -9 at any moment."""

import os
import random
import time
from pathlib import Path
from typing import Final

from daemons import Started, held, offsets, steps
from oracle import append, lines, once


# More by hand: GPTWATCH_KILLS=200.
KILLS: Final = int(os.environ.get("GPTWATCH_KILLS", "10"))
LOGS: Final = 20


class Writer:
    """Writes logs in pieces as programs do: seldom whole lines.

    Attributes:
        written: all bytes by name of the log.
    """

    def __init__(self, logs: Path, dice: random.Random) -> None:
        self.written = {f"{i:02}.log": b"" for i in range(LOGS)}
        self._logs, self._dice = logs, dice
        self._left = dict.fromkeys(self.written, b"")
        self._step = dict.fromkeys(self.written, 0)

    def write(self) -> None:
        """Writes the next piece of some log."""
        name = self._dice.choice(list(self.written))
        if not self._left[name]:
            step = self._step[name]
            self._step[name] += 10
            self._left[name] = lines(step, step + 10)
        size = self._dice.choice([1, 7, 30, 100, 100, 500])
        piece, self._left[name] = self._left[name][:size], self._left[name][size:]
        append(self._logs / name, piece)
        self.written[name] += piece


def test_f38_killed_at_any_moment(tmp_path: Path) -> None:
    """However often the daemon dies, no point is lost, and none is there twice."""
    dice = random.Random(KILLS)
    with Started(tmp_path) as daemon:
        writer = Writer(daemon.logs, dice)
    for _ in range(KILLS):
        with Started(tmp_path) as daemon:
            write_until_a_moment(writer, daemon, dice)

    with Started(tmp_path) as daemon:
        daemon.read_all()
        assert 0 == daemon.stop()

    found = {name: steps(daemon.state, name) for name in writer.written}
    meant = {name: whole_steps(data) for name, data in writer.written.items()}
    lost = sum(len(set(meant[name]) - set(found[name])) for name in meant)
    doubled = sum(len(found[name]) - len(set(found[name])) for name in meant)
    assert (0, 0) == (lost, doubled)
    assert {name: once(data) for name, data in writer.written.items()} == held(
        daemon.state
    )


def write_until_a_moment(writer: Writer, daemon: Started, dice: random.Random) -> None:
    """Writes while some transactions end, or none, and a random while longer."""
    wanted = dice.randrange(5)
    before = offsets(daemon.state)
    while wanted:
        assert daemon.process.poll() is None, daemon.said
        writer.write()
        after = offsets(daemon.state)
        wanted, before = wanted - (after != before), after
    moment = time.monotonic() + dice.uniform(0.0, 0.3)
    while time.monotonic() < moment:
        writer.write()
        offsets(daemon.state)


def whole_steps(data: bytes) -> list[int]:
    """Steps of the lines that have an end."""
    rows = data[: data.rfind(b"\n") + 1].splitlines()
    return [int(row.split(b":")[0].split()[1]) for row in rows]
