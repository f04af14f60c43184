"""OpenRLHF: PPO, GRPO and REINFORCE++ (2024 to 2026).

    ... INFO ... Global step 3: {'policy_loss': -0.01, 'reward': 0.31, 'kl': 0.002, ...}

Its bars show the same; they are read where such lines are missing.
"""

from typing import Final

from parsers.format import Format
from parsers.keyvalue.pairs import AMOUNT, pairs
from parsers.metrics import ANY_LOSS
from parsers.patterns import STEP


_KEYS: Final = {
    b"policy_loss": "loss",
    b"actor_loss": "loss",
    b"reward": "reward",
    b"kl": "kl",
    b"ppo_kl": "kl",
    b"entropy": "entropy",
    b"critic_loss": "value_loss",
    b"response_length": "response_length",
    b"actor_lr": "lr",
    b"ppo_clip_ratio": "clip_fraction",
    b"actor_grad_norm": "grad_norm",
}

OPENRLHF = Format(
    name="openrlhf",
    units=ANY_LOSS,
    written_by="OpenRLHF/OpenRLHF",
    samples=(
        "INFO: Global step 3: {'policy_loss': -0.01, 'reward': 0.31, 'kl': 0.002}",
    ),
    patterns=(
        pairs(
            "Global step N: {",
            rb"\b[Gg]lobal step " + STEP + rb": \{(?=')",
            _KEYS,
            pair=rb"'(?P<key>\w{1,64}+)': (?:\w{1,16}\()?(?P<value>"
            + AMOUNT
            + rb")(?=[,)}])",
            must=("loss",),
            needs=(b"lobal step ", b": {'"),
        ),
    ),
)
