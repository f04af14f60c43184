r"""Keras 1 to 3 (`Progbar`, `verbose=1` and `verbose=2`).

    Epoch 3/40
     1/10 [==>...........] - ETA: 0s - loss: 0.6241 - accuracy: 0.7500
    10/10 [==============] - 13s 1s/step - loss: 0.9378 - accuracy: 0.57 - val_loss...
    128/128 - 0s - loss: 2.9102 - accuracy: 0.1586 - 358ms/epoch - 3ms/step
    625/625 ━━━━━━━━━━━━━━━━━━━━ 159s 251ms/step - accuracy: 0.3 - loss: 1.9 - val...

One record an epoch, the last line that the epoch drew: before, it shows the mean of the
epoch so far, and the full bar is drawn twice.  So a full bar without `val_loss` waits
for what follows it.  What comes before the next `Epoch` is an evaluation (`evaluate`),
not a point.  Two runs may print to one log.  The step is the epoch, from 1, and so the
time is that of an epoch: `3s 12ms/step` of 250 steps is 3 s.  `0s` is unknown.
"""

import re
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from parsers.batch import Batch, Floats, Ints
from parsers.engine.numbers import number
from parsers.engine.pieces import Piece
from parsers.engine.templates import Templates
from parsers.format import Fields, Format, LinePattern
from parsers.keyvalue.records import Records, entry
from parsers.keyvalue.vocabulary import depends_on_digits, key
from parsers.metrics import ANY_LOSS


_EPOCH: Final = re.compile(rb"(?:^|\s|(?<=\d))Epoch (\d{1,15})/(\d{1,15})\s*$")
# `127/127 [====] - 10s`, `10/10 [>..] - ETA: 1:15`, `625/625 ━━━━ 159s`, `128/128 - 0s`
_BAR: Final = re.compile(
    rb"(?:^|(?<=\s))(\d{1,15})/(\d{1,15}|Unknown) "
    rb"(?:(\[[=>.]*\]|[\x80-\xff]+)(?: -)?|-) (?:ETA: )?([\d:]{1,12})s?(?= )"
)
# `verbose=2` of Keras before 2.4
_NO_BAR: Final = re.compile(rb"^()()() ?(?:- )?(\d{1,8})s(?= - )")
_ITEM: Final = re.compile(rb" - (\w[\w ./-]{0,64}): ([-+]?[\w.+-]+)")
_TIME: Final = re.compile(rb"(?<![\d.])([\d.]+)(us|ms|s)/(epoch|step|sample|batch)")
_RUNS_MAX: Final = 8
_NO_LINES: Final = np.empty(0, np.int64)
_MS: Final = {b"us": 1e-3, b"ms": 1.0, b"s": 1e3}


class _Kept(NamedTuple):
    line: int
    done: int
    values: dict[str, float]


class Epochs:
    """Reads the last line of each epoch.

    Attributes:
        taken: see `parsers.format.RowReader`.
        planned: number of epochs, None before the first.
    """

    def __init__(self) -> None:
        self.taken: list[int] = []
        self.planned: int | None = None
        self._epoch = 0
        self._named = False  # whether any line named its epoch
        self._open: list[list[int]] = []  # epochs without a record, and of how many
        self._kept: _Kept | None = None
        pattern = LinePattern("bar", _bar, step="none")
        self._bars = Templates((Format("bars", "", (), (pattern,)),))

    def read(self, piece: Piece) -> list[Batch]:
        """The records of some lines."""
        self.taken = []
        if not _may_hold(piece.outline):
            return []
        records = Records()
        lines, done, full = self._drawn(piece)
        others = np.ones(len(piece), dtype=bool)
        others[lines[~full] - piece.first] = False
        self.taken += lines[~full].tolist()
        lines, done = lines[~full], done[~full]
        before = 0
        for i in np.flatnonzero(others).tolist():
            text = piece.line(i)
            if b"Epoch " in text or b"oss: " in text:
                here = int(lines.searchsorted(i + piece.first))
                self._pass(done[before:here], records)
                before = here
                self._line(i + piece.first, text, records)
        self._pass(done[before:], records)
        return records.batches()

    def _drawn(self, piece: Piece) -> tuple[Ints, Floats, NDArray[np.bool_]]:
        """The bars that show a loss: their lines, counts, and whether they are full."""
        raws = self._bars.read(piece).taken[0]
        if not raws:
            return _NO_LINES, np.empty(0), np.empty(0, dtype=bool)
        lines = np.concatenate([raw.lines for raw in raws])
        done, total = (
            np.concatenate([raw.columns[name] for raw in raws])
            for name in ("step", "per_epoch")
        )
        order = lines.argsort(kind="stable")
        return lines[order], done[order], (done >= total)[order]

    def _pass(self, done: Floats, records: Records) -> None:
        """Some bars that are not full: counts of another one that begins anew?"""
        if self._kept and len(done) and done.min() < self._kept.done:
            self._release(records)  # an evaluation's

    def _line(self, line: int, text: bytes, records: Records) -> None:
        found = _EPOCH.search(text) if b"Epoch " in text else None
        if b"oss: " in text and b" - " in text:
            shown = text[: found.start()] if found else text
            self._progress(line, shown, records)
        if found:
            self._release(records)
            self._begin(int(found[1]), int(found[2]))

    def flush(self) -> list[Batch]:
        """The last epoch, if no other came."""
        records = Records()
        self._release(records)
        return records.batches()

    def state(self) -> dict[str, Any]:
        """What `restore` needs."""
        return {name[1:]: vars(self)[name] for name in _STATE} | {
            "open": self._open,
            "planned": self.planned,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Goes on where `state` was taken."""
        for name in _STATE:
            setattr(self, name, state[name[1:]])
        self.planned, kept = state["planned"], state["open"]
        # Until 0.2 one run was followed, and this was whether its epoch had no record.
        named = [[self._epoch, self.planned or 0]] if kept else []
        self._open = named if isinstance(kept, bool) else kept
        self._kept = _Kept(*self._kept) if self._kept else None

    def _begin(self, epoch: int, planned: int) -> None:
        """An epoch begins; that of a run of another length may go on beside it."""
        self._named, self.planned = True, planned
        self._open = [e for e in self._open if e[1] != planned][-_RUNS_MAX:]
        self._open.append([epoch, planned])

    def _progress(self, line: int, text: bytes, records: Records) -> None:
        head = _BAR.search(text) or _NO_BAR.search(text)
        if head is None:
            return
        done = int(head[1] or 0)
        values = _values(text[head.end() :]) | _time(text[head.end() :], head[4], done)
        if "loss" not in values:
            return
        self.taken.append(line)
        if head[2] == b"Unknown":
            return  # in the first epoch; its last line states it
        total = int(head[2] or 0)
        if done < total:
            if self._kept and done < self._kept.done:
                self._release(records)  # another bar begins: an evaluation's
            return
        if head[3] and "val_loss" not in values:
            if self._open or not self._named:
                self._kept = _Kept(line, done, values)
            return
        self._kept = None
        self._add(line, values, records)

    def _release(self, records: Records) -> None:
        if self._kept:
            kept, self._kept = self._kept, None
            self._add(kept.line, kept.values, records)

    def _add(self, line: int, values: dict[str, float], records: Records) -> None:
        if self._open:
            self._epoch = self._open.pop(0)[0]
        elif self._named and "val_loss" not in values:
            return  # an evaluation
        else:
            self._epoch += not self._named
        records.add("epoch", line, self._epoch, values)


def _may_hold(outline: bytes) -> bool:
    """Whether some line may name an epoch or show a loss at a bar."""
    if b"Epoch " in outline:
        return True
    shown = b"oss: " in outline and b" - " in outline
    return shown and bool(b"s - " in outline or _BAR.search(outline))


def _bar(text: bytes) -> Fields | None:
    """The counts of a bar that shows a loss."""
    if b"oss: " not in text or b" - " not in text or b"Epoch " in text:
        return None
    head = _BAR.search(text)
    if head is None or head[2] == b"Unknown":
        return None
    names = (name.decode("ascii", "replace") for name, _ in _ITEM.findall(text))
    if any(map(depends_on_digits, names)) or "loss" not in _values(text[head.end() :]):
        return None
    return [("step", *head.span(1)), ("per_epoch", *head.span(2))]


_STATE: Final = ("_epoch", "_named", "_kept")


def _values(text: bytes) -> dict[str, float]:
    found = []
    for name, shown in _ITEM.findall(text):
        meant, value = key(name.decode("ascii", "replace")), number(shown)
        if meant and value is not None:
            found.append((meant, value))
    return entry(found).values


def _time(text: bytes, shown: bytes, steps: int) -> dict[str, float]:
    """Time of the epoch in ms: from whole seconds, and from the time of a step.

    Below a second only what is stated of an epoch counts: the rest is rounding.
    """
    seconds = 0
    for part in shown.split(b":"):
        seconds = 60 * seconds + int(part or 0)
    for value, unit, of in _TIME.findall(text):
        ms = (number(value) or 0.0) * _MS[unit]
        if of == b"epoch":
            return {"iter_ms": ms}
        # `13s 1s/step`: the whole is more exact than its part.
        if seconds and unit != b"s" and abs(steps * ms / 1000 - seconds) <= 1:
            return {"iter_ms": steps * ms}
    return {"iter_ms": 1000.0 * seconds} if seconds else {}


KERAS = Format(
    name="keras",
    epochs=True,
    units=ANY_LOSS,
    written_by="Keras, tf.keras: Model.fit",
    samples=(
        "Epoch 3/40",
        "127/127 [=================] - 10s - loss: 194.3781 - val_loss: 0.3296",
        "128/128 - 0s - loss: 2.9102 - accuracy: 0.1586 - 358ms/epoch - 3ms/step",
    ),
    rows=Epochs,
)
