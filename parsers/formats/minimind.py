"""jingyaogong/minimind trainers (and baby-llama2-chinese, which prints the same line).

    Epoch:[1/1](100/44173) loss:6.460 lr:0.000549993677 epoch_Time:115.0min:
    Epoch:[1/2](100/44160), loss: 6.4601, logits_loss: 6.4601, aux_loss: 0.0000, lr: ...

    Epoch:[1/1](1/900), Reward: -2.1, KL_ref: -0.001, Actor Loss: 0.0, Avg Response ...

The second is of 2025-12 and later, the third of reinforcement learning.  The iterations
are micro-batches and start again in each epoch; the axis counts on.
"""

from typing import Final

from parsers.format import Format, line
from parsers.keyvalue.pairs import AMOUNT, END, pairs
from parsers.patterns import COUNT, START, STEP, later, named


_HEAD: Final = (
    START
    + rb"Epoch: ?\["
    + named("epoch_no", COUNT)
    + rb"/\d+\]\("
    + STEP
    + rb"/"
    + named("per_epoch", COUNT)
    + rb"\)"
)
_RL_KEYS: Final = {
    b"Reward": "reward",
    b"KL_ref": "kl",
    b"KL": "kl",
    b"Approx KL": "kl",
    b"Actor Loss": "loss",
    b"Policy Loss": "loss",
    b"Critic Loss": "value_loss",
    b"ClipFrac": "clip_fraction",
    b"Avg Response Len": "response_length",
    b"Learning Rate": "lr",
    b"Actor LR": "lr",
}

MINIMIND = Format(
    name="minimind",
    written_by="jingyaogong/minimind trainer/train_*.py",
    samples=(
        "Epoch:[1/1](100/44173) loss:6.460 lr:0.000549993677 epoch_Time:115.0min:",
        (
            "Epoch:[1/2](100/44160), loss: 6.4601, logits_loss: 6.4601, "
            "aux_loss: 0.0000, lr: 0.00054999, epoch_time: 115.0min"
        ),
        "Epoch:[1/1](1/900), Reward: -2.1000, KL_ref: -0.0010, Actor Loss: 0.0000",
    ),
    patterns=(
        line(
            "Epoch:[E/E](N/N) loss: lr:",
            _HEAD
            + rb",?.{0,999}?\bloss: ?"
            + named("loss")
            + later(rb"\baux_loss: ?" + named("aux_loss"))
            + later(rb"\b(?:lr|learning_rate): ?" + named("lr")),
            needs=(b"Epoch:", b"](", b"loss:"),
        ),
        pairs(
            "Epoch:[E/E](N/N), Reward:",
            _HEAD + rb", ",
            _RL_KEYS,
            pair=rb"(?<=, )(?P<key>[A-Z]\w{0,32}+(?: \w{1,32}+){0,3}+): (?P<value>"
            + AMOUNT
            + rb")"
            + END,
            must=("reward",),
            needs=(b"Epoch:", b"](", b"Reward: "),
        ),
    ),
)
