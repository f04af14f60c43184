"""Sentences in which single programs state settings and hyperparameters of a run."""

import re
from collections.abc import Iterator
from typing import Final

from parsers.hyperparameters.values import NUMBER, Hyperparameters


_N: Final = rb"\d[\d,]*"
# What such a line holds in lower case, the expression whose groups are
# hyperparameters, and what it states by itself.
STATEMENTS: Final[tuple[tuple[str, bytes, Hyperparameters], ...]] = (
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
        rb"^\W*(?P<parameters>" + NUMBER + rb" ?[KMBT]?) {1,6}(?:[Tt]otal |model "
        rb"|Trainable |trainable )?param(?:eter)?s\W*$",
        {},
    ),
    (
        "param",
        rb"(?i)^\W*+(?:[\w.:,-]+ +[-|>] +)*(?:model|gpt|transformer|total|loaded)\b"
        rb"[^(]{0,60}?(?::|=|\||\bsize:|\bwith|\bhas) ?~?(?P<parameters>"
        + NUMBER
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
        rb"\bTrainable parameters = (?P<trainable_parameters>" + _N + rb")(?: of |/)"
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


def stated_values(line: bytes, text: str) -> Iterator[tuple[str, bytes]]:
    """Names and values that such sentences state; `text`: the line in lower case."""
    for need, pattern, itself in STATEMENTS:
        if need in text and (found := re.search(pattern, line)):
            yield from ((n, v) for n, v in found.groupdict().items() if v is not None)
            yield from ((n, str(v).encode()) for n, v in itself.items())
