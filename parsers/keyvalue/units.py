"""Units behind the numbers of free text, and what they make of a value."""

from collections.abc import Mapping
from typing import Final

from parsers.metrics import METRICS


_TIMES: Final = {"ms": 1.0, "us": 1e-3, "s": 1e3, "sec": 1e3, "secs": 1e3, "min": 6e4}
_BYTES: Final = {"M": 1.0, "MB": 1.0, "MiB": 1.0, "G": 1024.0, "GB": 1024.0}
_BYTES_ALL: Final = _BYTES | {"GiB": 1024.0}
COUNTS: Final = {"k": 1e3, "K": 1e3, "M": 1e6, "B": 1e9}
UNITS: Final[Mapping[str, Mapping[str, float]]] = {
    **dict.fromkeys(("iter_ms", "step_avg_ms", "train_time_ms", "eval_ms"), _TIMES),
    **dict.fromkeys(("tokens", "tokens_per_s"), COUNTS),
    "memory_mib": _BYTES_ALL,
    "accuracy": {"%": 0.01},
    "val_accuracy": {"%": 0.01},
    "mfu": {"%": 1.0},
}
# What these name depends on the unit.
BY_UNIT: Final = {
    **dict.fromkeys(("time", "dt", "iter_time", "step_time"), ("iter_ms", {"ms": 1.0})),
    **dict.fromkeys(
        (
            "mem",
            "memory",
            "gpu_mem",
            "gpu_memory",
            "peak_mem",
            "max_mem",
            "vram",
            "gpu",
        ),
        ("memory_mib", _BYTES_ALL),
    ),
}
FACTORS: Final = (1e-3, 0.01, 1e3, 1024.0, 6e4, 1e6, 1e9)
# Factors of the groups that `Statement.fields` names.
SCALE: Final = {
    f"{metric}__{i}": factor for metric in METRICS for i, factor in enumerate(FACTORS)
} | {"iter_ms__s": 1e3}
