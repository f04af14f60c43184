"""A finding in a sentence, and what may be done about it."""

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict
from types import MappingProxyType
from typing import Any, Final

from watcher.analysis.finding import Finding
from watcher.outputs import text
from watcher.outputs.text.finding_numbers import (
    count,
    duration,
    integer,
    loss,
    percent,
    rate,
    rise,
)
from watcher.outputs.text.finding_templates import (
    ADVICE,
    NOUNS,
    PARTS,
    WORDS,
    first_large,
    language,
    pick,
    shortened,
    word,
)


# A line of a log may be long; its end says less than its beginning.
_QUOTE: Final = 160
_NATS: Final = ("", "nats/token")
_MS: Final = 1000.0
# Their sentences say themselves when it was over, or that it was short.
_TELL_THE_END: Final = ("overfitting", "spike")


def sentence(finding: Finding, lang: str = "en") -> str:
    """What a finding says, with its numbers; numbers it lacks are left unsaid."""
    lang = language(lang)
    if finding.rule not in PARTS:
        name = first_large(finding.rule.replace("_", " "))
        return word("rule", lang).format(name, integer(finding.step, lang))
    text = _filled(pick(PARTS[finding.rule], lang), values(finding, lang))
    text = first_large(text)
    if finding.cleared_step is None or finding.rule in _TELL_THE_END:
        return text
    end = integer(finding.cleared_step, lang)
    how = "again" if finding.cleared_step < finding.step else "over"
    how = "onward" if finding.rule == "crashed" else how
    return text.removesuffix(".") + "." + word(how, lang).format(end)


def advice(finding: Finding, lang: str = "en") -> str:
    """What may be done about it, in a line; "" for a rule that is not known."""
    lang = language(lang)
    outcome = finding.evidence.get("outcome")
    key = outcome if outcome in ADVICE else finding.rule
    text = pick(ADVICE.get(str(key), ("", "")), lang)
    return _filled(text, values(finding, lang))


def _filled(template: str, known: Mapping[str, str]) -> str:
    """The parts between bars whose names are all known, joined."""
    parts = []
    for part in template.split("|"):
        try:
            parts.append(part.format_map(known))
        except KeyError:
            continue
    return "".join(parts)


def values(finding: Finding, lang: str) -> dict[str, str]:
    """Text for every name that a sentence may hold and that is known."""
    start = finding.step if finding.since_step is None else finding.since_step
    found = _words(finding, lang) | {
        "step": integer(finding.step, lang),
        "since_step": integer(start, lang),
    }
    unit = str(finding.evidence.get("unit") or "")
    for name, value in finding.evidence.items():
        if isinstance(value, str):
            found.setdefault(name, shortened(value, _QUOTE))
        elif value is not None and math.isfinite(value):
            found[name] = _number(name, value, unit, lang)
    return found


def _words(finding: Finding, lang: str) -> dict[str, str]:
    metric = str(finding.evidence.get("metric") or "loss")
    known = word(metric, lang) if metric in WORDS else metric
    outcome = str(
        finding.evidence.get("outcome") or finding.evidence.get("end") or "crashed"
    )
    sure = finding.confirmed_step is not None
    begun = finding.evidence.get("records") != 0
    where = {"reached": integer(finding.step, lang)} if begun else {"unreached": ""}
    return where | {
        "metric": known,
        "Metric": first_large(known),
        "value": str(finding.evidence.get("value") or word("not a number", lang)),
        "Overfitting": word("overfitting" if sure else "probably", lang),
        "Crashed": word(outcome if outcome in WORDS else "crashed", lang),
        "since": _since(finding, lang),
    }


def _since(finding: Finding, lang: str) -> str:
    start = finding.step if finding.since_step is None else finding.since_step
    text = integer(start, lang)
    if finding.cleared_step is None:
        return word("since", lang).format(text)
    how = "until" if finding.cleared_step < finding.step else "from"
    return word(how, lang).format(text, integer(finding.cleared_step, lang))


# How a number is written, by the end of its name in the evidence.
_BY_END: Final[Mapping[str, Callable[[float, str], str]]] = MappingProxyType(
    {
        "step": integer,
        "share": percent,
        "share_after": percent,
        "change": percent,
        "mfu": lambda value, lang: percent(value / 100, lang),
        "ms": lambda value, lang: duration(value / _MS, lang),
        "_s": duration,
        "classes": integer,
        "skipped": integer,
        "factor": lambda value, _: f"{value:.2f}",
        "every": lambda value, lang: count(int(value), "steps", lang),
    }
)

_DIFFERENT: Final[Mapping[str, Callable[[float, str], str]]] = MappingProxyType(
    {"rise": rise, "now_rate": rate, "before_rate": rate}
)


def _number(name: str, value: float, unit: str, lang: str) -> str:
    """One number of the evidence as people read it."""
    if name in NOUNS:
        return count(int(value), name, lang)
    write = next((w for end, w in _BY_END.items() if name.endswith(end)), None)
    if write is not None:
        return write(value, lang)
    special = _DIFFERENT.get(name)
    text = special(value, lang) if special else loss(value, lang)
    told = special is not None and unit not in _NATS
    return f"{text} {word(unit, lang) if unit in WORDS else unit}" if told else text


def as_dict(finding: Finding, lang: str) -> dict[str, Any]:
    """A finding of plain JSON types, with what it says."""
    return asdict(finding) | {
        "message": text.sentence(finding, lang),
        "advice": text.advice(finding, lang),
    }
