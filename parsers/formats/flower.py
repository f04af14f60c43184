"""Flower: federated learning, by rounds.

    INFO :      [ROUND 1]
    INFO :      -> loss: 12.8
    INFO :      fit progress: (1, 2.31, {'accuracy': 0.11}, 12.3)
    INFO :            round 1: 2.29                          (of the history at the end)

What clients print belongs to the round.  The evaluation of a round on the server is its
validation; without one it is that of the clients, which stands in the history.
"""

from parsers.format import Format, line
from parsers.metrics import ANY_LOSS
from parsers.patterns import STEP, named


FLOWER = Format(
    name="flower",
    units=ANY_LOSS,
    written_by="Flower (flwr) servers and simulations",
    samples=(
        "INFO :      [ROUND 1]",
        "INFO :      -> loss: 12.8",
        "INFO :      fit progress: (1, 2.31, {'accuracy': 0.11}, 12.3)",
        "INFO :      \t\tround 1: 2.29",
    ),
    patterns=(
        line(
            "[ROUND N]",
            rb"\[ROUND " + STEP + rb"\]",
            needs=(b"[ROUND ",),
            step="none",
            hit=False,
        ),
        line(
            "-> loss:",
            rb"-> (?:train_)?loss: +" + named("loss") + rb"\s*$",
            needs=(b"-> ", b"loss: "),
            step="previous",
        ),
        line(
            "-> lr:",
            rb"-> lr: +" + named("lr") + rb"\s*$",
            needs=(b"-> lr: ",),
            step="previous",
            hit=False,
        ),
        line(
            "fit progress: (",
            rb"\bfit progress: \(" + STEP + rb", " + named("val_loss") + rb",",
            needs=(b"fit progress: (",),
        ),
        line(
            "round N:",
            rb"INFO ?:\s+round " + STEP + rb": " + named("test_loss") + rb"\s*$",
            needs=(b"round ",),
            stands_in={"test_loss": "val_loss"},
        ),
    ),
)
