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
evaluation sets, is the validation loss of one of them.

No dictionary states its step, but `tqdm.write` redraws the bar behind it: a dictionary
waits for that.  Where none comes it is the bar before; where the same bar stands
before two of them (standard output is buffered, the bars are not) or there are no
bars, steps are counted, by the distance that redrawn bars show.  A second evaluation
since the last training loss has a step of its own.

The bar at a training loss states the time: that of an iteration (which `tqdm` averages
over the last few), and how much has passed, evaluations among it.
"""

import math
import re
from typing import Any, Final

import numpy as np

from parsers.batch import Batch
from parsers.engine.pieces import Piece
from parsers.engine.sieve import Sieve
from parsers.engine.templates import Raw
from parsers.format import Format
from parsers.keyvalue.dictionaries import (
    OWN_LOSS,
    STEP,
    SUMMARY,
    Runs,
    located,
    parsed,
    same,
)
from parsers.keyvalue.records import Records
from parsers.keyvalue.rows import SingleRows
from parsers.metrics import ANY_LOSS


_BAR: Final = re.compile(
    rb"(?:^|\]:? ?|\d: ?|\) ?)\s*\d+%(?:\|[^|]*\|)?\s*(\d{1,15})/(\d{1,15}) "
    rb"\[([^\]]{0,99}(?:it/s|s/it))"
)
# What a bar states in brackets: `00:15<00:23, 39.06it/s`
_ELAPSED: Final = re.compile(rb"^([\d:]{1,12})<")
_RATE: Final = re.compile(rb"(?<![\d.])(\d{1,9}(?:\.\d{1,9})?)(it/s|s/it)$")
_MS: Final = 1000.0
# A bar that jumps over steps takes them for done in no time, and forgets that slowly.
_SKIPPED: Final = 50
_SETTLES: Final = 50
_MEAN: Final = re.compile(rb"\b(?:train|eval)_\w+ +=  ")

_Kept = tuple[int, bool, dict[str, float]]


class Dictionaries:
    """Reads printed dictionaries and the bars between them.

    Attributes:
        taken: see `parsers.format.RowReader`.
    """

    def __init__(self) -> None:
        self.taken: list[int] = []
        self._runs = Runs()
        self._single = SingleRows(located, parsed)
        self._barred = Sieve(_has_bar)
        self._means = Sieve(_is_mean)
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
        self._evaluated: float | None = None  # epoch of the evaluation at this step
        self._settles = 0  # from which count on the bar knows its rate
        self._times = ""  # of the last bar of training
        self._elapsed = [0.0] * 3  # before the last start, since then, evaluations
        self._before: dict[str, float] = {}

    @property
    def planned(self) -> int | None:
        """Number of steps that the bar counts to, None before the first bar."""
        return self._total if self._known else None

    def read(self, piece: Piece) -> list[Batch]:
        """The records of some lines."""
        self.taken = []
        if self._is_counted(piece):
            return self._read_counted(piece)
        records = Records()
        if not self._kept and b"{'" not in piece.outline:
            self._read_bars(piece, records)
            return records.batches()
        for line, text in enumerate(piece.lines, piece.first):
            drawn = b"%|" in text or (b"% " in text and b" [" in text)
            if drawn:
                self._draw(text, records)
            if b"{'" in text:
                self._dictionary(line, text, records)
            elif _is_mean(text):
                self.taken.append(line)
            elif self._kept and not drawn and text.strip():
                self._release(records)
        return records.batches()

    def _read_bars(self, piece: Piece, records: Records) -> None:
        """The same where no dictionary stands and none waits."""
        if b"%" in piece.outline:
            for i in self._barred.lines(piece):
                self._draw(piece.line(i), records)
        self._take_means(piece)

    def _take_means(self, piece: Piece) -> None:
        if b"_loss " in piece.outline:
            self.taken += [i + piece.first for i in self._means.lines(piece)]

    def _is_counted(self, piece: Piece) -> bool:
        """Whether no record of a piece waits for a bar: there are none."""
        settled = self._known or not self._counting
        return bool(
            self._bar < 0
            and not self._kept
            and self._trained
            and self._last
            and settled
            and b"%" not in piece.outline
        )

    def _read_counted(self, piece: Piece) -> list[Batch]:
        """The same as line by line."""
        records, batches = Records(), list[Batch]()
        for found in self._runs.read(piece):
            if found.table is None:
                text = piece.line(found.line - piece.first)
                self._dictionary(found.line, text, records)
            else:
                batches.append(self._run(found.table, found.rows))
        self._take_means(piece)
        return batches + records.batches()

    def _run(self, table: Raw, rows: slice) -> Batch:
        """Records of training, each a stride behind the one before."""
        lines = table.lines[rows]
        columns = {name: column[rows] for name, column in table.columns.items()}
        steps = self._last + self._stride * np.arange(1, len(lines) + 1)
        self._last, self._evaluated = int(steps[-1]), None
        self._before = {name: float(column[-1]) for name, column in columns.items()}
        self._epoch = self._before.get("epoch", self._epoch)
        self.taken += lines.tolist()
        return Batch("dictionary", lines, steps, columns)

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
            # An older version kept less.
            setattr(self, name, state.get(name[1:], getattr(self, name)))
        self._kept = [(line, kind, values) for line, kind, values in self._kept]

    def _draw(self, text: bytes, records: Records) -> None:
        for found in _BAR.finditer(text):
            count, total = int(found[1]), int(found[2])
            if not self._of_training(count, total):
                self._release(records)
                continue
            if count < self._bar or total != self._total:
                self._counting, self._redrawn = False, 0  # another run
            elif count == self._bar > self._redrawn:
                self._redraw(count)
            if count > max(self._bar, 0) + _SKIPPED:
                self._settles = count + _SETTLES  # a resumed run skips to its step
            self._bar, self._total = count, total
            self._times = found[3].decode("ascii", "replace")
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
        found = self._single.read(text)
        if not found.curve or OWN_LOSS.search(text, 0, text.find(b"{'")):
            return
        self.taken.append(line)
        named = STEP.search(text, 0, text.find(b"{'"))
        if found.step is None and named:
            found.step = int(named[1])
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
        at_bar = self._bar
        step = self._step(*self._kept[0][1:])
        self._add_times(self._kept[0], known=step == at_bar and not self._counting)
        for line, _, values in self._kept:
            records.add("dictionary", line, step, values)
        self._before = self._kept[-1][2]
        self._kept = []

    def _add_times(self, kept: _Kept, *, known: bool) -> None:
        """The time of an iteration and of all so far, as the bar at a record states."""
        _, train, values = kept
        before, since, evaluated = self._elapsed
        if not train:
            self._elapsed[2] = evaluated + values.get("eval_ms", 0.0)
            return
        elapsed = _ELAPSED.search(self._times.encode()) if known else None
        rate = _RATE.search(self._times.encode()) if known else None
        if elapsed:
            now = _ms(elapsed[1])
            before += since if now < since else 0.0
            self._elapsed[:2] = [before, now]
            values.setdefault("train_time_ms", max(0.0, before + now - evaluated))
        if rate and float(rate[1]) > 0 and self._bar >= self._settles:
            ms = _MS * float(rate[1])
            if rate[2] == b"it/s":
                ms = _MS / float(rate[1])
            values.setdefault("iter_ms", ms)

    def _step(self, train: bool, values: dict[str, float]) -> int:  # noqa: FBT001
        epoch = values.get("epoch", self._epoch)
        restarted, self._epoch = epoch < self._epoch, epoch
        if self._is_at_bar(train, restarted):
            self._known = self._trained = True
            self._stride = max(self._bar - self._last, 1) if train else self._stride
            self._last = self._bar
        elif not same(self._before, values):
            if restarted:
                self._last = self._evaluations = 0
            if train:
                self._count()
            else:
                self._count_evaluation(values)
        return self._last if self._trained else self._evaluations

    def _count(self) -> None:
        self._counting |= self._bar >= 0
        self._known |= self._counting and self._bar < self._total
        if not self._trained and self._evaluations > 1:
            self._last = self._evaluations  # they took the first steps
        self._last += self._stride
        self._trained, self._evaluated = True, None

    def _count_evaluation(self, values: dict[str, float]) -> None:
        """Several validation sets are one evaluation; a second one is a step."""
        epoch = values.get("epoch", math.nan)
        self._known |= self._counting and self._bar < self._total
        if epoch == self._evaluated:
            return
        self._evaluations += 1
        if self._evaluated is not None and epoch > self._evaluated and self._trained:
            self._last += 1
        self._evaluated = epoch

    def _is_at_bar(self, train: bool, restarted: bool) -> bool:  # noqa: FBT001
        if self._counting or self._bar < 0:
            return False
        if not self._known and self._bar in {0, self._total}:
            return False  # a bar of something before the training
        return not train or restarted or self._bar != self._last


def _has_bar(text: bytes) -> bool:
    drawn = b"%|" in text or (b"% " in text and b" [" in text)
    return drawn and bool(_BAR.search(text))


def _is_mean(text: bytes) -> bool:
    return b"_loss " in text and b"{'" not in text and bool(_MEAN.search(text))


def _ms(shown: bytes) -> float:
    """A clock of a bar, `1:02:03`, in ms."""
    seconds = 0
    for part in shown.split(b":"):
        seconds = 60 * seconds + int(part or 0)
    return _MS * seconds


_STATE: Final = tuple(
    name
    for name in vars(Dictionaries())
    if name not in {"taken", "_runs", "_single", "_barred", "_means"}
)


HF_TRAINER = Format(
    name="hf_trainer",
    units=ANY_LOSS,
    written_by="Hugging Face Trainer (transformers), TRL, axolotl, LLaMA-Factory",
    samples=(
        "{'loss': 8.2617, 'grad_norm': 6.23, 'learning_rate': 0.0001, 'epoch': 0.05}",
        "{'loss': '3.412', 'grad_norm': '0.9297', 'epoch': '0.0179'}",
        "{'eval_loss': nan, 'eval_runtime': 171.4911, 'epoch': 1.0}",
        "05/17/2024 01:05:43 - INFO - llmtuner.extras.callbacks - {'loss': 1.8282}",
    ),
    rows=Dictionaries,
)
