"""Tables of reinforcement learning: a box of keys and values, one for each report.

    ------------------------------------------
    | rollout/                |              |
    |    ep_rew_mean          | 22.3         |
    | time/                   |              |
    |    total_timesteps      | 4096         |
    | train/                  |              |
    |    loss                 | 7.1          |
    ------------------------------------------

Stable-Baselines3 names its sections, OpenAI baselines and Spinning Up have none.  The
step is the number of interactions, else the iteration; it may stand anywhere in the
box, so a record is complete at the line that closes it.
"""

import re
from typing import Any, Final

from parsers.batch import Batch
from parsers.engine.numbers import number
from parsers.engine.pieces import Piece
from parsers.format import Format
from parsers.keyvalue.records import Axis, Records, entry
from parsers.keyvalue.vocabulary import Key, key
from parsers.metrics import ANY_LOSS


_ROW: Final = re.compile(
    rb"\| *+([A-Za-z][\w/.%-]{0,63}+(?: [\w.%()-]{1,32}+){0,4}+) *+\| *+"
    rb"([^\s|]{0,40}+) *+\|\s*+$"
)
_RULE: Final = re.compile(rb"(?:^|\s)[-+=]{12,}+\s*+$")
_LAST_BAR: Final = re.compile(rb"\|[^\S\n]*+\n")
_ROWS_MAX: Final = 256


class Boxes:
    """Reads boxes of keys and values.

    Attributes:
        taken: see `parsers.format.RowReader`.
    """

    def __init__(self) -> None:
        self.taken: list[int] = []
        self._axis = Axis()
        self._section = ""
        self._rows: dict[str, float] = {}
        self._line = 0  # the last one of the box

    def read(self, piece: Piece) -> list[Batch]:
        """The records of some lines."""
        self.taken = []
        if not (self._rows or self._section) and not _LAST_BAR.search(piece.outline):
            return []
        records = Records()
        for line, text in enumerate(piece.lines, piece.first):
            if b"---" in text and _RULE.search(text):
                self._close(records)
            elif b"|" in text and (found := _ROW.search(text)):
                self._row(line, found[1].decode(), found[2])
        return records.batches()

    def flush(self) -> list[Batch]:
        """The last box, if no line closed it."""
        records = Records()
        self._close(records)
        return records.batches()

    def state(self) -> dict[str, Any]:
        """What `restore` needs."""
        return {
            "axis": self._axis.state(),
            "section": self._section,
            "rows": self._rows,
            "line": self._line,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Goes on where `state` was taken."""
        self._axis.restore(state["axis"])
        self._section, self._rows = state["section"], state["rows"]
        self._line = state["line"]

    def _row(self, line: int, name: str, shown: bytes) -> None:
        if name.endswith("/") and not shown:
            self._section = name
            return
        value = number(shown)
        if value is not None and len(self._rows) < _ROWS_MAX:
            self._rows[self._section + name] = value
            self._line = line
            self.taken.append(line)

    def _close(self, records: Records) -> None:
        rows, self._rows, self._section = self._rows, {}, ""
        found = entry((k, v) for name, v in rows.items() if (k := _key(name)))
        if found.curve and found.step is not None:
            step = self._axis.step(found)
            records.add("box", self._line, step, found.values)


def _key(name: str) -> Key | None:
    known = key(name)
    if known is None and "/" in name:
        known = key(name.rpartition("/")[2])
        return None if known and known.name == "step" else known
    return (
        Key("step", 1.0, known.rank + 1000)
        if known and known.name == "epoch"
        else known
    )


RL_TABLE = Format(
    name="rl_table",
    units=ANY_LOSS,
    written_by="Stable-Baselines3, OpenAI baselines, Spinning Up",
    samples=(
        (
            "| rollout/ | |\n|    ep_rew_mean | 22.3 |\n| time/ | |\n"
            "|    total_timesteps | 4096 |\n----------------------"
        ),
        "|  AverageEpRet |  -520.1 |\n| TotalEnvInteracts | 4000 |",
    ),
    rows=Boxes,
)
