"""leggedrobotics/rsl_rl, as Isaac Lab and legged_gym run it.

                      Learning iteration 10/1500
                           Computation: 42000 steps/s (collection: 1.2s, learning 0.3s)
                   Mean value_function loss: 0.0123
                        Mean surrogate loss: -0.0012
                                Mean reward: 0.51
                        Mean episode length: 20.10

A block begins with the iteration.
"""

from parsers.format import Format, LinePattern, line
from parsers.metrics import ANY_LOSS
from parsers.patterns import MAX_STEPS, STEP, named


def _mean(what: bytes, metric: str, *, hit: bool = False) -> LinePattern:
    return line(
        f"Mean {what.decode()}:",
        rb"\bMean " + what + rb": +" + named(metric),
        needs=(b"Mean ",),
        step="previous",
        hit=hit,
    )


RSL_RL = Format(
    name="rsl_rl",
    units=ANY_LOSS,
    written_by="leggedrobotics/rsl_rl (Isaac Lab, legged_gym)",
    samples=(
        "                       Learning iteration 10/1500",
        "                    Mean surrogate loss: -0.0012",
        "                            Mean reward: 0.51",
    ),
    patterns=(
        line(
            "Learning iteration N/N",
            rb"\bLearning iteration " + STEP + rb"/" + MAX_STEPS,
            needs=(b"Learning iteration ",),
            step="none",
            hit=False,
        ),
        _mean(rb"surrogate loss", "loss", hit=True),
        _mean(rb"value(?:_function| function)? loss", "value_loss"),
        _mean(rb"(?:total )?reward", "reward", hit=True),
        _mean(rb"episode length", "episode_length"),
        _mean(rb"entropy(?: loss)?", "entropy"),
    ),
)
