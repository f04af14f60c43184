"""Hugging Face `Trainer` on standard output, and all that is built on it.

TRL, axolotl, Unsloth, LLaMA-Factory, FastChat, LLaVA.  A Python dictionary a record:

     40%|####      | 601/1500 [00:15<00:23, 39.06it/s]
    {'loss': 8.2617, 'grad_norm': 6.23, 'learning_rate': 0.0001, 'epoch': 0.05}
     40%|####      | 601/1500 [00:15<00:23, 39.06it/s]
    {'eval_loss': 1.6776, 'eval_runtime': 40.9933, 'epoch': 0.61}
    {'train_runtime': 10.8935, 'train_loss': 0.0, 'epoch': 0.1}
    {'loss': '3.412', 'grad_norm': '0.9297', 'epoch': '0.0179'}

The last but one is the summary of a run, no point; the last is of transformers 5,
where every value is a string.  `nan` stands bare.  `eval_<name>_loss`, of several
evaluation sets, is not the validation loss.

No dictionary states its step, but `tqdm.write` redraws the bar behind it: a dictionary
waits for that.  Where none comes it is the bar before; where the same bar stands
before two of them (standard output is buffered, the bars are not) or there are no
bars, steps are counted, by the distance that redrawn bars show.
"""

import re
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from parsers.batch import Batch, Ints
from parsers.engine.pieces import Piece
from parsers.engine.templates import Templates
from parsers.format import Format
from parsers.keyvalue.dictionaries import (
    BAR,
    BARS,
    OTHERS,
    ROWS,
    SUMMARY,
    left_lines,
    may_be_bar,
    parsed,
    repeated,
    same,
)
from parsers.keyvalue.merged import Merged
from parsers.keyvalue.records import Entry, Records


_MEAN: Final = re.compile(rb"\b(?:train|eval)_\w+ +=  ")

_Kept = tuple[int, bool, dict[str, float]]


_ROW, _DRAWN, _TEXT = range(3)


class Dictionaries:
    """Reads printed dictionaries and the bars between them.

    Attributes:
        taken: see `parsers.format.RowReader`.
    """

    def __init__(self) -> None:
        self.taken: list[int] = []
        self._templates = Templates((Format("rows", "", (), (ROWS, BARS, OTHERS)),))
        self._kept: list[_Kept] = []  # one record, printed once or twice
        self._bar = -1  # count of the training bar
        self._total = 0  # of it; 0 until known
        self._known = False  # whether a dictionary has shown which bar it is
        self._redrawn = 0  # count of the last bar drawn twice
        self._gap = 0
        self._stride = 1
        self._counting = False
        self._last = 0
        self._evaluations = 0
        self._trained = False  # whether any training loss has come
        self._epoch = 0.0
        self._before: dict[str, float] = {}

    @property
    def planned(self) -> int | None:
        """Number of steps that the bar counts to, None before the first bar."""
        return self._total if self._known else None

    def read(self, piece: Piece) -> list[Batch]:
        """The records of some lines."""
        self.taken = []
        tables = self._templates.read(piece).taken[0]
        rows = Merged([t for t in tables if t.pattern is ROWS])
        bars = Merged([t for t in tables if t.pattern is BARS])
        left = left_lines(piece, tables)
        records = Records()
        if len(bars) or left:
            self._read_in_order(piece, rows, bars, left, records)
            return records.batches()
        start = 0
        while start < len(rows) and not self._is_counting():
            self._row(rows, start, records)
            start += 1
        return records.batches() + self._count_on(rows, start)

    def _read_in_order(
        self,
        piece: Piece,
        rows: Merged,
        bars: Merged,
        left: Sequence[int],
        records: Records,
    ) -> None:
        """Reads dictionaries, bars and other lines one after the other."""
        counts, totals = (bars.column(name).tolist() for name in ("step", "max_steps"))
        events = [(line, _ROW, at) for at, line in enumerate(rows.lines.tolist())]
        events += [(line, _DRAWN, at) for at, line in enumerate(bars.lines.tolist())]
        events += [(at + piece.first, _TEXT, at) for at in left]
        for line, kind, at in sorted(events):
            if kind == _ROW:
                self._row(rows, at, records)
            elif kind == _DRAWN:
                self._draw(int(counts[at]), int(totals[at]), records)
            else:
                self._text(line, piece.lines[at], records)

    def _row(self, rows: Merged, at: int, records: Records) -> None:
        values = rows.values(at)
        step = values.pop("step", None)
        values.pop("max_steps", None)
        self._record(
            int(rows.lines[at]),
            Entry(values, None if step is None else int(step)),
            records,
        )

    def _text(self, line: int, text: bytes, records: Records) -> None:
        """A line that columns do not read."""
        drawn = may_be_bar(text)
        for found in BAR.finditer(text) if drawn else ():
            self._draw(int(found[1]), int(found[2]), records)
        if b"{'" in text:
            self._dictionary(line, text, records)
        elif b"_loss " in text and _MEAN.search(text):
            self.taken.append(line)
        elif self._kept and not drawn and text.strip():
            self._release(records)

    def _is_counting(self) -> bool:
        """Whether the next step depends on the dictionaries before alone."""
        no_bars = self._bar < 0 and self._last + self._evaluations > 0
        return self._trained and not self._kept and (self._counting or no_bars)

    def _count_on(self, rows: Merged, start: int) -> list[Batch]:
        """The records of all rows from one on."""
        if start == len(rows):
            return []
        self.taken = [*self.taken, *rows.lines[start:].tolist()]
        steps = rows.column("step")[start:]
        free = np.flatnonzero(np.isnan(steps))
        if len(free):
            steps[free] = self._counted(rows, free + start)
        whole = steps.astype(np.int64)
        return rows.batches("dictionary", whole, start, ("step", "max_steps"))

    def _counted(self, rows: Merged, free: Ints) -> Ints:
        """The steps of rows that name none."""
        epochs = rows.column("epoch")[free]
        known = np.maximum.accumulate(
            np.where(np.isnan(epochs), 0, np.arange(1, len(free) + 1))
        )
        epochs = np.append(self._epoch, epochs)[known]
        new = ~repeated(rows, free, self._before)
        train = rows.has("loss")[free]
        begins = np.flatnonzero(new & (epochs < np.append(self._epoch, epochs[:-1])))
        added = np.cumsum(new & train) * self._stride
        # A run that begins anew begins at 0.
        base = np.full(len(free), -self._last)
        base[begins] = added[begins] - self._stride * train[begins]
        steps: Ints = added - base[np.maximum.accumulate(_marked(begins, len(free)))]
        since = int(begins[-1]) if len(begins) else 0
        before = 0 if len(begins) else self._evaluations
        self._evaluations = before + int(np.count_nonzero((new & ~train)[since:]))
        self._known |= self._counting and self._bar < self._total
        self._epoch, self._last = float(epochs[-1]), int(steps[-1])
        self._before = rows.values(int(free[-1]))
        return steps

    def flush(self) -> list[Batch]:
        """The record that still waits for its bar."""
        records = Records()
        self._release(records)
        return records.batches()

    def state(self) -> dict[str, Any]:
        """What `restore` needs."""
        return {name[1:]: vars(self)[name] for name in _STATE}

    def restore(self, state: dict[str, Any]) -> None:
        """Goes on where `state` was taken."""
        for name in _STATE:
            setattr(self, name, state[name[1:]])
        self._kept = [(line, kind, values) for line, kind, values in self._kept]

    def _draw(self, count: int, total: int, records: Records) -> None:
        if not self._of_training(count, total):
            self._release(records)
            return
        if count < self._bar or total != self._total:
            self._counting, self._redrawn = False, 0  # another run
        elif count == self._bar > self._redrawn:
            self._redraw(count)
        self._bar, self._total = count, total
        self._known |= bool(self._kept)
        self._release(records)

    def _redraw(self, count: int) -> None:
        """Two equal distances between redrawn bars are the distance of records."""
        gap = count - self._redrawn
        self._stride = gap if gap == self._gap else self._stride
        self._redrawn, self._gap = count, gap

    def _of_training(self, count: int, total: int) -> bool:
        """Whether a bar is the training's: evaluations have bars too."""
        # An evaluation begins at 0; what is redrawn behind a record does not.
        if not self._known:
            return count > 0 or not self._kept
        if total == self._total:
            return True
        return bool(self._kept) and count > 0

    def _dictionary(self, line: int, text: bytes, records: Records) -> None:
        if SUMMARY in text:
            self.taken.append(line)
            self._release(records)
            return
        self._record(line, parsed(text), records)

    def _record(self, line: int, found: Entry, records: Records) -> None:
        if not found.curve:
            return
        self.taken.append(line)
        if found.step is not None:
            self._release(records)
            records.add("dictionary", line, found.step, found.values)
            return
        train = "loss" in found.values
        if self._kept and not same(self._kept[-1][2], found.values):
            if train and self._kept[-1][1]:
                self._counting = True  # no bar between them: output is buffered
            self._release(records)
        self._kept.append((line, train, found.values))
        if self._counting or (self._bar < 0 and self._last + self._evaluations):
            self._release(records)

    def _release(self, records: Records) -> None:
        if not self._kept:
            return
        step = self._step(*self._kept[0][1:])
        for line, _, values in self._kept:
            records.add("dictionary", line, step, values)
        self._before = self._kept[-1][2]
        self._kept = []

    def _step(self, train: bool, values: dict[str, float]) -> int:  # noqa: FBT001
        epoch = values.get("epoch", self._epoch)
        restarted, self._epoch = epoch < self._epoch, epoch
        if self._is_at_bar(train, restarted):
            self._known = self._trained = True
            self._stride = max(self._bar - self._last, 1) if train else self._stride
            self._last = self._bar
        elif not same(self._before, values):
            self._count(train, restarted)
        return self._last if self._trained else self._evaluations

    def _count(self, train: bool, restarted: bool) -> None:  # noqa: FBT001
        if restarted:
            self._last = self._evaluations = 0
        self._counting |= train and self._bar >= 0
        self._known |= self._counting and self._bar < self._total
        self._last += self._stride if train else 0
        self._trained |= train
        self._evaluations += not train

    def _is_at_bar(self, train: bool, restarted: bool) -> bool:  # noqa: FBT001
        if self._counting or self._bar < 0:
            return False
        if not self._known and self._bar in {0, self._total}:
            return False  # a bar of something before the training
        return not train or restarted or self._bar != self._last


_STATE: Final = tuple(
    name for name in vars(Dictionaries()) if name not in {"taken", "_templates"}
)


def _marked(begins: Ints, size: int) -> Ints:
    """0, and of each beginning its place."""
    places = np.zeros(size, dtype=np.int64)
    places[begins] = begins
    return places


HF_TRAINER = Format(
    name="hf_trainer",
    written_by="Hugging Face Trainer (transformers), TRL, axolotl, LLaMA-Factory",
    samples=(
        "{'loss': 8.2617, 'grad_norm': 6.23, 'learning_rate': 0.0001, 'epoch': 0.05}",
        "{'loss': '3.412', 'grad_norm': '0.9297', 'epoch': '0.0179'}",
        "{'eval_loss': nan, 'eval_runtime': 171.4911, 'epoch': 1.0}",
        "05/17/2024 01:05:43 - INFO - llmtuner.extras.callbacks - {'loss': 1.8282}",
    ),
    rows=Dictionaries,
)
