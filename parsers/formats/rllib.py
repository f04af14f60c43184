"""Ray RLlib: the results of an iteration, as Tune prints them (1.0 to 2.x).

    Result for PPO_CartPole-v1_7c8a3_00000:
      episode_reward_mean: 22.3
      info:
        learner:
          default_policy:
            learner_stats:
              entropy: 0.66
              kl: 0.027
              total_loss: 8.4
      training_iteration: 1

The keys rise, so the iteration comes last.  Of several policies the first counts.
"""

from parsers.format import Format, LinePattern, line
from parsers.metrics import ANY_LOSS
from parsers.patterns import STEP, named


def _field(key: bytes, metric: str, *, hit: bool = False) -> LinePattern:
    return line(
        f"{key.decode()}:",
        rb"^\s*+(?:\(\w+ pid=\d+\) +)?" + key + rb": " + named(metric) + rb"\s*$",
        needs=(key.rpartition(b"?")[2] + b": ",),
        step="next",
        once=True,
        hit=hit,
    )


RLLIB = Format(
    name="rllib",
    units=ANY_LOSS,
    written_by="Ray RLlib, with Tune",
    samples=(
        "  episode_reward_mean: 22.3",
        "  training_iteration: 1",
        "          total_loss: 8.4",
    ),
    patterns=(
        line(
            "training_iteration:",
            rb"^\s*+(?:\(\w+ pid=\d+\) +)?training_iteration: " + STEP + rb"\s*$",
            needs=(b"training_iteration: ",),
            step="none",
            hit=False,
        ),
        _field(rb"(?:env_runners/)?episode_reward_mean", "reward", hit=True),
        _field(rb"(?:env_runners/)?episode_return_mean", "reward", hit=True),
        _field(rb"episode_len_mean", "episode_length"),
        _field(rb"total_loss", "loss"),
        _field(rb"vf_loss", "value_loss"),
        _field(rb"kl", "kl"),
        _field(rb"entropy", "entropy"),
        _field(rb"cur_lr", "lr"),
    ),
)
