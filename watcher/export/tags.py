"""Names of metrics in other tools: `train/loss`, `eval/loss`, `perf/iter_ms`."""

from types import MappingProxyType
from typing import Final
from urllib.parse import quote

from watcher.outputs.text.escape import clean


_GROUPS: Final = MappingProxyType(
    {
        "train": (
            *("loss", "lr", "lr_scale", "grad_norm", "param_norm", "loss_scale"),
            *("epoch", "tokens", "samples", "accuracy", "reward", "aux_loss"),
            *("train_ppl", "running_loss", "epoch_loss"),
        ),
        "eval": (
            *("train_loss", "val_loss", "val_bpb", "val_ppl", "val_accuracy"),
            *("val_avg_loss", "val_ema_loss", "hellaswag", "core", "chatcore"),
        ),
        "perf": (
            *("iter_ms", "step_avg_ms", "train_time_ms", "eval_ms", "mfu", "tflops"),
            *("tokens_per_s", "samples_per_s", "iters_per_s", "memory_mib"),
        ),
    }
)
# The group says already which loss it is.
_SHORT: Final = {"val_loss": "loss", "val_accuracy": "accuracy"}
TAGS: Final = MappingProxyType(
    {
        name: f"{group}/{_SHORT.get(name, name)}"
        for group, names in _GROUPS.items()
        for name in names
    }
)
_BYTES: Final = 200


def tag(metric: str) -> str:
    """The tag of a metric; a name that gptwatch does not know passes, cleaned."""
    known = TAGS.get(metric)
    return known or quote(clean(metric), safe="/ _-.")[:_BYTES]
