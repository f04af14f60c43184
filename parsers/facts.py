"""Settings and model facts that a log states, by nanoGPT's names.

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
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final


Fact = int | float | str | bool
Facts = Mapping[str, Fact]


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_NOTHING: Final[Facts] = MappingProxyType({})
# A configuration in one line is shorter; longer lines hold text or data.
_LONG: Final = 30_000
_HEAD: Final = 2000  # of a line, tells whether it is source code or a metric line
_LONG_STATEMENT: Final = 300
# What programs call it, in lower case and with "_" for blanks.
_ALIASES: Final = {
    "parameters": "number_of_parameters num_parameters n_params num_params params"
    " total_params total_parameters model_parameters model_params all_params"
    " parameter_count model_parameter_count total_number_of_parameters"
    " number_of_trainable_parameters total_trainable_parameters",
    "trainable_parameters": "trainable_params trainable_parameters",
    "n_layer": "n_layer n_layers num_layers num_hidden_layers layers num_layers_l"
    " number_of_layers decoder_layers",
    "n_head": "n_head n_heads num_heads num_attention_heads heads num_heads_nh"
    " number_of_heads decoder_attention_heads nhead attention_heads",
    "n_kv_head": "n_kv_head n_kv_heads num_kv_heads num_key_value_heads",
    "n_embd": "n_embd n_embed d_model hidden_size model_dim embed_dim emb_dim embed"
    " embedding_dim channels channels_c decoder_embed_dim",
    "block_size": "block_size sequence_length sequence_length_t seq_length seq_len"
    " max_seq_len max_seq_length max_sequence_length sequence_len context_length"
    " context_size context_len ctx_len n_ctx n_positions cutoff_len"
    " train_seq_len tokens_per_sample max_position_embeddings gpt_seq_len",
    "vocab_size": "vocab_size vocab_size_v vocabulary_size n_vocab",
    "dataset": "dataset dataset_name",
    "batch_size": "batch_size micro_batch_size micro_batch_size_b device_batch_size"
    " local_batch_size batch mbs per_device_train_batch_size batch_size_per_device"
    " train_micro_batch_size_per_gpu batch_size_per_gpu device_train_batch_size"
    " instantaneous_batch_size_per_device",
    "global_batch_size": "global_batch_size train_batch_size effective_batch_size"
    " global_train_batch_size total_train_batch_size total_batch_size",
    "gradient_accumulation_steps": "gradient_accumulation_steps grad_accum_steps"
    " accumulation_steps gradient_accumulation grad_accum accumulate_grad_batches",
    "tokens_per_iter": "tokens_per_iter tokens_per_iteration tokens_per_step"
    " train_batch_tokens total_desired_batch_size",
    "learning_rate": "learning_rate learning_rate_lr lr max_lr peak_lr base_lr",
    "min_lr": "min_lr min_learning_rate lr_min",
    "dropout": "dropout hidden_dropout dropout_rate",
    "max_iters": "max_iters max_steps max_iterations max_updates max_update"
    " max_train_steps train_iters train_steps train_num_batches num_iterations"
    " total_steps total_optimization_steps total_iterations iterations iters"
    " n_training_steps num_training_steps",
    "epochs": "epochs num_epochs num_train_epochs n_epochs max_epochs",
    "warmup_iters": "warmup_iters warmup_iterations warmup_steps lr_warmup_steps"
    " lr_warmup_iters num_warmup_steps warmup_updates",
    "lr_decay_iters": "lr_decay_iters lr_decay_steps",
    "weight_decay": "weight_decay",
    "beta1": "beta1",
    "beta2": "beta2",
    "grad_clip": "grad_clip clip_grad gradient_clip gradient_clipping max_grad_norm"
    " clip_norm grad_clip_norm gradient_clip_val grad_norm_clip",
    "eval_interval": "eval_interval eval_steps eval_every val_loss_every val_every"
    " val_interval",
    "eval_iters": "eval_iters val_max_steps",
    "log_interval": "log_interval logging_steps log_every print_every",
    "always_save_checkpoint": "always_save_checkpoint",
    "init_from": "init_from",
    "out_dir": "out_dir output_dir output_log_dir",
    "dtype": "dtype torch_dtype params_dtype compute_dtype precision mixed_precision",
    "device": "device using_device autodetected_device_type device_type",
    "compile": "compile torch_compile",
    "optimizer": "optimizer optim optimizer_type optimizer_name",
    "seed": "seed random_seed rng_seed",
    "bias": "bias",
    "decay_lr": "decay_lr",
    "eval_only": "eval_only",
    "world_size": "world_size distributed_world_size ddp_world_size dist_world_size"
    " using_world_size num_gpus n_gpus num_processes num_devices global_num_gpus",
    "gpu": "gpu gpu_name device_name",
    "train_examples": "num_examples num_train_examples",
    "train_tokens": "train_tokens total_number_of_training_tokens",
    "peak_flops": "peak_flops",
}
_NAMES: Final = {
    alias: name for name, aliases in _ALIASES.items() for alias in aliases.split()
}
# Each line that states something holds one of these, in lower case.
_STEMS: Final = _words(
    "param layer head emb d_model hidden_size model_dim channels block seq context ctx"
    " posit cutoff per_sample vocab batch mbs accum tokens lr learning dropout iter"
    " steps update epochs decay beta clip grad_norm eval_ val_ logging_st log_"
    " print_every checkpoint init_from out_dir output dtype precision device compil"
    " optim seed bias world_size gpu num_proc examples dataset flops fused scratch"
    " resuming openai pytorch nvidia tesla true"
) | {"total   ", "world size", "train data"}
_SWITCHES: Final = _words("always_save_checkpoint bias decay_lr eval_only compile")
_RATES: Final = _words("learning_rate min_lr dropout weight_decay grad_clip")
# Counts that some write with a decimal point or exponent: `6e5`, `1,282,545.0`.
_LARGE: Final = _words(
    "parameters trainable_parameters billions max_iters epochs train_tokens peak_flops"
)
_COUNTED: Final = frozenset({"parameters", "trainable_parameters"})
# What a class or a call of a script may state of the run; `lr=` may be any optimizer.
_MODEL: Final = _words("n_layer n_head n_kv_head n_embd block_size vocab_size")
_VAGUE: Final = _words(
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
_MOST: Final = (1 << 63) - 1
_SCALES: Final = {b"": 1.0, b"K": 1e3, b"M": 1e6, b"B": 1e9, b"T": 1e12}

_NUMBER: Final = (
    rb"[-+]?(?:\d+(?:[,_]\d{3})*(?:\.\d*(?!\.))?|\.\d+)(?:[eE][-+]?\d\d?(?!\d))?"
)
_VALUE: Final = (
    rb"\"[^\"]{0,200}\"|'[^']{0,200}'|" + _NUMBER + rb" ?[KMBT]?(?![\w%])"
    rb"|[A-Za-z_/~][\w/:~+-]*(?:\.\w[\w/:+-]*)*"
)
_KNOWN_NUMBER: Final = re.compile(rb"(" + _NUMBER + rb") ?([KMBT]?)")
_FLOAT_TYPE: Final = re.compile(
    rb"(?:torch\.|jnp\.)?(?:amp_)?(bf|bfloat|fp|float|)(\d\d)(?:-mixed|-true)?"
)
_DEVICE: Final = re.compile(rb"(?:cuda|cpu|mps|xpu|tpu|npu|hpu)(?::\d+)?")
_OPTIMIZER: Final = re.compile(
    rb"(?i)(?:\w+\.)*(\w*(?:adam|sgd|muon|lion|adafactor|lamb|sophia|shampoo|soap"
    rb"|adagrad|rmsprop)\w*)"
)
_GPU: Final = re.compile(
    rb"\b(?:NVIDIA|AMD|Tesla|Quadro|GeForce)(?: (?:[A-Z][a-z]\w+|[A-Z]{2,}\w*"
    rb"|[\w-]*\d[\w-]*|Ti|Max-Q)(?![.\w]*:))+"
)

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
    rb"|(?<![\w'\"])[fF][\"']|\{\w[\w.]*[}!\[(]|\bif\b.*:|\belse\b|\bfor \w+ in\b"
    rb"|->|==|\w\(\)|\w = \[?[\w.]+\(|\bdict\(|add_argument|\bprint\w*\(|\blog\w*\("
    rb"|requires_grad|\w*(?:Linear|Embedding|Norm|Dropout|Conv\dd|Module)\w*\("
    rb"|\b[a-z_]\w*\.\w+\(|[\])]\.\w+\(|\bwith \w+\(|\b_?\w+_config\s+\.{2,}\s"
)
_NUMBERED: Final = re.compile(rb"[A-Za-z)][\"']?\s?[:=]\s?[-+.]?\d")
_BUILDS: Final = re.compile(rb"\b(?:GPT\w*|\w*(?:Config|Transformer|Model|LM))\(")
_ASSIGNED: Final = re.compile(
    rb"^(?:\[rank\d+\]: ?|\d+: )?(    )?(\w+) ?(: ?\w+ ?)?= ?"
    rb"([^=#\s][^#]*?)\s*(?:#.*)?$"
)
_OVERRIDING: Final = re.compile(rb"Overriding: (\w+) = (\S[^=]*?)\s*(?=$|Overriding)")
_QUOTED: Final = re.compile(
    rb"[\"'](\w+)[\"']\s*:\s*\[?(" + _VALUE + rb")\]?(?=\s*(?:[,})]|$))"
)
_CLOSE: Final = re.compile(
    rb"(?<![\w.'\"/?&-])(?:--)?([A-Za-z][\w-]*)[=:](" + _VALUE + rb")"
    rb"(?=[\s,;)}|]|$)(?! *[*/%+=<>])"
)
_LABEL: Final = re.compile(
    rb"(?:^\s*|(?<=\t)|(?<=[|\]>;,:-]\s)|(?<=\s\s))"
    rb"((?:[A-Za-z][\w-]*)(?: [A-Za-z(&][\w().-]*,?){0,7})"
    rb"(\s+=\s+|\s*:\s*|\s\.{2,}\s*|(?<=\w{28})\s\s)(" + _VALUE + rb")"
    rb"(?=\s*(?:$|[|,;#\])}]|\s\(|=>|\s\s|\s[-/]\s)|\.{3,}|\.\s|\s[a-z])"
)
# A row of llm.c's table of settings.
_ROW: Final = re.compile(
    rb"^\|\s*([a-zA-Z][\w ()]*?)\s*(\|)\s*(" + _VALUE + rb")\s*\|\s*$"
)
_BETA: Final = re.compile(r"(?:adam_)?(beta\d)")
_LEVEL: Final = re.compile(r"^(?:info|debug|warning|notice)\s+")
_ARITHMETIC: Final = re.compile(rb"[-+*/\d_.eE() ]*\d[-+*/\d_.eE() ]*")

# Sentences of single programs: what such a line holds in lower case, the expression
# whose groups are facts, and what it says by itself.
_N: Final = rb"\d[\d,]*"
_SENTENCES: Final[tuple[tuple[str, bytes, Facts], ...]] = (
    (
        "found vocab_size",
        (
            rb"\bfound vocab_size = (?P<vocab_size>\d+) \(inside (?:\S*[/\\])?"
            rb"(?P<dataset>[^/\\\s)]+)[/\\][^/\\\s)]+\)"
        ),
        {},
    ),
    ("vocab_size of gpt", rb"vocab_size of GPT-\d to (?P<vocab_size>\d+)", {}),
    (
        "tokens per iter",
        rb"per iteration will be: (?P<tokens_per_iter>" + _N + rb")",
        {},
    ),
    ("from scratch", rb"\bInitializing a new model from (?P<init_from>scratch)", {}),
    ("openai gpt", rb"from OpenAI GPT-\d weights: (?P<init_from>[\w-]+)", {}),
    (
        "resuming training",
        rb"\bResuming training from (?P<out_dir>\S+?)(?=Resuming|\s*$)",
        {"init_from": "resume"},
    ),
    ("compiling the model", rb"^compiling the model\.\.\.", {"compile": True}),
    ("using fused", rb"\busing fused (?P<optimizer>AdamW): (?:True|False)", {}),
    (
        "/ rank:",
        rb"^Tokens / micro-batch / rank: (?P<batch_size>" + _N + rb") x "
        rb"(?P<block_size>" + _N + rb") = ",
        {},
    ),
    (
        "total batch size",
        rb"\bTotal batch size (?P<tokens_per_iter>" + _N + rb") => gradient "
        rb"accumulation steps: (?P<gradient_accumulation_steps>\d+)",
        {},
    ),
    (
        "number of iterations",
        rb"\bnumber of iterations(?: from .{1,60})?: (?P<max_iters>" + _N + rb")\s*$",
        {},
    ),
    ("total   ", rb"^\s*total\s{8,}: (?P<parameters>" + _N + rb")\s*$", {}),
    (
        "total_batch_size=",
        (
            rb"^batch_size B=(?P<batch_size>\d+) \* seq_len T=(?P<block_size>\d+) \* "
            rb"num_processes=(?P<world_size>\d+) and total_batch_size="
            rb"(?P<tokens_per_iter>\d+)"
        ),
        {},
    ),
    (
        "=> ",
        (
            rb"^=> (?:setting|calculated) grad\w*[_ ]accum\w*[_ ]steps[=:] ?"
            rb"(?P<gradient_accumulation_steps>\d+)"
        ),
        {},
    ),
    (
        "| total batch size",
        rb"^\| total batch size +\| (?P<tokens_per_iter>\d+) +\|",
        {},
    ),
    (
        "train data pattern",
        rb"^\| train data pattern +\| (?:\S*/)?(?P<dataset>[^/\s|]+)/[^/\s|]+ +\|",
        {},
    ),
    (
        "param",
        rb"^\W*(?P<parameters>" + _NUMBER + rb" ?[KMBT]?) {1,6}(?:[Tt]otal |model "
        rb"|Trainable |trainable )?param(?:eter)?s\W*$",
        {},
    ),
    (
        "param",
        rb"(?i)^\W*(?:[\w.:,-]+ +[-|>] +)*(?:model|gpt|transformer|total|loaded)\b"
        rb"[^(]{0,60}?(?::|=|\||\bsize:|\bwith|\bhas) ?~?(?P<parameters>"
        + _NUMBER
        + rb" ?[KMBT]?) (?:total |trainable |model ){0,2}param(?:eter)?s\b",
        {},
    ),
    (
        "total size=",
        rb"from scratch - Total size=(?P<parameters>\d\d+\.\d+M) params",
        {},
    ),
    ("total_params=", rb"\bTOTAL_PARAMS=(?P<parameters>\d+)", {}),
    (
        "parameters in billions",
        rb"^Total number of parameters in billions: (?P<billions>[\d.]+)\s*$",
        {},
    ),
    (
        "trainable parameters",
        rb"\bTrainable parameters = (?P<trainable_parameters>" + _N + rb") of "
        rb"(?P<parameters>" + _N + rb") \(",
        {},
    ),
    (
        "local batch size",
        (
            rb"\blocal batch size (?P<batch_size>\d+), global batch size "
            rb"(?P<global_batch_size>\d+)(?:, gradient accumulation steps "
            rb"(?P<gradient_accumulation_steps>\d+))?, sequence length "
            rb"(?P<block_size>\d+), total steps (?P<max_iters>\d+)"
            rb"(?: \(warmup (?P<warmup_iters>\d+)\))?"
        ),
        {},
    ),
    ("peak flops", rb"\bPeak FLOPS [^:|]{1,40}: (?P<peak_flops>[\d.]+e\+\d\d)\b", {}),
    ("on device", rb"\brunning on device (?P<device>\w+)\s*$", {}),
    ("seed set to", rb"\b(?:Global seed|Seed) set to (?P<seed>\d+)\s*$", {}),
    ("training on", rb"\btraining on (?P<world_size>\d+) devices\b", {}),
    ("with world_size", rb"\bwith world_size (?P<world_size>\d+)\s*$", {}),
    ("size per gpu", rb"\bbatch size per GPU = (?P<batch_size>\d+)\s*$", {}),
    (
        "betas",
        (
            rb"(?:^\s*\"|^\S.*?[\s'\",({](?:adam_)?)betas['\"]?\s*[=:]\s*['\"]?[\[(]"
            rb"(?P<beta1>[\d.]+), ?"
            rb"(?P<beta2>[\d.]+)[\])]"
        ),
        {},
    ),
    ("loader:dataset:", rb"^train_loader:dataset:(?P<dataset>\S+)", {}),
    (
        "true",
        rb"(?:^|[\s,({])['\"]?(?P<dtype>(?:bf|fp)\d\d)['\"]?(?:=| \.+ |: )True\b",
        {},
    ),
    ('  "train_batch', rb'^  "train_batch_size": (?P<batch_size>\d+),', {}),
)


# --- reading ------------------------------------------------------------------------


def facts(line: bytes) -> Facts:
    """What one line states; empty for nearly all lines."""
    if len(line) > _LONG:
        return _NOTHING
    # Searching text is seven times as fast as searching bytes (CPython 3.11).
    text = line.lower().decode("latin-1")
    if not any(map(text.__contains__, _STEMS)):
        return _NOTHING
    if text.startswith("gptwatch: {"):
        return _own(line)
    return _assigned(line) or _stated(line, text)


def _stated(line: bytes, text: str) -> Facts:
    if any(map(text.__contains__, _COUNTERS)) and _PROGRESS.search(line, 0, _HEAD):
        return _NOTHING
    close = [*_close(line)] if "=" in text or ":" in text else []
    said = [*_said(line, text), *_gpus(line, text), *close, *_quoted(line, text)]
    said += _labels(line, text)
    if not said:
        return _NOTHING
    if _CODE.search(line, 0, _HEAD):
        builds = _BUILDS.search(line)
        said = [pair for pair in close if builds and pair[0] in _MODEL]
    found: dict[str, Fact] = {}
    for name, raw in said:
        value = _value(name, raw)
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


def _said(line: bytes, text: str) -> Iterator[tuple[str, bytes]]:
    for need, pattern, itself in _SENTENCES:
        if need in text and (found := re.search(pattern, line)):
            yield from ((n, v) for n, v in found.groupdict().items() if v is not None)
            yield from ((n, str(v).encode()) for n, v in itself.items())


def _gpus(line: bytes, text: str) -> Iterator[tuple[str, bytes]]:
    if "gpu" in text or "device" in text or "pytorch" in text or text[:1] == "|":
        for found in _GPU.finditer(line):
            if re.search(rb"\d", found[0]):
                yield "gpu", found[0]
                return


def _close(line: bytes) -> Iterator[tuple[str, bytes]]:
    """`key=1`: printed dataclasses and namespaces, command lines, a script's calls."""
    indent = _indent(line)
    inside = 0 < indent < _DEEP or (indent and line.count(b"=") > 1)
    for found in _CLOSE.finditer(line):
        name = _named(found[1].decode().replace("-", "_"))
        if name and found[1] not in _SPACED and not (inside and name not in _MODEL):
            yield name, found[2]


def _quoted(line: bytes, text: str) -> Iterator[tuple[str, bytes]]:
    """`"key": 1`: JSON and Python's dictionaries."""
    if "'" not in text and '"' not in text:
        return
    indent = _indent(line)
    for found in _QUOTED.finditer(line):
        name = _named(found[1].decode())
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
        if (name := _named(key)) and not code:
            yield name, found[3]


def _label(raw: bytes) -> list[str]:
    """The words of a label, without the logger's level and what is in brackets."""
    label = _LEVEL.sub("", raw.decode().lower()).split("(w.")[0]
    return re.sub(r"[()]", "", label).replace("-", "_").split() or [""]


def _named(key: str) -> str | None:
    # `beta1` and `beta2` are one template: what is true of one, is of all.
    beta = _BETA.fullmatch(key)
    return beta[1] if beta else _NAMES.get(key)


def _indent(line: bytes) -> int:
    return len(line) - len(line.lstrip(b" "))


# --- Python and JSON ----------------------------------------------------------------


def _assigned(line: bytes) -> Facts:
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


def _one(key: str, raw: bytes) -> Facts:
    name = _named(key)
    if name is None:
        return _NOTHING
    if _ARITHMETIC.fullmatch(raw) and not _KNOWN_NUMBER.fullmatch(raw):
        raw = _calculated(raw)
    value = _value(name, raw)
    return _NOTHING if value is None else dict([_renamed(name, value)])


def _calculated(text: bytes) -> bytes:
    """The value of a product, `5 * 8`; b"" for other arithmetic."""
    factors = text.split(b"*")
    if len(text) > _LONG_PRODUCT or not all(
        _KNOWN_NUMBER.fullmatch(f.strip()) for f in factors
    ):
        return b""
    product = 1.0
    for factor in factors:
        product *= float(factor.replace(b"_", b"").replace(b",", b""))
    return b"%d" % product if product.is_integer() else b"%r" % product


def _own(line: bytes) -> Facts:
    """What gptwatch's own trainer says of a run at its start."""
    try:
        said = json.loads(line[len("gptwatch: ") :])
    except (ValueError, RecursionError):
        return _NOTHING
    if not isinstance(said, dict) or said.get("event") != "start":
        return _NOTHING
    renamed = {"processes": "world_size"}
    pairs = ((renamed.get(key, key), value) for key, value in said.items())
    found = {n: v for n, v in pairs if n in _ALIASES and _plain(v)}
    device = found.get("device")
    if isinstance(device, str) and not _DEVICE.fullmatch(device.encode()):
        found |= {"gpu": device, "device": "cuda"}
    return found


def _plain(value: Any) -> bool:
    if isinstance(value, int | float):
        return math.isfinite(value) and abs(value) < 1 << 63
    return isinstance(value, str)


# --- values -------------------------------------------------------------------------


def _value(name: str, raw: bytes) -> Fact | None:
    """What a name's value is; None for one that the name cannot have."""
    text = raw.strip().strip(b"\"'")
    if name in _SWITCHES:
        return {b"true": True, b"false": False}.get(text.lower())
    if name in _READERS:
        return _READERS[name](text)
    return _number(name, text)


def _number(name: str, text: bytes) -> Fact | None:
    found = _KNOWN_NUMBER.fullmatch(text)
    # So many digits fit an int64 whatever they are; a sign says "not set".
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
    return text.decode() if _DEVICE.fullmatch(text) else None


def _optimizer(text: bytes) -> Fact | None:
    found = _OPTIMIZER.fullmatch(text)
    if found is None:
        return None
    name = found[1].decode()
    return name.lower() if name.isupper() else name


def _gpu(text: bytes) -> Fact | None:
    found = _GPU.match(text)
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
