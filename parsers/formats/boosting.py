r"""Gradient boosting: XGBoost, LightGBM and CatBoost.

    [0]     train-rmse:0.51234      eval-rmse:0.61234
    [10]    validation_0-logloss:0.41       validation_1-logloss:0.52
    [100]   training's binary_logloss: 0.31 valid_1's binary_logloss: 0.42
    100:    learn: 0.6911   test: 0.6914    best: 0.6914 (0)        total: 50ms

The step is the number of trees.  The loss is the first metric that falls, that of the
last data set the validation's.  XGBoost numbers its data sets when they have no names:
the first is the training's if there are more.
"""

import re
from collections.abc import Sequence
from typing import Final

from parsers.format import Fields, Format, LinePattern, Locate, line
from parsers.metrics import ANY_LOSS
from parsers.patterns import COUNT, NUMBER, STEP, later, named


_END: Final = rb"(?![\w.])"
_XGBOOST: Final = re.compile(
    rb"\s([A-Za-z_]\w{0,63}+)-([a-z][\w@.-]{0,32}+):(" + NUMBER + rb")" + _END
)
_LIGHTGBM: Final = re.compile(
    rb"\b([A-Za-z_]\w{0,63}+)'s ([a-z][\w@.() -]{0,48}?): (" + NUMBER + rb")" + _END
)
_HEAD: Final = re.compile(rb"(?:^|\s)\[(" + COUNT + rb")\](?=\s)")
_HELD_OUT: Final = re.compile(rb"(?i)^d?(?:val|valid|eval|test|dev|oob|cv)")
_TRAIN: Final = re.compile(rb"(?i)^d?tr(?:ain|ain\w*|n)?$")
# Metrics that rise are no losses.
_RISE: Final = re.compile(rb"^(?:auc|aucpr|map|ndcg|pre|accuracy|average_precision|r2)")

_Row = tuple[bytes, bytes, tuple[int, int]]


def _located(pair: re.Pattern[bytes]) -> Locate:
    def locate(text: bytes) -> Fields | None:
        head = _HEAD.search(text)
        if head is None:
            return None
        rows = [(m[1], m[2], m.span(3)) for m in pair.finditer(text, head.end())]
        fields = _losses(rows) + _areas(rows)
        return [("step", *head.span(1)), *fields] if fields else None

    return locate


def _losses(rows: Sequence[_Row]) -> list[tuple[str, int, int]]:
    falling = [row for row in rows if not _RISE.match(row[1])]
    mine = [row for row in falling if row[1] == falling[0][1]]
    held_out = [row for row in mine if _is_held_out(row, mine)]
    train = [row for row in mine if row not in held_out]
    return [("loss", *row[2]) for row in train[:1]] + [
        ("val_loss", *row[2]) for row in held_out[-1:]
    ]


def _areas(rows: Sequence[_Row]) -> list[tuple[str, int, int]]:
    areas = [row for row in rows if row[1].startswith(b"auc")]
    return [("val_auc", *row[2]) for row in areas if _is_held_out(row, areas)][-1:]


def _is_held_out(row: _Row, rows: Sequence[_Row]) -> bool:
    if _TRAIN.match(row[0]):
        return False
    numbered = row[0].startswith(b"validation_")
    if numbered and len(rows) > 1:
        return row is not rows[0]
    return bool(_HELD_OUT.match(row[0])) or row is not rows[0]


XGBOOST = Format(
    name="xgboost",
    units=ANY_LOSS,
    written_by="XGBoost",
    samples=("[10]\ttrain-rmse:0.51234\teval-rmse:0.61234",),
    patterns=(
        LinePattern("[N] set-metric:", _located(_XGBOOST), needs=(b"]", b"-", b":")),
    ),
)

LIGHTGBM = Format(
    name="lightgbm",
    units=ANY_LOSS,
    written_by="LightGBM",
    samples=("[100]\ttraining's binary_logloss: 0.31\tvalid_1's binary_logloss: 0.42",),
    patterns=(LinePattern("[N] set's metric:", _located(_LIGHTGBM), needs=(b"'s ",)),),
)

CATBOOST = Format(
    name="catboost",
    units=ANY_LOSS,
    written_by="CatBoost",
    samples=("100:\tlearn: 0.6911\ttest: 0.6914\tbest: 0.6914 (0)\ttotal: 50ms",),
    patterns=(
        line(
            "N: learn: test:",
            rb"^"
            + STEP
            + rb":\s+learn: "
            + named("loss")
            + later(rb"\btest: " + named("val_loss")),
            needs=(b"learn: ",),
        ),
    ),
)
