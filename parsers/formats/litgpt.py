"""Lightning-AI/litgpt `pretrain` and `finetune` (lit-gpt in 2023).

    Epoch 1 | iter 2 step 1 | loss train: 1.660, val: n/a | iter time: 548.72 ms (step)
    iter 1760 | step 220: loss 1.5947, iter time: 263.85 ms (optimizer.step)
    iter 4800: val loss 1.7258, val time: 3778.02 ms          (`step 4800:` in 2023)
    Final evaluation | val loss: 1.698 | val ppl: 5.463

An iteration is a micro-batch; the step is the optimizer's and stays for several.  The
training loss is a running mean.  `val:` repeats the last validation, which had a line
of its own before: it counts only where it changes to what no such line stated.
"""

import re
from typing import Any, Final

from parsers.batch import Batch
from parsers.engine.numbers import number
from parsers.engine.pieces import Piece
from parsers.format import Format, line
from parsers.keyvalue.records import Records
from parsers.patterns import COUNT, NUMBER, START, STEP, later, named


_TRAIN: Final = re.compile(
    START + rb"step (" + COUNT + rb") \| loss train: \S+, val: (n/a|" + NUMBER + rb")"
)
_VALIDATION: Final = re.compile(
    rb"(?:\b(?:iter|step) " + COUNT + rb": val loss |\| val loss: )(" + NUMBER + rb")"
)


class RepeatedValidation:
    """Finds the validations that only the training lines show.

    Attributes:
        taken: see `parsers.format.RowReader`.
    """

    def __init__(self) -> None:
        self.taken: list[int] = []
        self._field: str | None = None  # of the last training line
        self._said: str | None = None  # by the last line of a validation, rounded alike
        self._begun = False  # a validation, within this log

    def read(self, piece: Piece) -> list[Batch]:
        """Points of the `val:` field that are new."""
        self.taken = []
        records = Records()
        for at, text in enumerate(piece.lines, piece.first):
            if b"val" not in text and b"Validating" not in text:
                continue
            step, value = self._point(text) or (0, None)
            if value is not None:
                self.taken.append(at)
                records.add("val: of a training line", at, step, {"val_loss": value})
        return records.batches()

    def flush(self) -> list[Batch]:
        """Nothing: each line is whole."""
        return []

    def state(self) -> dict[str, Any]:
        """What `restore` needs."""
        return {"field": self._field, "said": self._said, "begun": self._begun}

    def restore(self, state: dict[str, Any]) -> None:
        """Goes on where `state` was taken."""
        self._field, self._said = state["field"], state["said"]
        self._begun = state["begun"]

    def _point(self, text: bytes) -> tuple[int, float | None] | None:
        if stated := _VALIDATION.search(text):
            self._said = f"{float(stated[1]):.3f}"
            return None
        self._begun |= b"Validating" in text
        train = _TRAIN.search(text)
        if train is None:
            return None
        before, self._field = self._field, train[2].decode()
        # What a log that lacks its beginning repeats first was measured before it.
        stale = before is None and not self._begun
        if stale or self._field in {before, self._said}:
            return None
        return int(train[1]), number(train[2])


LITGPT = Format(
    name="litgpt",
    written_by="Lightning-AI/litgpt pretrain, finetune",
    samples=(
        "Epoch 1 | iter 2 step 1 | loss train: 1.660, val: n/a | iter time: 548.72 ms",
        "iter 1760 | step 220: loss 1.5947, iter time: 263.85 ms (optimizer.step)",
        "iter 4800: val loss 1.7258, val time: 3778.02 ms",
        "Final evaluation | val loss: 1.698 | val ppl: 5.463",
    ),
    averaged=("loss",),
    rows=RepeatedValidation,
    patterns=(
        line(
            "Epoch E | iter N step N | loss train: | iter time:",
            START
            + rb"iter \d+ step "
            + STEP
            + rb" \| loss train: "
            + named("loss")
            + later(rb"\bgrad_norm: " + named("grad_norm"))
            + later(rb"\biter time: " + named("iter_ms") + rb" ?ms")
            + later(rb"\blr: " + named("lr")),
            needs=(b"iter ", b" | loss train: "),
        ),
        line(
            "iter N | step N: loss, iter time:",
            START
            + rb"iter \d+(?: \|)? step "
            + STEP
            + rb"(?::| \|) loss:? "
            + named("loss")
            + later(rb"\biter time: " + named("iter_ms") + rb" ?ms"),
            needs=(b"iter ", b" step ", b" loss"),
        ),
        line(
            "iter N: val loss, val time",
            # This number counts micro-batches, the axis steps.
            START
            + rb"(?:iter|step) \d+: val loss "
            + named("val_loss")
            + later(rb"\bval time: " + named("eval_ms") + rb" ?ms"),
            needs=(b": val loss ",),
            step="previous",
        ),
        line(
            "Final evaluation | val loss: | val ppl:",
            START
            + rb"Final evaluation \| val loss: "
            + named("val_loss")
            + later(rb"\bval ppl: " + named("val_ppl")),
            needs=(b"Final evaluation | val loss: ",),
            step="previous",
        ),
    ),
)
