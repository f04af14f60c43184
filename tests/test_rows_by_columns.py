"""Structured lines that are read by columns give what is read line by line."""

import random
from collections.abc import Iterable, Iterator
from unittest.mock import patch

import pytest
from examples import examples
from hypothesis import given, settings
from hypothesis import strategies as st

from parsers.batch import Batch
from parsers.engine.known import KnownMasks
from parsers.engine.pieces import whole_lines
from parsers.formats import hf_trainer, keras


Found = list[tuple[int, int, str, str]]


def records(batches: Iterable[Batch]) -> Iterator[tuple[int, int, str, str]]:
    """Each value with its line, its step and its name, to the bit."""
    for batch in batches:
        for name, column in batch.values.items():
            for line, step, value in zip(batch.lines, batch.steps, column, strict=True):
                yield int(line), int(step), name, float(value).hex()


def read(reader: hf_trainer.Dictionaries | keras.Epochs, log: list[bytes]) -> Found:
    """What a reader finds in pieces of a log, and what it remembers."""
    found, taken, first = [], [], 1
    for piece in log:
        block = whole_lines(piece, first, KnownMasks())
        found += [*records(reader.read(block))]
        taken += list(reader.taken)
        first += len(block)
    found += [*records(reader.flush())]
    states = ((0, 0, name, repr(value)) for name, value in reader.state().items())
    return [
        *sorted(found),
        *((line, 0, "taken", "") for line in sorted(taken)),
        *states,
    ]


def in_pieces(lines: list[str], cuts: random.Random) -> list[bytes]:
    """The log, cut where it pleases `cuts`."""
    pieces, start = [], 0
    while start < len(lines):
        end = start + cuts.choice([3, 40, 400])
        pieces.append("".join(f"{line}\n" for line in lines[start:end]).encode())
        start = end
    return pieces


def dictionary(chosen: random.Random, at: int) -> str:
    """A line of a log of the Trainer: mostly a record of training."""
    loss = chosen.choice(["0.5", "nan", "0.0", f"{chosen.random() * 12:.4f}"])
    epoch = at * 0.01 if chosen.random() < 0.98 else chosen.random()
    rate, norm = chosen.random() * 1e-4, chosen.random()
    return chosen.choices(
        [
            f"{{'loss': {loss}, 'learning_rate': {rate}, 'epoch': {epoch:.2f}}}",
            f"{{'loss': '{loss}', 'grad_norm': '{norm}', 'epoch': '{epoch:.2f}'}}",
            f"{{'eval_loss': {loss}, 'eval_runtime': 3.5, 'epoch': {epoch:.2f}}}",
            f"step {at} {{'loss': {loss}}}",
            f"rl_loss: 0.5, data: {{'loss': {loss}}}",
            f"{{'loss': {loss}, 'step': {at}}}",
            "{'train_runtime': 10.5, 'train_loss': 0.5, 'epoch': 3.0}",
            "***** train_loss  =  0.5",
            f" {at % 99}%|###  | {at}/900 [00:15<00:23, 39.06it/s]",
            "",
        ],
        [60, 30, 4, 1, 1, 1, 0.3, 0.5, chosen.choice([0, 2]), 2],
    )[0]


@given(st.integers(0, 1 << 32))
@settings(max_examples=examples(150), deadline=None)
def test_dictionaries(seed: int) -> None:
    chosen = random.Random(seed)
    log = in_pieces([dictionary(chosen, at) for at in range(300)], chosen)
    by_columns = read(hf_trainer.Dictionaries(), log)

    with patch.object(hf_trainer.Dictionaries, "_is_counted", return_value=False):
        assert by_columns == read(hf_trainer.Dictionaries(), log)


def bar(chosen: random.Random, at: int) -> str:
    """A line of a log of Keras: mostly a bar that is not full."""
    done, total = at % 12 + 1, 12
    if chosen.random() < 0.03:
        done = chosen.randint(0, 20)
    shown = f"loss: {chosen.random() * 12:.4f} - accuracy: {chosen.random():.3f}"
    head = f"{done}/{total} [{'=' * done}>...] - ETA: {chosen.randint(0, 99)}s - "
    lines = [f"{head}{shown}"]
    if done == total:
        end = f"{done}/{total} [============] - 3s 12ms/step - {shown}"
        lines += chosen.choice([[end], [end, f"{end} - val_loss: 0.5"], []])
    if at % 12 == 0:
        lines.insert(0, f"Epoch {at // 12 + 1}/25")
    if chosen.random() < 0.02:
        lines.append(f"{done}/Unknown [=>...] - 3s - {shown}")
    if chosen.random() < 0.02:
        lines.append(f"{done}/{total} [=>...] - ETA: 3s - accuracy: 0.5")
    return "\n".join(lines)


@given(st.integers(0, 1 << 32))
@settings(max_examples=examples(150), deadline=None)
def test_bars(seed: int) -> None:
    chosen = random.Random(seed)
    lines = [bar(chosen, at) for at in range(300)]
    log = in_pieces("\n".join(lines).split("\n"), chosen)
    by_columns = read(keras.Epochs(), log)

    with patch.object(keras, "_bar", return_value=None):
        assert by_columns == read(keras.Epochs(), log)


@pytest.mark.parametrize("reader", [hf_trainer.Dictionaries, keras.Epochs])
def test_empty_piece(reader: type[hf_trainer.Dictionaries | keras.Epochs]) -> None:
    assert [] == reader().read(whole_lines(b"", 1, KnownMasks()))
