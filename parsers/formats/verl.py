"""volcengine/verl: PPO, GRPO and their kin (2024 to 2026), and its SFT trainer.

    (TaskRunner pid=4711) step:1 - actor/pg_loss:-0.0123 - critic/score/mean:0.31 - ...
    step:20 - val-core/openai/gsm8k/acc/mean@1:0.512
    step:10 - train/loss:0.512 - train/lr(1e-3):0.001
    step:1 - actor/pg_loss:np.float64(-0.0123) - ...              (with numpy 2)

The loss is that of the policy.  Of several validation sets the first counts.
"""

import re
from typing import Final

from parsers.format import Fields, Format, LinePattern
from parsers.keyvalue.pairs import AMOUNT, END
from parsers.metrics import ANY_LOSS
from parsers.patterns import COUNT


_HEAD: Final = re.compile(rb"\bstep:(" + COUNT + rb") - (?=[a-z])")
_PAIR: Final = re.compile(
    rb"(?<= - )([a-z][\w/@.()-]{0,127}+):(?:np\.\w{1,16}+\()?(" + AMOUNT + rb")" + END
)
_VALIDATION: Final = re.compile(
    rb"val(?:-core|-aux)?/.{0,200}?(?:/(?:acc|score|reward)/mean@\d+|test_score)"
)
_KEYS: Final = {
    b"actor/pg_loss": "loss",
    b"actor/loss": "loss",
    b"train/loss": "loss",
    b"val/loss": "val_loss",
    b"critic/score/mean": "reward",
    b"critic/rewards/mean": "reward",
    b"critic/vf_loss": "value_loss",
    b"actor/entropy": "entropy",
    b"actor/entropy_loss": "entropy",
    b"actor/kl_loss": "kl",
    b"actor/ppo_kl": "kl",
    b"actor/pg_clipfrac": "clip_fraction",
    b"actor/grad_norm": "grad_norm",
    b"train/grad_norm": "grad_norm",
    b"actor/lr": "lr",
    b"perf/mfu/actor": "mfu",
    b"perf/throughput": "tokens_per_s",
    b"response_length/mean": "response_length",
    b"timing_s/step": "iter_ms",
    b"training/epoch": "epoch",
}
_POINTS: Final = {"loss", "val_loss", "reward", "val_reward"}


def _locate(text: bytes) -> Fields | None:
    head = _HEAD.search(text)
    if head is None:
        return None
    spans: dict[str, tuple[int, int]] = {}
    for pair in _PAIR.finditer(text, head.end() - 3):
        metric = _KEYS.get(pair[1])
        if metric is None and _VALIDATION.match(pair[1]):
            metric = "val_reward"
        if metric:
            spans.setdefault(metric, pair.span(2))
    if _POINTS.isdisjoint(spans):
        return None
    return [("step", *head.span(1)), *((name, *at) for name, at in spans.items())]


VERL = Format(
    name="verl",
    units=ANY_LOSS,
    written_by="volcengine/verl",
    samples=(
        "(TaskRunner pid=4711) step:1 - actor/pg_loss:-0.0123 - critic/score/mean:0.31",
        "step:20 - val-core/openai/gsm8k/acc/mean@1:0.512",
        "step:10 - train/loss:0.512 - train/lr(1e-3):0.001",
    ),
    patterns=(
        LinePattern(
            "step:N - key:value -",
            _locate,
            needs=(b"step:", b" - "),
            scale={"iter_ms": 1000, "mfu": 100},
        ),
    ),
)
