"""Settings: from a configuration file, then from `--key=value`.

A configuration is a Python file of assignments, as in nanoGPT, but it is not run; see
`safe.py`.  Arguments apply from left to right; the last value wins.
"""

import ast
import dataclasses
import difflib
import inspect
import json
import math
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

from trainer.errors import TrainerError
from trainer.safe import MAX_INT, read_python


PACKAGE = Path(__file__).parent
MAX_FILE_BYTES = 100_000


@dataclass(frozen=True)
class Config:
    """All settings.  The first block is nanoGPT's: same names, same meaning."""

    out_dir: str = "out"  # checkpoints and logs go here
    eval_interval: int = 2000  # evaluate every so many steps
    log_interval: int = 1  # print a line every so many steps
    eval_iters: int = 200  # batches per evaluation and split; 0: all of the split once
    eval_only: bool = False  # stop after the first evaluation
    always_save_checkpoint: bool = True  # else only when validation improved
    init_from: str = "scratch"  # scratch, resume, auto, gpt2, gpt2-medium/large/xl
    wandb_log: bool = False
    wandb_project: str = "owt"
    wandb_run_name: str = "gpt2"
    dataset: str = "openwebtext"  # a folder of data/ with train.bin and val.bin
    gradient_accumulation_steps: int = 40  # over all GPUs together
    batch_size: int = 12  # per micro step
    block_size: int = 1024  # tokens of context
    n_layer: int = 12
    n_head: int = 12
    n_embd: int = 768
    dropout: float = 0.0
    bias: bool = False  # in linear layers and layer norms
    learning_rate: float = 6e-4
    max_iters: int = 600000
    weight_decay: float = 1e-1
    beta1: float = 0.9
    beta2: float = 0.95
    grad_clip: float = 1.0  # 0 to leave gradients alone
    decay_lr: bool = True
    warmup_iters: int = 2000
    lr_decay_iters: int = 600000
    min_lr: float = 6e-5
    backend: str = "nccl"  # of torchrun; gloo where there is no GPU
    device: str = "auto"  # auto, cuda, cuda:1, mps, cpu
    dtype: str = "auto"  # auto, float32, bfloat16, float16
    compile: bool | str = "auto"  # auto: on CUDA, and only if it works

    exact: bool = False  # losses equal to nanoGPT's: float32, nothing rearranged
    seed: int = 1337
    threads: int = 0  # CPU threads; 0 tries a few and keeps the fastest
    stats_interval: int = 100  # gradient norm, tokens/s, memory: every so many steps
    eval_epochs: float = 0.0  # evaluate every so many epochs, not by eval_interval
    micro_batch: int = 0  # sequences per forward pass; 0: as many as a GPU holds
    early_stopping: int = 0  # stop after so many evaluations without a new best
    nonfinite: str = "stop"  # what to do about a NaN: stop, skip (the step), ignore
    low_mem: bool = False  # bfloat16 weights and moments, recomputed activations
    chunked_loss: bool = False  # compute the loss in chunks: fewer logits in memory
    fetch: str = "auto"  # auto: may download; none
    gpt2_path: str = ""  # a .safetensors or .bin file, or a folder with one
    bpe_file: str = ""  # r50k_base.tiktoken or vocab.bpe, or a folder with one
    trust_config: bool = False  # run configurations as Python; put it first
    trust_checkpoint: bool = False  # unpickle checkpoints; they can run any code


DEFAULTS = dataclasses.asdict(Config())
CHOICES = {
    "nonfinite": {"stop", "skip", "ignore"},
    "fetch": {"auto", "none"},
    "dtype": {"auto", "float32", "bfloat16", "float16"},
    "init_from": {
        *("scratch", "resume", "auto"),
        *("gpt2", "gpt2-medium", "gpt2-large", "gpt2-xl"),
    },
}
# [low, high) of numbers, both ends as torch or the schedule can use them.
RANGES = {
    "dropout": (0, 1),
    "learning_rate": (0, math.inf),
    "min_lr": (0, math.inf),
    "weight_decay": (0, math.inf),
    "beta1": (0, 1),
    "beta2": (0, 1),
    "grad_clip": (0, math.inf),
    "eval_epochs": (0, math.inf),
    **dict.fromkeys(
        (
            *("max_iters", "warmup_iters", "lr_decay_iters", "eval_iters"),
            *("threads", "early_stopping", "micro_batch"),
        ),
        (0, 2**62),
    ),
    "seed": (-(2**62), 2**62),
}
AT_LEAST_ONE = (
    *("eval_interval", "log_interval", "stats_interval"),
    *("gradient_accumulation_steps", "batch_size", "block_size"),
    *("n_layer", "n_head", "n_embd"),
)
USAGE = """\
python -m trainer [CONFIG] [--key=value ...]

CONFIG is looked for in the current folder, then among those shipped: {shipped}.
Arguments count from left to right.  All keys, with their defaults:
"""


def help_text():
    """The usage; the keys are the commented block above, verbatim."""
    shipped = ", ".join(sorted(path.stem for path in PACKAGE.glob("config/*.py")))
    block = inspect.getsource(Config).split('"""', 2)[2]
    return USAGE.format(shipped=shipped) + block.replace(": bool | str =", ": bool =")


def read(arguments, log):
    """Apply the arguments from left to right, logging each as nanoGPT does."""
    values = {}
    waiting = list(arguments)
    while waiting:
        argument = waiting.pop(0)
        if argument.startswith("-"):
            key, value = read_option(argument, waiting)
            values[key] = value
            log.line(f"Overriding: {key} = {value}")
        else:
            path = find_file(argument)
            text = read_text(path)
            log.line(f"Overriding config with {argument}:\n{text}")
            values |= read_file(path, text, trust=values.get("trust_config", False))
    config = Config(**values)
    check(config)
    return config


def read_option(argument, waiting):
    """Split `--key=value`; for `--key` alone the value is the next argument."""
    name, given, text = argument.removeprefix("--").partition("=")
    if not argument.startswith("--") or not name:
        raise TrainerError(f"{argument}: options look like --key=value; see --help")
    check_known(name, where=argument)
    if not given:
        if not waiting:
            raise TrainerError(f"{argument}: a value is missing: --{name}=VALUE")
        text = waiting.pop(0)
    return name, coerce(name, from_text(name, text), where=f"--{name}")


def check_known(key, *, where):
    """Reject an unknown key and suggest the closest known one."""
    if key not in DEFAULTS:
        near = difflib.get_close_matches(key, DEFAULTS, n=1)
        hint = f"did you mean {near[0]}?" if near else "see python -m trainer --help"
        raise TrainerError(f"{where}: there is no key {key!r}; {hint}")


def from_text(key, text):
    """The value of a command line argument; a string needs no quotes."""
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        value = text
    if isinstance(DEFAULTS[key], str) and not isinstance(value, str | bool):
        return text
    return value


def coerce(key, value, *, where):
    """Convert `value` to the type of the key's default if that is lossless."""
    kind = type(DEFAULTS[key])
    if key == "compile" or kind is bool:
        words = {"true": True, "1": True, "false": False, "0": False}
        value = words.get(str(value).lower(), value)
        if isinstance(value, bool) or (key, value) == ("compile", "auto"):
            return value
    elif isinstance(value, bool):
        value = str(value) if kind is str else value
    elif kind is float and isinstance(value, int) and abs(value) < MAX_INT:
        value = float(value)
    elif kind is int and isinstance(value, float) and value.is_integer():
        value = int(value)
    if type(value) is not kind:
        raise TrainerError(f"{where}: {key} takes {kind.__name__}, got {value!r}")
    return value


def check(config):
    """Reject settings that would fail later, far from their cause."""
    for key in AT_LEAST_ONE:
        if getattr(config, key) < 1:
            raise TrainerError(f"{key} must be at least 1, got {getattr(config, key)}")
    for key, choices in CHOICES.items():
        if getattr(config, key) not in choices:
            known = ", ".join(sorted(choices))
            raise TrainerError(f"{key}={getattr(config, key)!r} is none of: {known}")
    if config.n_embd % config.n_head:
        raise TrainerError(
            f"n_embd={config.n_embd} must be a multiple of n_head={config.n_head}"
        )
    for key, (low, high) in RANGES.items():
        if not low <= getattr(config, key) < high:
            wanted = f"at least {low}" if high > 1 else f"in [{low}, {high})"
            raise TrainerError(f"{key} must be {wanted}, got {getattr(config, key)}")
    if not re.fullmatch(r"[\w.-]+", config.dataset) or set(config.dataset) == {"."}:
        raise TrainerError(f"dataset={config.dataset!r} must be a folder's name")


def with_epochs(config, dataset, epoch):
    """Set the dataset found, and eval_interval from eval_epochs; `epoch` in steps."""
    interval = config.eval_interval
    if config.eval_epochs:
        interval = max(1, round(config.eval_epochs * epoch))
    return dataclasses.replace(config, dataset=dataset, eval_interval=interval)


def find_file(name):
    """Find a configuration: in the current folder first, then in the package."""
    names = [Path(name), Path(name + ".py")]
    shipped = PACKAGE / "config"
    for path in (*names, *(shipped / each.name for each in names)):
        if path.is_file():
            return path
    raise TrainerError(
        f"{name}: no such configuration, neither here nor in {shipped}; "
        "options look like --key=value"
    )


def read_text(path):
    """Read a configuration, which is short and UTF-8."""
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise TrainerError(f"{path}: too long for a configuration")
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise TrainerError(f"{path}: cannot be read: {error}") from error


def read_file(path, text, *, trust=False):
    """The settings of a .py, .toml or .json file."""
    try:
        names = parse_file(path, text, trust=trust)
    except (ValueError, RecursionError, MemoryError) as error:  # JSON and TOML too
        raise TrainerError(f"{path}: {error}") from error
    for name in names.keys() - DEFAULTS.keys():
        # A helper of the file's own is fine; a key misspelt is not.
        if path.suffix != ".py" or difflib.get_close_matches(name, DEFAULTS, 1, 0.8):
            check_known(name, where=path)
    return {
        key: coerce(key, value, where=path)
        for key, value in names.items()
        if key in DEFAULTS
    }


def parse_file(path, text, *, trust):
    """All names that a configuration defines, helper variables included."""
    if path.suffix == ".toml":
        return tomllib.loads(text)
    if path.suffix == ".json":
        return dict(json.loads(text))
    if trust:
        names = {}
        exec(compile(text, path, "exec"), names)  # noqa: S102 - asked for by name
        return {key: names[key] for key in names if not key.startswith("__")}
    return read_python(text, path)
