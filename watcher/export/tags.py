"""Names of metrics in other tools: `train/loss`, `eval/loss`, `perf/iter_ms`."""

from types import MappingProxyType
from typing import Final
from urllib.parse import quote

from parsers.metrics import METRICS
from watcher.outputs.text.escape import clean


_EVAL: Final = frozenset({"train_loss", "hellaswag", "core", "chatcore"})
_PERF: Final = frozenset(
    {"iter_ms", "step_avg_ms", "train_time_ms", "eval_ms", "mfu", "tflops"}
    | {"tokens_per_s", "samples_per_s", "iters_per_s", "memory_mib"}
)
_VALIDATION: Final = "val_"
_BYTES: Final = 200


def _known(metric: str) -> str:
    if metric.startswith(_VALIDATION):
        return f"eval/{metric.removeprefix(_VALIDATION)}"
    if metric in _EVAL:
        return f"eval/{metric}"
    return f"perf/{metric}" if metric in _PERF else f"train/{metric}"


TAGS: Final = MappingProxyType({metric: _known(metric) for metric in METRICS})


def tag(metric: str) -> str:
    """The tag of a metric; a name that gptwatch does not know passes, cleaned."""
    return TAGS.get(metric) or quote(clean(metric), safe="/ _-.")[:_BYTES]
