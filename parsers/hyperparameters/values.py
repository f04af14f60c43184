"""The values that settings and hyperparameters may have, out of their text."""

import re
from collections.abc import Mapping
from typing import Final

from parsers.hyperparameters.names import words


Fact = int | float | str | bool
Hyperparameters = Mapping[str, Fact]


_SWITCHES: Final = words("always_save_checkpoint bias decay_lr eval_only compile")
_RATES: Final = words("learning_rate min_lr dropout weight_decay grad_clip")
# Counts that some write with a decimal point or exponent: `6e5`, `1,282,545.0`.
_LARGE: Final = words(
    "parameters trainable_parameters billions max_iters epochs train_tokens peak_flops"
)
_COUNTED: Final = frozenset({"parameters", "trainable_parameters"})
# Longer values are text or data.
_LONGEST: Final = 200
_MOST: Final = (1 << 63) - 1
_SCALES: Final = {b"": 1.0, b"K": 1e3, b"M": 1e6, b"B": 1e9, b"T": 1e12}

NUMBER: Final = (
    rb"[-+]?(?:\d+(?:[,_]\d{3})*(?:\.\d*(?!\.))?|\.\d+)(?:[eE][-+]?\d\d?(?!\d))?"
)
VALUE: Final = (
    rb"\"[^\"]{0,200}\"|'[^']{0,200}'|" + NUMBER + rb" ?[KMBT]?(?![\w%])"
    rb"|[A-Za-z_/~][\w/:~+-]*(?:\.\w[\w/:+-]*)*"
)
KNOWN_NUMBER: Final = re.compile(rb"(" + NUMBER + rb") ?([KMBT]?)")
_FLOAT_TYPE: Final = re.compile(
    rb"(?:torch\.|jnp\.)?(?:amp_)?(bf|bfloat|fp|float|)(\d\d)(?:-mixed|-true)?"
)
DEVICE: Final = re.compile(rb"(?:cuda|cpu|mps|xpu|tpu|npu|hpu)(?::\d+)?")
_OPTIMIZER: Final = re.compile(
    rb"(?i)(?:\w+\.)*(\w*(?:adam|sgd|muon|lion|adafactor|lamb|sophia|shampoo|soap"
    rb"|adagrad|rmsprop)\w*)"
)
GPU: Final = re.compile(
    rb"\b(?:NVIDIA|AMD|Tesla|Quadro|GeForce)(?: (?:[A-Z][a-z]\w+|[A-Z]{2,}\w*"
    rb"|[\w-]*\d[\w-]*|Ti|Max-Q)(?![.\w]*:))+"
)


def value_of(name: str, raw: bytes) -> Fact | None:
    """What a name's value is; None for one that the name cannot have."""
    text = raw.strip().strip(b"\"'")
    if len(text) > _LONGEST:
        return None
    if name in _SWITCHES:
        return {b"true": True, b"false": False}.get(text.lower())
    if name in _READERS:
        return _READERS[name](text)
    return _number(name, text)


def _number(name: str, text: bytes) -> Fact | None:
    found = KNOWN_NUMBER.fullmatch(text)
    # So many digits fit an int64 whatever they are; a sign means "not set".
    if found is None or len(text) > 18 or text.startswith(b"-"):  # noqa: PLR2004
        return None
    plain, scale = re.sub(rb"[,_]", b"", found[1]), found[2]
    if name in _RATES or name.startswith("beta"):
        return None if scale else float(plain)
    if plain.isdigit() and not scale:
        few = name in _COUNTED and len(plain) < 4  # noqa: PLR2004 - `1 params`
        return None if few else int(plain)
    if name not in _LARGE:
        return None
    value = float(plain) * _SCALES[scale if name in _COUNTED else b""]
    return _whole(name, value)


def _whole(name: str, value: float) -> Fact:
    if name in _COUNTED:
        return min(round(value), _MOST)
    exact = value.is_integer() and name not in {"peak_flops", "billions"}
    return min(int(value), _MOST) if exact else value


def _dtype(text: bytes) -> Fact | None:
    if text.lower() == b"half":
        return "float16"
    found = _FLOAT_TYPE.fullmatch(text.lower())
    if found is None:
        return None
    kind = "bfloat" if found[1].startswith(b"bf") else "float"
    return kind + found[2].decode()


def _device(text: bytes) -> Fact | None:
    return text.decode() if DEVICE.fullmatch(text) else None


def _optimizer(text: bytes) -> Fact | None:
    found = _OPTIMIZER.fullmatch(text)
    if found is None:
        return None
    name = found[1].decode()
    return name.lower() if name.isupper() else name


def _gpu(text: bytes) -> Fact | None:
    found = GPU.match(text)
    return found[0].decode() if found else None


def _text(text: bytes) -> Fact | None:
    """A name or a path; what Python and JSON call nothing is none."""
    known = re.fullmatch(rb"[\w./~:@+-]{1,200}", text)
    nothing = text.lower() in {b"none", b"null", b"true", b"false"}
    return text.decode() if known and not nothing else None


_READERS: Final = {
    "dtype": _dtype,
    "device": _device,
    "optimizer": _optimizer,
    "gpu": _gpu,
    "dataset": _text,
    "init_from": _text,
    "out_dir": _text,
}
