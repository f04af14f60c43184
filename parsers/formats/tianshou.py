"""Tianshou.

    Epoch #1: 10001it [00:12, 812.20it/s, env_step=10000, len=200, loss=1.2, rew=195.1]
    Epoch #1: test_reward: 195.100000 ± 1.2, best_reward: 195.100000 ± 1.2 in #1

Every epoch has a bar of its own; `env_step` counts on.
"""

from typing import Final

from parsers.format import Format, line
from parsers.keyvalue.pairs import AMOUNT, pairs
from parsers.metrics import ANY_LOSS
from parsers.patterns import COUNT, STEP, named


_KEYS: Final = {
    b"loss": "loss",
    b"loss/actor": "loss",
    b"loss/critic": "value_loss",
    b"loss/vf": "value_loss",
    b"loss/ent": "entropy",
    b"rew": "reward",
    b"len": "episode_length",
}

TIANSHOU = Format(
    name="tianshou",
    units=ANY_LOSS,
    written_by="Tianshou",
    samples=(
        (
            "Epoch #1: 10001it [00:12, 812.20it/s, env_step=10000, len=200, "
            "loss=1.2, n/ep=0, n/st=10, rew=195.1]"
        ),
        "Epoch #1: test_reward: 195.100000 ± 1.2, best_reward: 195.1 ± 1.2 in #1",
    ),
    patterns=(
        pairs(
            "Epoch #N: bar with env_step",
            rb"\bEpoch #"
            + named("epoch", COUNT)
            + rb": .{0,200}?\benv_step="
            + STEP
            + rb"\b",
            _KEYS,
            pair=rb"(?<=[ ,])(?P<key>[a-z][a-z/]{0,32}+)=(?P<value>"
            + AMOUNT
            + rb")(?=[,\]])",
            must=(),
            needs=(b"Epoch #", b"env_step="),
            once=True,
        ),
        line(
            "Epoch #N: test_reward:",
            rb"\bEpoch #\d+: test_reward: " + named("val_reward"),
            needs=(b"Epoch #", b"test_reward: "),
            step="previous",
        ),
    ),
)
