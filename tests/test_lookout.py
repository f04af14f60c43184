"""A log without metrics is given up, except near what may be one."""

import json
import random
import re

import pytest
from oracle import known, once

from parsers.engine.known import KnownMasks
from parsers.engine.pieces import whole_lines
from parsers.lookout import Lookout
from parsers.parser import Parser
from watcher.storage.columns import Run


def text(count: int) -> str:
    """Lines of no training."""
    return "".join(
        f"worker-{i % 7} served request {i} in {i % 97} ms\n" for i in range(count)
    )


def prose(count: int) -> str:
    """Lines of no training, each in another order."""
    chosen = random.Random(count)
    words = [*re.findall(r"\S+", "the log of a program, that trains nothing: in words")]
    return "".join(
        " ".join(chosen.sample(words, len(words))) + "\n" for _ in range(count)
    )


TABLE = "step,train_loss\n" + "".join(f"{i},{9 - i / 7:.3f}\n" for i in range(40))
TRACE = "Traceback (most recent call last):\n  File 'a'\nValueError: no\n"
LOGS = {
    "a table": text(2600) + TABLE + text(900),
    "a table between words": text(2600) + "no loss\n" + text(450) + TABLE + text(3000),
    "too far from the word": text(2600) + "no loss\n" + text(520) + "it 3\n" + text(99),
    "settings": text(2600) + "batch_size = 12\n" + text(20_000) + "n_layer = 3\n",
    "a traceback": text(20_600) + TRACE + text(10),
    "a table between prose": prose(1500) + TABLE + prose(3000) + TRACE,
    "prose with settings": prose(900)
    + "batch_size = 12\nStarting training\n"
    + prose(1700)
    + "Traceback (most recent call last):\nn_layer = 6\n"
    + prose(900),
    "a metric between prose": prose(1900)
    + "".join(f"step {i}: loss nan\n{prose(5)}" for i in range(60))
    + prose(3000)
    + "".join(f"step {i}: loss 2.{i}\n{prose(i % 9)}" for i in range(60, 900)),
}


def in_pieces(data: bytes, size: int) -> dict[str, object]:
    """What is found in pieces, each read in a sitting of its own."""
    run, parser = Run(), Parser()
    for at in range(0, len(data), size):
        run.add(parser.feed(data[at : at + size]))
        parser = Parser.restore(json.loads(json.dumps(parser.state())))
    run.add(parser.flush())
    return known(run)


@pytest.mark.parametrize("log", LOGS.values(), ids=LOGS)
@pytest.mark.parametrize("size", [3000, 70_001])
def test_what_is_given_up_does_not_depend_on_cuts(log: str, size: int) -> None:
    assert once(log.encode()) == in_pieces(log.encode(), size)


def test_table_behind_other_text_is_read() -> None:
    assert 40 == len(once(LOGS["a table"].encode())["columns"]["loss"][0]) // 8
    assert "csv" == once(LOGS["a table between words"].encode())["format"]


def test_settings_are_read_in_the_first_lines_only() -> None:
    assert {"batch_size": 12} == once(LOGS["settings"].encode())["facts"]


def test_end_of_a_run_is_found_wherever_it_stands() -> None:
    found = once(LOGS["a traceback"].encode())["milestones"]

    assert [("traceback", 20_601), ("error", 20_603)] == [
        (m.kind, m.line) for m in found
    ]


@pytest.mark.parametrize(
    "line", ["Val_BPB: 1.2", "loss 3", "ppl=20.1", "mean Reward 3", "PSNR: 31.2"]
)
def test_word_of_a_metric_is_found_in_any_case(line: str) -> None:
    data = f"worker served\n{line}\nworker served\n".encode()

    assert [1] == Lookout().named(whole_lines(data, 1, KnownMasks()))
