"""fairseq, 2018 to 2023, in each of its `--log-format`s.

    ... | INFO | train_inner | epoch 001:      2 / 50000 loss=14.191, ppl=18701.8, ...
    ... | INFO | train_inner | {"epoch": 1, "update": 0.002, "loss": "18.665", ...}
    [2022-03-28 18:18:15,310][train_inner][INFO] - {"epoch": 1, "update": 0.288, ...}
    ... | INFO | valid | epoch 001 | valid on 'valid' subset | loss 9.189 | ppl 583 ...
    ... | INFO | train | epoch 001 | loss 11.87 | ppl 3743.49 | ...
    | epoch 010  2000 / 8223 loss=1.27 (1.50), wps=962, ...
    | epoch 010 | valid on 'valid' subset | valid loss 1.94 | valid ppl 3.83

Losses are in bits (base 2).  The step is `num_updates`; what printed none in 2018
counts batches within an epoch.  `train` lines are means of an epoch, `best_loss` is
the best so far.  Of several validation subsets the first counts.
"""

from typing import Final

from parsers.format import Format
from parsers.keyvalue.pairs import AMOUNT, pairs
from parsers.patterns import COUNT, STEP, named


_KEYS: Final = {
    b"loss": "loss",
    b"ppl": "train_ppl",
    b"accuracy": "accuracy",
    b"wps": "tokens_per_s",
    b"ups": "iters_per_s",
    b"num_updates": "step",
    b"lr": "lr",
    b"gnorm": "grad_norm",
    b"loss_scale": "loss_scale",
    b"update": "epoch",
    b"wall": "train_time_ms",
}
_VALID: Final = {
    b"loss": "val_loss",
    b"ppl": "val_ppl",
    b"accuracy": "val_accuracy",
    b"num_updates": "step",
}
_EPOCH: Final = {
    b"loss": "epoch_loss",
    b"num_updates": "step",
}
_JSON: Final = rb'"(?P<key>\w+)": "?(?P<value>' + AMOUNT + rb')"?(?=[,}])'
_VALID_JSON: Final = _JSON.replace(b'"(?P<key>', b'"valid_(?P<key>')
_TRAIN_JSON: Final = _JSON.replace(b'"(?P<key>', b'"train_(?P<key>')
_EQUALS: Final = rb"[ ,](?P<key>\w+)=(?P<value>" + AMOUNT + rb")"
_COLUMN: Final = (
    rb"\| *(?:(?:valid|train)[ _])?(?P<key>[a-z_]+) +(?P<value>"
    + AMOUNT
    + rb")%?(?= *(?:\||$))"
)
_SECONDS: Final = {"train_time_ms": 1000}
_SUBSET: Final = rb"\| valid on '[^']+' subset \|"
_MEAN: Final = rb"\bepoch \d+ \| (?:train )?loss "
_BATCH: Final = rb"\bepoch \d+:? +(?:\d+ / \d+ |\d+%\|.{0,999}, )loss="
_NUMBERED: Final = (
    rb"\bepoch "
    + named("epoch_no", COUNT)
    + rb":? +"
    + STEP
    + rb" / "
    + named("per_epoch", COUNT)
    + rb" loss="
)

FAIRSEQ = Format(
    name="fairseq",
    written_by="facebookresearch/fairseq logging/progress_bar.py",
    samples=(
        (
            "2020-12-17 11:13:54 | INFO | train_inner | epoch 001:      2 / 50000"
            " loss=14.191, ppl=18701.8, wps=6547.7, ups=6.39, num_updates=2, lr=0.0003"
        ),
        (
            '2020-12-10 12:22:16 | INFO | train_inner | {"epoch": 1, "update": 0.002,'
            ' "loss": "18.665", "ppl": "415522", "num_updates": "25", "lr": "1e-05"}'
        ),
        (
            "[2022-03-28 18:18:15,310][train_inner][INFO] - "
            '{"epoch": 1, "update": 0.288, "loss": "9.427", "num_updates": "200"}'
        ),
        (
            '2020-12-10 14:11:02 | INFO | valid | {"epoch": 1, "valid_loss": "8.535",'
            ' "valid_ppl": "370.93", "valid_num_updates": "10000"}'
        ),
        (
            '2020-12-10 14:11:02 | INFO | train | {"epoch": 1, "train_loss": "8.535",'
            ' "train_ppl": "370.93", "train_num_updates": "10000"}'
        ),
        (
            "2020-12-17 11:38:15 | INFO | valid | epoch 001 | valid on 'valid' subset |"
            " loss 9.189 | ppl 583.79 | wps 35091.7 | num_updates 10"
        ),
        (
            "2020-12-17 11:38:15 | INFO | train | epoch 001 | loss 11.87 | ppl 3743 |"
            " num_updates 10 | lr 0.0003"
        ),
        "| epoch 010  2000 / 8223 loss=1.27 (1.50), wps=962, wpb=908, lr=0.001",
        "| epoch 010 | valid on 'valid' subset | valid loss 1.94 | valid ppl 3.83",
        "| epoch 010 | train loss 1.44 | train ppl 2.72 | words/s    961",
    ),
    patterns=(
        pairs(
            "train_inner, num_updates=",
            _BATCH,
            _KEYS,
            pair=_EQUALS,
            must=("loss", "step"),
            needs=(b"epoch ", b"loss=", b"num_updates="),
            scale=_SECONDS,
            once=True,
        ),
        pairs(
            "epoch E N / N",
            _NUMBERED,
            {key: name for key, name in _KEYS.items() if name != "step"},
            pair=_EQUALS,
            needs=(b"epoch ", b" / ", b"loss="),
            scale=_SECONDS,
        ),
        pairs(
            "train_inner, JSON",
            rb'\{"epoch": \d+, "update": ',
            _KEYS,
            pair=_JSON,
            must=("loss", "step"),
            needs=(b'"update": ', b'"num_updates"'),
            scale=_SECONDS,
        ),
        pairs(
            "valid, JSON",
            rb'\{"epoch": ',
            _VALID,
            pair=_VALID_JSON,
            must=("val_loss", "step"),
            needs=(b'"valid_loss"',),
            once=True,
        ),
        pairs(
            "train, JSON",
            rb'\btrain\b.{0,999}\{"epoch": ',
            _EPOCH,
            pair=_TRAIN_JSON,
            must=("epoch_loss", "step"),
            needs=(b'"train_loss"', b'"train_num_updates"'),
        ),
        pairs(
            "valid | num_updates",
            _SUBSET,
            _VALID,
            pair=_COLUMN,
            must=("val_loss", "step"),
            needs=(b"| valid on '", b"num_updates"),
            once=True,
        ),
        pairs(
            "valid |",
            _SUBSET,
            {key: name for key, name in _VALID.items() if name != "step"},
            pair=_COLUMN,
            must=("val_loss",),
            needs=(b"| valid on '",),
            step="previous",
        ),
        pairs(
            "train | num_updates",
            _MEAN,
            _EPOCH,
            pair=_COLUMN,
            must=("epoch_loss", "step"),
            needs=(b"epoch ", b"loss ", b"num_updates"),
        ),
        pairs(
            "train |",
            _MEAN,
            {b"loss": "epoch_loss"},
            pair=_COLUMN,
            must=("epoch_loss",),
            needs=(b"epoch ", b"loss "),
            step="previous",
        ),
    ),
    units=dict.fromkeys(("loss", "val_loss", "epoch_loss"), "bits/token"),
)
