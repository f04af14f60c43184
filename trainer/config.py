"""What a run can be told, and how: a configuration file, then `--key=value`.

A configuration is a Python file of assignments, as in nanoGPT, but it is not run:
`read_python` evaluates the few expressions a configuration needs and refuses the
rest, so a file from a stranger can at worst set a learning rate.
"""

import ast
import dataclasses
import difflib
import inspect
import json
import math
import operator
import os
import re
import time
import tomllib
from dataclasses import dataclass
from pathlib import Path

from trainer.errors import TrainerError


PACKAGE = Path(__file__).parent
MAX_FILE_BYTES = 100_000
MAX_TEXT = 10_000  # no setting is longer; keeps "a" * 10**10 out of memory
MAX_INT = 2**63


@dataclass(frozen=True)
class Config:
    """All settings.  The first block is nanoGPT's: same names, same meaning."""

    out_dir: str = "out"  # checkpoints and logs go here
    eval_interval: int = 2000  # evaluate every so many steps
    log_interval: int = 1  # print a line every so many steps
    eval_iters: int = 200  # batches per evaluation and split
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
    early_stopping: int = 0  # stop after so many evaluations without a new best
    nonfinite: str = "stop"  # what to do about a NaN: stop, skip (the step), ignore
    low_mem: bool = False  # bfloat16 weights and optimizer, recomputed activations
    chunked_loss: bool = False  # never hold all logits at once (torch >= 2.13)
    fetch: str = "auto"  # auto: may download; pip: may ask pip as well; none
    gpt2_path: str = ""  # a .safetensors file, or a folder with one
    bpe_file: str = ""  # r50k_base.tiktoken or vocab.bpe, or a folder with one
    trust_config: bool = False  # run configurations as Python; give it first
    trust_checkpoint: bool = False  # unpickle checkpoints; they can run any code


DEFAULTS = dataclasses.asdict(Config())
CHOICES = {
    "nonfinite": {"stop", "skip", "ignore"},
    "fetch": {"auto", "pip", "none"},
    "dtype": {"auto", "float32", "bfloat16", "float16"},
    "init_from": {
        *("scratch", "resume", "auto"),
        *("gpt2", "gpt2-medium", "gpt2-large", "gpt2-xl"),
    },
}
AT_LEAST_ONE = (
    *("eval_interval", "log_interval", "eval_iters", "stats_interval"),
    *("gradient_accumulation_steps", "batch_size", "block_size"),
    *("n_layer", "n_head", "n_embd"),
)
USAGE = """\
python -m trainer [CONFIG] [--key=value ...]

CONFIG is looked for in the current folder, then among those shipped: {shipped}.
Arguments count from left to right.  All keys, with their defaults:
"""


def help_text():
    """Give the usage; the keys are the commented block above, word for word."""
    shipped = ", ".join(sorted(path.stem for path in PACKAGE.glob("config/*.py")))
    block = inspect.getsource(Config).split('"""', 2)[2]
    return USAGE.format(shipped=shipped) + block.replace(": bool | str =", ": bool =")


def read(arguments, log):
    """Apply the arguments from left to right, saying each as nanoGPT does.

    Raises:
        TrainerError: for a key, a value or a file that makes no sense.

    """
    values = {}
    waiting = list(arguments)
    while waiting:
        argument = waiting.pop(0)
        if argument.startswith("-"):
            key, value = read_option(argument, waiting)
            values[key] = value
            log.say(f"Overriding: {key} = {value}")
        else:
            path = find_file(argument)
            text = read_text(path)
            log.say(f"Overriding config with {argument}:\n{text}")
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
    """Refuse an unknown key, with the known one that looks most like it."""
    if key not in DEFAULTS:
        near = difflib.get_close_matches(key, DEFAULTS, n=1)
        hint = f"did you mean {near[0]}?" if near else "see python -m trainer --help"
        raise TrainerError(f"{where}: there is no key {key!r}; {hint}")


def from_text(key, text):
    """Give the value a command line means; a string needs no quotes."""
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        value = text
    if isinstance(DEFAULTS[key], str) and not isinstance(value, str | bool):
        return text
    return value


def coerce(key, value, *, where):
    """Give `value` the type of the key's default where nothing is lost by it."""
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
    """Refuse settings that could only fail later, and far from their cause."""
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
    if not 0 <= config.dropout < 1:
        raise TrainerError(f"dropout must be in [0, 1), got {config.dropout}")
    if not re.fullmatch(r"[\w.-]+", config.dataset) or set(config.dataset) == {"."}:
        raise TrainerError(f"dataset={config.dataset!r} must be a folder's name")


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
    """Give the settings of a .py, .toml or .json file."""
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
    """Give all names a configuration defines, helpers included."""
    if path.suffix == ".toml":
        return tomllib.loads(text)
    if path.suffix == ".json":
        return dict(json.loads(text))
    if trust:
        names = {}
        exec(compile(text, path, "exec"), names)  # noqa: S102 - asked for by name
        return {key: names[key] for key in names if not key.startswith("__")}
    return read_python(text, path)


# --- the safe interpreter ---------------------------------------------------------

OPERATORS = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.Not: operator.not_,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}


def cuda_is_available():
    """Ask torch only when a configuration does: importing it takes a second."""
    import torch  # noqa: PLC0415 - see above

    return torch.cuda.is_available()


KNOWN = {  # every name from outside a configuration may use
    **{f.__name__: f for f in (str, int, float, bool, min, max, round, abs)},
    **{f"math.{name}": getattr(math, name) for name in ("sqrt", "log", "ceil", "pi")},
    "time.time": time.time,
    "time.strftime": time.strftime,
    "os.environ.get": os.environ.get,
    "os.path.join": os.path.join,
    "torch.cuda.is_available": cuda_is_available,
}
MODULES = {"math", "time", "os", "torch"}


def read_python(text, path):
    """Give the names that a file of assignments defines, without running it.

    Raises:
        TrainerError: with file and line, for anything else than a setting.

    """
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = getattr(error, "lineno", None) or 1
        raise TrainerError(f"{path}:{line}: not a configuration: {error}") from error
    names = {}
    for statement in tree.body:
        try:
            execute(statement, names)
        except (ArithmeticError, TypeError, ValueError, RecursionError) as error:
            advice = "if you trust the file: --trust_config=True before it"
            raise TrainerError(
                f"{path}:{statement.lineno}: {error or 'too deep'} ({advice})"
            ) from error
    return names


def execute(statement, names):
    """Do one statement: an assignment, an import that is known, or a comment."""
    match statement:
        case ast.Assign(targets=[*targets], value=value):
            assign(targets, evaluate(value, names), names)
        case ast.AnnAssign(target=target, value=ast.expr() as value):
            assign([target], evaluate(value, names), names)
        case ast.Expr(value=ast.Constant()):
            pass
        case ast.Import(names=modules) if {m.name for m in modules} <= MODULES:
            pass
        case _:
            raise ValueError(f"{ast.unparse(statement)[:60]!r} is not a setting")


def assign(targets, value, names):
    """Bind plain names; `config.x = 1` and `a, b = 1, 2` are no settings."""
    for target in targets:
        if not isinstance(target, ast.Name):
            raise TypeError(f"cannot assign to {ast.unparse(target)[:60]!r}")
        names[target.id] = value


def evaluate(node, names):
    """Give an expression's value; its size is bounded at every step."""
    value = evaluate_unbounded(node, names)
    too_long = isinstance(value, str) and len(value) > MAX_TEXT
    if too_long or (isinstance(value, int) and abs(value) > MAX_INT):
        raise ValueError("value out of all proportion")
    return value


def evaluate_unbounded(node, names):  # noqa: PLR0911 - one return per kind of node
    """Give an expression's value, whose parts are bounded."""
    match node:
        case ast.Constant(value=bool() | int() | float() | str() | None as value):
            return value
        case ast.Name(id=name) if name in names:
            return names[name]
        case ast.UnaryOp(op=op, operand=x) if type(op) in OPERATORS:
            return OPERATORS[type(op)](evaluate(x, names))
        case ast.BinOp(left=left, op=op, right=right) if type(op) in OPERATORS:
            return apply(type(op), evaluate(left, names), evaluate(right, names))
        case ast.Compare(left=left, ops=[op], comparators=[right]) if (
            type(op) in OPERATORS
        ):
            return OPERATORS[type(op)](evaluate(left, names), evaluate(right, names))
        case ast.IfExp(test=test, body=body, orelse=other):
            return evaluate(body if evaluate(test, names) else other, names)
        case ast.JoinedStr(values=parts):
            return "".join(evaluate_part(part, names) for part in parts)
        case ast.Call(func=func, args=args, keywords=[]):
            return call(ast.unparse(func), [evaluate(x, names) for x in args])
        case ast.Attribute() if ast.unparse(node) == "math.pi":
            return math.pi
        case _:
            raise ValueError(f"{ast.unparse(node)[:60]!r} is not allowed here")


def evaluate_part(part, names):
    """Give a piece of an f-string; a width of three digits is wide enough."""
    if isinstance(part, ast.Constant):
        return part.value
    spec = "" if part.format_spec is None else evaluate(part.format_spec, names)
    if re.search(r"\d{4}", spec):
        raise ValueError(f"format {spec!r} is too wide")
    return format(evaluate(part.value, names), spec)


def apply(op, left, right):
    """Compute, unless the operands show that the result would not fit."""
    numbers = isinstance(left, int | float) and isinstance(right, int | float)
    if op is ast.Pow and not (numbers and abs(right) <= 64 and abs(left) <= 10**6):  # noqa: PLR2004
        raise ValueError("power out of all proportion")
    if op is ast.Mod and not numbers:
        raise ValueError("'%' is for numbers; use an f-string")
    if op is ast.Mult and not numbers:
        size = next((n for n in (left, right) if isinstance(n, int)), 0)
        if size > MAX_TEXT:
            raise ValueError("value out of all proportion")
    return OPERATORS[op](left, right)


def call(name, arguments):
    """Call one of the few functions a configuration may use."""
    function = KNOWN.get(name)
    if name == "math.pi" or function is None:
        raise ValueError(f"{name[:60]!r} may not be called here")
    return function(*arguments)
