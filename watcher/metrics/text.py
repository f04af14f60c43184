r"""The text exposition format of Prometheus, version 0.0.4.

# HELP gptwatch_run_loss training loss of the iteration
# TYPE gptwatch_run_loss gauge
gptwatch_run_loss{run="a.log",unit="nats"} 1.25
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final


CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS: Final = "application/openmetrics-text; version=1.0.0; charset=utf-8"
_UNITS: Final = ("seconds", "bytes", "ratio")
GAUGE: Final = "gauge"
COUNTER: Final = "counter"


@dataclass(frozen=True, slots=True)
class Family:
    """A metric: its name, what kind it is, and its samples.

    Attributes:
        name: with the unit; counters end in `_total`.
        kind: GAUGE or COUNTER.
        help: one line for people.
        samples: each as `sample` writes it.
    """

    name: str
    kind: str
    help: str
    samples: Sequence[str] = ()


def sample(labels: str, value: float) -> str:
    """What stands behind the name of a metric: `{run="a.log"} 1.25`."""
    # Nearly all are finite floats with labels, and this is quick.
    if labels and value.__class__ is float and value - value == 0:
        return f"{{{labels}}} {value:.10g}"
    return f"{{{labels}}} {number(value)}" if labels else f" {number(value)}"


def labels(pairs: Mapping[str, str]) -> str:
    """Labels as they stand between the braces."""
    return ",".join(f'{name}="{escaped(value)}"' for name, value in pairs.items())


def escaped(value: str) -> str:
    r"""A label's value: backslash, quote and newline escaped."""
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def lines(families: Iterable[Family], *, openmetrics: bool = False) -> Iterator[str]:
    """Every family that has samples, heading first; the end is that of the format."""
    heading = _openmetrics_heading if openmetrics else _heading
    for family in families:
        if not family.samples:
            continue
        yield heading(family)
        yield family.name + f"\n{family.name}".join(family.samples) + "\n"
    if openmetrics:
        yield "# EOF\n"


def _heading(family: Family) -> str:
    text = family.help.replace("\\", "\\\\").replace("\n", "\\n")
    return f"# HELP {family.name} {text}\n# TYPE {family.name} {family.kind}\n"


def _openmetrics_heading(family: Family) -> str:
    """OpenMetrics 1.0: names without their suffix, and the unit where there is one."""
    name, kind = family.name.removesuffix("_total"), family.kind
    if name.endswith("_info"):
        name, kind = name.removesuffix("_info"), "info"
    unit = next((unit for unit in _UNITS if name.endswith(f"_{unit}")), "")
    stated = f"# UNIT {name} {unit}\n" if unit else ""
    return f"# TYPE {name} {kind}\n{stated}# HELP {name} {escaped(family.help)}\n"


_SPELLED: Final = {"nan": "NaN", "inf": "+Inf", "-inf": "-Inf"}


def number(value: float) -> str:
    """A value as Prometheus parses it: counts exactly, others to ten digits."""
    if isinstance(value, int):
        return str(value)
    text = f"{value:.10g}"
    return _SPELLED.get(text, text)
