r"""The text exposition format of Prometheus, version 0.0.4.

# HELP gptwatch_run_loss training loss of the iteration
# TYPE gptwatch_run_loss gauge
gptwatch_run_loss{run="a.log",unit="nats"} 1.25
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final


CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
GAUGE: Final = "gauge"
COUNTER: Final = "counter"


@dataclass(frozen=True, slots=True)
class Family:
    """A metric: its name, what kind it is, and its samples.

    Attributes:
        name: with the unit; counters end in `_total`.
        kind: GAUGE or COUNTER.
        help: one line for people.
        samples: labels as `labels` writes them, and a value.
    """

    name: str
    kind: str
    help: str
    samples: Sequence[tuple[str, float]] = ()


def labels(pairs: Mapping[str, str]) -> str:
    """Labels as they stand between the braces."""
    return ",".join(f'{name}="{escaped(value)}"' for name, value in pairs.items())


def escaped(value: str) -> str:
    r"""A label's value: backslash, quote and newline escaped."""
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def lines(families: Iterable[Family]) -> Iterator[str]:
    """Every family that has samples, heading first."""
    for family in families:
        if not family.samples:
            continue
        text = family.help.replace("\\", "\\\\").replace("\n", "\\n")
        yield f"# HELP {family.name} {text}\n# TYPE {family.name} {family.kind}\n"
        yield "".join(
            f"{family.name}{{{found}}} {number(value)}\n"
            if found
            else f"{family.name} {number(value)}\n"
            for found, value in family.samples
        )


def number(value: float) -> str:
    """A value as Prometheus parses it."""
    if math.isfinite(value):
        return repr(value)
    if math.isnan(value):
        return "NaN"
    return "+Inf" if value > 0 else "-Inf"
