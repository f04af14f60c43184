"""The message of a finding, and the advice that goes with it."""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict
from types import MappingProxyType
from typing import Any, Final

from watcher.analysis.finding import Finding
from watcher.outputs.text import numbers
from watcher.outputs.text.catalog import language, message, tr
from watcher.outputs.text.finding_templates import ADVICE, PARTS


# A line of a log may be long; its beginning matters most.
_QUOTE: Final = 160
_NATS: Final = ("", "nats/token")
_MS: Final = 1000.0
# Their sentences state themselves when the finding ended.
_STATE_THEIR_END: Final = ("overfitting", "spike", "gradient_spike")

_METRICS: Final = MappingProxyType(
    {
        "loss": message("training loss"),
        "train_loss": message("training loss"),
        "val_loss": message("validation loss"),
        "val_bpb": message("validation loss"),
        "val_accuracy": message("validation accuracy"),
    }
)
_TASKS: Final = MappingProxyType(
    {
        "val_accuracy": message("accuracy"),
        "val_f1": "F1",
        "val_auc": "AUC",
        "val_map": "mAP",
        "map50": "mAP50",
        "val_iou": "IoU",
        "val_dice": "Dice",
        "val_bleu": "BLEU",
        "val_rouge": "ROUGE",
        "val_wer": "WER",
        "val_cer": "CER",
        "hellaswag": "HellaSwag",
        "core": "CORE",
        "chatcore": "ChatCORE",
        "reward": message("reward"),
    }
)
# Steps only before or after a number: other ones stay steps.
_EPOCHS: Final = (
    (re.compile(r"\b(?<!optimizer )step(?= \d)"), "epoch"),
    (re.compile(r"(?<=\d )steps\b"), "epochs"),
    (re.compile(r"(?<=\d )step\b"), "epoch"),
    (re.compile(r"\ban iteration takes\b"), "an epoch takes"),
    (re.compile(r"\bитерация занимает\b"), "эпоха занимает"),
    (re.compile(r"\bшаг(?= \d)"), "эпоха"),
    (re.compile(r"\bшага(?= \d)"), "эпохи"),
    (re.compile(r"\bшаг[еу](?= \d)"), "эпохе"),
    (re.compile(r"(?<=\d[ \u00a0])шаг\b"), "эпоху"),
    (re.compile(r"(?<=\d[ \u00a0])шага\b"), "эпохи"),
    (re.compile(r"(?<=\d[ \u00a0])шагов\b"), "эпох"),
)
_FACTS: Final = ("flat", "unaffected")
# Which steps of a sentence have their epoch beside them: each at one place.
_WITH_EPOCH: Final = {"step": "epoch", "since_step": "since_epoch"}
_WITH_EPOCHS: Final = {"overfitting": {"since": "since_epoch"}}
# An exception without a message, of which few know what it means.
_NO_DATA: Final = re.compile(r"StopIteration:?")
_OUTCOMES: Final = MappingProxyType(
    {
        "gone": message("process exited without an error message"),
        "crashed": message("crashed"),
        "out of memory": message("out of memory"),
        "killed": message("killed"),
        "cancelled": message("cancelled"),
        "interrupted": message("interrupted"),
    }
)
_CYRILLIC: Final = re.compile("[а-яё]")
_FIELDS: Final = frozenset(Finding.__slots__)
_NEEDED: Final = frozenset({"rule", "severity", "step"})


def sentence(finding: Finding, lang: str = "en") -> str:
    """The finding with its evidence; parts whose evidence is missing are left out.

    Spaces inside a quantity are no-break spaces.
    """
    if finding.rule not in PARTS:
        name = capitalized(finding.rule.replace("_", " "))
        step = numbers.integer(finding.step, lang)
        return tr(lang, "{rule} at step {step}.", rule=name, step=step)
    template = tr(lang, PARTS[finding.rule][0])
    text = capitalized(_filled(template, values(finding, lang)))
    if finding.cleared_step is not None and finding.rule not in _STATE_THEIR_END:
        text = f"{text.removesuffix('.')}. {_end(finding, lang)}"
    return in_epochs(text) if finding.evidence.get("counts") == "epoch" else text


def translated(finding: Mapping[str, Any], lang: str) -> dict[str, Any]:
    """A finding as it is kept, with its sentences in a language.

    Those that are kept in it stay; another version may have kept more, or less.
    """
    kept = "ru" if _CYRILLIC.search(str(finding.get("message", ""))) else "en"
    if kept == language(lang) and "message" in finding:
        return {"advice": "", **finding}
    known = {name: value for name, value in finding.items() if name in _FIELDS}
    if not known.keys() >= _NEEDED:
        return {"message": "", "advice": "", **finding}
    record = Finding(**known)
    texts = {"message": sentence(record, lang), "advice": advice(record, lang)}
    return {**finding, **texts}


def in_epochs(text: str) -> str:
    """The text of a log whose steps are epochs, with them called so."""
    for pattern, epoch in _EPOCHS:
        text = pattern.sub(epoch, text)
    return text


def _end(finding: Finding, lang: str) -> str:
    """How a finding ended, in a sentence."""
    assert finding.cleared_step is not None
    step = numbers.integer(finding.cleared_step, lang)
    if finding.rule == "crashed":
        return tr(lang, "The run resumed from step {step}.", step=step)
    if finding.cleared_step < finding.step:
        return tr(lang, "The run then restarted from step {step}.", step=step)
    return tr(lang, "Resolved at step {step}.", step=step)


def advice(finding: Finding, lang: str = "en") -> str:
    """What to do about it, in a line; "" where there is nothing to do."""
    outcome = finding.evidence.get("outcome")
    key = str(outcome if outcome in ADVICE else finding.rule)
    key = "task" if finding.evidence.get("task") else key
    if key not in ADVICE:
        return ""
    text = _filled(tr(lang, ADVICE[key][0]), values(finding, lang))
    return in_epochs(text) if finding.evidence.get("counts") == "epoch" else text


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
    """Text for every placeholder of a template whose value is known."""
    start = finding.step if finding.since_step is None else finding.since_step
    found = _words(finding, lang) | {
        "step": numbers.integer(finding.step, lang),
        "since_step": numbers.integer(start, lang),
    }
    for name, key in _WITH_EPOCHS.get(finding.rule, _WITH_EPOCH).items():
        found[name] += _epoch(finding, key, lang)
    unit = str(finding.evidence.get("unit") or "")
    for name, value in finding.evidence.items():
        if isinstance(value, str):
            found.setdefault(name, truncated(value, _QUOTE))
        elif value is not None and math.isfinite(value):
            found[name] = _number(name, value, unit, lang)
    if finding.rule == "gradient_spike":
        found |= _norms(finding)
    if finding.rule == "crashed" and _NO_DATA.fullmatch(found.get("text", "")):
        found["text"] += f" ({tr(lang, 'the data ran out')})"
    if "task_step" in found:
        found["task_step"] += _epoch(finding, "task_epoch", lang)
    return found


def _norms(finding: Finding) -> dict[str, str]:
    known = ((key, finding.evidence.get(key)) for key in ("peak", "usual"))
    return {k: numbers.magnitude(v) for k, v in known if isinstance(v, float)}


def _epoch(finding: Finding, key: str, lang: str) -> str:
    """` (epoch 2)` beside a step, "" where the log counts none."""
    epoch = finding.evidence.get(key)
    if not isinstance(epoch, float):
        return ""
    return f" ({tr(lang, 'epoch {epoch}', epoch=numbers.epoch(epoch))})"


def _words(finding: Finding, lang: str) -> dict[str, str]:
    name = str(finding.evidence.get("metric") or "loss")
    metric = tr(lang, _METRICS[name]) if name in _METRICS else name
    outcome = str(finding.evidence.get("outcome") or finding.evidence.get("end"))
    confirmed = finding.confirmed_step is not None
    started = finding.evidence.get("records") != 0
    where = (
        {"reached": numbers.integer(finding.step, lang)}
        if started
        else {"unreached": ""}
    )
    # What is a fact without a number.
    where |= {fact: "" for fact in _FACTS if finding.evidence.get(fact)}
    of_set = finding.evidence.get("set")
    task = finding.evidence.get("task")
    if isinstance(task, str):
        where["task"] = tr(lang, _TASKS[task]) if task in _TASKS else task
        where["Task"] = capitalized(where["task"])
    return where | {
        "is_now": tr(lang, "ended" if finding.evidence.get("final") else "is"),
        "of_set": f" ({of_set})" if of_set else "",
        "by_loss": f"{tr(lang, 'by loss')} " if task else "",
        "metric": metric,
        "Metric": capitalized(metric),
        "value": str(finding.evidence.get("value") or tr(lang, "not finite")),
        "Overfitting": tr(lang, "overfitting" if confirmed else "probably overfitting"),
        "Crashed": tr(lang, _OUTCOMES.get(outcome, _OUTCOMES["crashed"])),
        "since": _since(finding, lang),
    }


def _since(finding: Finding, lang: str) -> str:
    start = finding.step if finding.since_step is None else finding.since_step
    first = numbers.integer(start, lang)
    if finding.cleared_step is None:
        return tr(lang, "since step {first}", first=first)
    last = numbers.integer(finding.cleared_step, lang)
    if finding.cleared_step < finding.step:
        text = "from step {first} until the run restarted from step {last}"
        return tr(lang, text, first=first, last=last)
    return tr(lang, "from step {first} to {last}", first=first, last=last)


_Form = Callable[[float, str], str]

# How a number is written, by the end of its name in the evidence.
_BY_END: Final[Mapping[str, _Form]] = MappingProxyType(
    {
        "step": numbers.integer,
        "share": numbers.percent,
        "share_after": numbers.percent,
        "change": numbers.percent,
        "mfu": numbers.mfu,
        "ms": numbers.milliseconds,
        "_s": numbers.seconds,
        "classes": numbers.integer,
        "scale_before": lambda value, _: numbers.magnitude(value),
        "scale_now": lambda value, _: numbers.magnitude(value),
        "skipped": numbers.integer,
        "factor": lambda value, _: numbers.ratio(value),
        "every": lambda value, lang: numbers.every(int(value), lang),
        "records": lambda value, lang: numbers.count(int(value), "record", lang),
        "evaluations": lambda value, lang: numbers.count(
            int(value), "evaluation (accusative)", lang
        ),
    }
)


def _number(name: str, value: float, unit: str, lang: str) -> str:
    """One number of the evidence as people read it."""
    write = next((w for end, w in _BY_END.items() if name.endswith(end)), None)
    if write is not None:
        return write(value, lang)
    if name in ("now_rate", "before_rate"):
        return numbers.rate(value, unit, lang)
    if name != "rise":
        return numbers.loss(value, lang)
    text = numbers.difference(value)
    return text if unit in _NATS else f"{text} {numbers.unit(unit, lang)}"


def as_dict(finding: Finding, lang: str) -> dict[str, Any]:
    """A finding of plain JSON types, with its message and advice."""
    return asdict(finding) | {
        "message": numbers.plain(sentence(finding, lang)),
        "advice": numbers.plain(advice(finding, lang)),
    }


def capitalized(text: str) -> str:
    """The text with its first letter in upper case, unless it is a name: mAP50."""
    if text[1:2].isupper():
        return text
    return text[:1].upper() + text[1:]


def truncated(text: str, most: int) -> str:
    """The text, or its beginning and an ellipsis where it is too long."""
    if len(text) <= most:
        return text
    return text[: most - 1].rstrip(" ,;:") + "\N{HORIZONTAL ELLIPSIS}"
