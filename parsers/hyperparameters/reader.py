"""Settings and model hyperparameters that a log states, by nanoGPT's names.

    learning_rate = 1e-3 # with baby networks can afford to go a bit higher
    Overriding: batch_size = 12
    found vocab_size = 65 (inside data/shakespeare_char/meta.pkl)
    number of parameters: 10.65M
    | val_loss_every        | 250                                                |
      hidden_size ..................................... 8192
    Namespace(lr=0.0006, n_layer=12), {'n_embd': 768}, "dropout": 0.1,
    2025-10-23 16:43:25,103 - nanochat.common - INFO - Distributed world size: 4

Known names are understood in four writings: assigned in Python, quoted (`"key": 1`),
close to the value (`key=1`, `key:1`), and as a label that opens a line or a column.
Besides, there are sentences that single programs print.  A metric line states
nothing, and source code nothing but the size of the model that it builds.
"""

import json
import math
import re
from collections.abc import Iterator
from types import MappingProxyType
from typing import Any, Final

from parsers.hyperparameters.names import ALIASES, STEMS, named, words
from parsers.hyperparameters.patterns import stated_values
from parsers.hyperparameters.values import (
    DEVICE,
    GPU,
    KNOWN_NUMBER,
    VALUE,
    Fact,
    Hyperparameters,
    value_of,
)


_NOTHING: Final[Hyperparameters] = MappingProxyType({})
# A configuration in one line is shorter; longer lines hold text or data.
_LONG: Final = 16_384
_HEAD: Final = 2000  # of a line, shows whether it is source code or a metric line
_LONG_STATEMENT: Final = 300
# What a class or a call of a script may state of the run; `lr=` may be any optimizer.
_MODEL: Final = words("n_layer n_head n_kv_head n_embd block_size vocab_size")
_VAGUE: Final = words(
    "lr device dtype bias optimizer seed embed batch mbs iters layers heads block_size"
)
# Close to a value (`stage=0 layers=11`) these are parts of something.
_SPACED: Final = frozenset({b"layers", b"heads", b"embed"})
# So far Python indents the fields of a printed dataclass, but hardly its arguments.
_DEEP: Final = 13
# Depths in JSON at which a key means another thing: the rate of each record in
# `trainer_state.json`, DeepSpeed's device to offload to.
_ELSEWHERE: Final = {
    "learning_rate": range(6, 7),
    "global_batch_size": range(2, 3),
    "device": range(5, 40),
    "optimizer": range(8, 13),
}
_MANY_SEQUENCES: Final = 4096  # a larger batch is counted in tokens
_LONG_PRODUCT: Final = 60
_COUNTERS: Final = ("step", "iter", "epoch", "it/s", "s/it", "ttt", "s:")
# A metric line, a progress bar: whatever it names, it is no setting.
_PROGRESS: Final = re.compile(
    rb"(?i)\b(?:step|iter|iteration|epoch|global_step|current_steps)[\"']?\s{0,9}"
    rb"[:=\[#(]?\s{0,9}[\"'\[]?\d|\bit/s\b|\bs/it\b|^s:\d|\bttt\b|\bttt_"
)
_CODE: Final = re.compile(
    rb"^\s*(?:#|//|@|\"\"\"|class |async |[})]+$)"
    rb"|\bself\b|\bdef |\blambda\b|\breturn\b|\bassert\b|\bimport\b|\braise\b"
    rb"|\b(?:args|config|cfg|hparams|torch|os|np)\.\w+[\[(.]|=\s*(?:args|config)\."
    rb"|(?<![\w'\"])[fF][\"']|\{\w[\w.]*[}!\[(]|\bif\b.{0,999}:|\belse\b|\bfor \w+ in\b"
    rb"|->|==|\w\(\)|\w = \[?[\w.]+\(|\bdict\(|add_argument|\bprint\w*\(|\blog\w*\("
    rb"|requires_grad|(?:Linear|Embedding|Norm|Dropout|Conv\dd|Module)\w{0,64}\("
    rb"|\b[a-z_]\w*\.\w+\(|[\])]\.\w+\(|\bwith \w+\(|\b_?\w+_config\s+\.{2,}\s"
)
_NUMBERED: Final = re.compile(rb"[A-Za-z)][\"']?\s?[:=]\s?[-+.]?\d")
_BUILDS: Final = re.compile(rb"\b(?:GPT\w*|\w*(?:Config|Transformer|Model|LM))\(")
_ASSIGNED: Final = re.compile(
    rb"^(?:\[rank\d+\]: ?|\d+: )?(    )?(\w+) ?(: ?\w+ ?)?= ?"
    rb"([^=#\s][^#]*?)\s*(?:#.*)?$"
)
_OVERRIDING: Final = re.compile(
    rb"Overriding: (\w+) = (\S(?:[^=]*?\S)?)\s*+(?=$|Overriding)"
)
_QUOTED: Final = re.compile(
    rb"[\"'](\w+)[\"']\s*:\s*\[?(" + VALUE + rb")\]?(?=\s*(?:[,})]|$))"
)
_CLOSE: Final = re.compile(
    rb"(?<![\w.'\"/?&-])(?:--)?([A-Za-z][\w-]*)[=:](" + VALUE + rb")"
    rb"(?=[\s,;)}|]|$)(?! *[*/%+=<>])"
)
_LABEL: Final = re.compile(
    rb"(?:^\s*|(?<=\t)|(?<=[|\]>;,:-]\s)|(?<=\s\s))"
    rb"((?:[A-Za-z][\w-]*)(?: [A-Za-z(&][\w().-]*,?){0,7})"
    rb"(\s+=\s+|\s*:\s*|\s\.{2,}\s*|(?<=\w{28})\s\s)(" + VALUE + rb")"
    rb"(?=\s*(?:$|[|,;#\])}]|\s\(|=>|\s\s|\s[-/]\s)|\.{3,}|\.\s|\s[a-z])"
)
# A row of llm.c's table of settings.
_ROW: Final = re.compile(
    rb"^\|\s*+([a-zA-Z](?:[\w ()]*[\w()])?)\s*+(\|)\s*+(" + VALUE + rb")\s*\|\s*$"
)
_LEVEL: Final = re.compile(r"^(?:info|debug|warning|notice)\s+")
_ARITHMETIC: Final = re.compile(rb"(?=\D*\d)[-+*/\d_.eE() ]*")


def hyperparameters(line: bytes) -> Hyperparameters:
    """What one line states; empty for nearly all lines."""
    if len(line) > _LONG:
        return _NOTHING
    # Searching text is seven times as fast as searching bytes (CPython 3.11).
    text = line.lower().decode("latin-1")
    if not any(map(text.__contains__, STEMS)):
        return _NOTHING
    if text.startswith("gptwatch: {"):
        return _own(line)
    return _assigned(line) or _stated(line, text)


def _stated(line: bytes, text: str) -> Hyperparameters:
    if any(map(text.__contains__, _COUNTERS)) and _PROGRESS.search(line, 0, _HEAD):
        return _NOTHING
    close = [*_close(line)] if "=" in text or ":" in text else []
    stated = [
        *stated_values(line, text),
        *_gpus(line, text),
        *close,
        *_quoted(line, text),
    ]
    stated += _labels(line, text)
    if not stated:
        return _NOTHING
    if _CODE.search(line, 0, _HEAD):
        builds = _BUILDS.search(line)
        stated = [pair for pair in close if builds and pair[0] in _MODEL]
    found: dict[str, Fact] = {}
    for name, raw in stated:
        value = value_of(name, raw)
        if value is not None:
            found.setdefault(*_renamed(name, value))
    # A rate among other numbers changes from line to line.
    if found.keys() == {"learning_rate"} and len(_NUMBERED.findall(line)) > 1:
        return _NOTHING
    return found


def _renamed(name: str, value: Fact) -> tuple[str, Fact]:
    """A name and value, batches that are counted in tokens by their own name."""
    counted = name in {"batch_size", "global_batch_size"}
    if counted and isinstance(value, int) and value > _MANY_SEQUENCES:
        return "tokens_per_iter", value
    if name == "billions":
        return "parameters", round(float(value) * 1e9)
    return name, value


def _gpus(line: bytes, text: str) -> Iterator[tuple[str, bytes]]:
    if "gpu" in text or "device" in text or "pytorch" in text or text[:1] == "|":
        for found in GPU.finditer(line):
            if re.search(rb"\d", found[0]):
                yield "gpu", found[0]
                return


def _close(line: bytes) -> Iterator[tuple[str, bytes]]:
    """`key=1`: printed dataclasses and namespaces, command lines, a script's calls."""
    indent = _indent(line)
    inside = 0 < indent < _DEEP or (indent and line.count(b"=") > 1)
    for found in _CLOSE.finditer(line):
        name = named(found[1].decode().replace("-", "_"))
        if name and found[1] not in _SPACED and not (inside and name not in _MODEL):
            yield name, found[2]


def _quoted(line: bytes, text: str) -> Iterator[tuple[str, bytes]]:
    """`"key": 1`: JSON and Python's dictionaries."""
    if "'" not in text and '"' not in text:
        return
    indent = _indent(line)
    for found in _QUOTED.finditer(line):
        name = named(found[1].decode())
        if name and indent not in _ELSEWHERE.get(name, ()):
            yield name, found[2]


def _labels(line: bytes, text: str) -> Iterator[tuple[str, bytes]]:
    """`Vocab size: 65`: words that open a line or a column."""
    if not any(map(text.__contains__, (":", " = ", "..", "|", "  "))):
        return
    indent = _indent(line)
    for found in (_ROW if text.startswith("|") else _LABEL).finditer(line):
        words = _label(found[1])
        # `for the world_size = 8`: an identifier needs no other words.
        key = words[-1] if "_" in words[-1] else "_".join(words)
        code = indent and b"=" in found[2] and len(words) == 1
        if (name := named(key)) and not code:
            yield name, found[3]


def _label(raw: bytes) -> list[str]:
    """The words of a label, without the logger's level and what is in brackets."""
    label = _LEVEL.sub("", raw.decode().lower()).split("(w.")[0]
    return re.sub(r"[()]", "", label).replace("-", "_").split() or [""]


def _indent(line: bytes) -> int:
    return len(line) - len(line.lstrip(b" "))


# --- Python and JSON ----------------------------------------------------------------


def _assigned(line: bytes) -> Hyperparameters:
    """An assignment of a literal: nanoGPT's configuration, word for word."""
    for found in _OVERRIDING.finditer(line):
        return _one(found[1].decode().lower(), found[2])
    found_one = _ASSIGNED.match(line) if len(line) < _LONG_STATEMENT else None
    if found_one is None:
        return _NOTHING
    key = found_one[2].decode()
    argument = found_one[4].endswith(b",")
    if found_one[1] and (key in _VAGUE or argument or _CODE.search(line)):
        return _NOTHING
    return _one(key, found_one[4].rstrip(b", "))


def _one(key: str, raw: bytes) -> Hyperparameters:
    name = named(key)
    if name is None:
        return _NOTHING
    if _ARITHMETIC.fullmatch(raw) and not KNOWN_NUMBER.fullmatch(raw):
        raw = _calculated(raw)
    value = value_of(name, raw)
    return _NOTHING if value is None else dict([_renamed(name, value)])


def _calculated(text: bytes) -> bytes:
    """The value of a product, `5 * 8`; b"" for other arithmetic."""
    factors = text.split(b"*")
    if len(text) > _LONG_PRODUCT or not all(
        KNOWN_NUMBER.fullmatch(f.strip()) for f in factors
    ):
        return b""
    product = 1.0
    for factor in factors:
        product *= float(factor.replace(b"_", b"").replace(b",", b""))
    return b"%d" % product if product.is_integer() else b"%r" % product


def _own(line: bytes) -> Hyperparameters:
    """What gptwatch's own trainer states of a run at its start."""
    try:
        stated = json.loads(line[len("gptwatch: ") :])
    except (ValueError, RecursionError):
        return _NOTHING
    if not isinstance(stated, dict) or stated.get("event") != "start":
        return _NOTHING
    renamed = {"processes": "world_size"}
    pairs = ((renamed.get(key, key), value) for key, value in stated.items())
    found = {n: v for n, v in pairs if n in ALIASES and _plain(v)}
    device = found.get("device")
    if isinstance(device, str) and not DEVICE.fullmatch(device.encode()):
        found |= {"gpu": device, "device": "cuda"}
    return found


def _plain(value: Any) -> bool:
    if isinstance(value, int | float):
        return math.isfinite(value) and abs(value) < 1 << 63
    return isinstance(value, str)
