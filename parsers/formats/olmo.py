"""AllenAI OLMo `olmo/train.py` and OLMo-core's console logger (2023 to 2026).

    2025-12-27 22:12:56.867  host:0  olmo.train:990  INFO  [step=10/10000,epoch=0]
        optim/total_grad_norm=1.608
        train/CrossEntropyLoss=9.064
        train/Perplexity=8,641
        throughput/device/tokens_per_second=105,477
        eval/c4_en-validation/CrossEntropyLoss=3.415

A block is one step's.  Other ranks print its head without the rest.  Of several
validation sets the first of each step counts.
"""

from typing import Final

from parsers.format import Format, line
from parsers.keyvalue.pairs import AMOUNT, END, pairs
from parsers.patterns import COUNT, MAX_STEPS, STEP, named


_KEYS: Final = {
    b"train/CrossEntropyLoss": "loss",
    b"train/CE loss": "loss",
    b"train/Perplexity": "train_ppl",
    b"train/PPL": "train_ppl",
    b"optim/total_grad_norm": "grad_norm",
    b"optim/total grad norm": "grad_norm",
    b"optim/learning_rate_group0": "lr",
    b"optim/LR": "lr",
    b"optim/LR (group 0)": "lr",
    b"throughput/total_tokens": "tokens",
    b"throughput/total tokens": "tokens",
    b"throughput/device/tokens_per_second": "tokens_per_s",
    b"throughput/device/TPS": "tokens_per_s",
    b"throughput/device/batches_per_second": "iters_per_s",
    b"throughput/device/BPS": "iters_per_s",
    b"throughput/device/MFU": "mfu",
    b"System/Peak GPU Memory (MB)": "memory_mib",
    b"system/Peak GPU Memory (MB)": "memory_mib",
}

_BEGIN: Final = rb"(?:^|\s)"
_VALUE: Final = rb"=(?P<value>" + AMOUNT + rb")" + END
_PLACE: Final = rb"(?:optim|train|throughput|[Ss]ystem)/"
_EVAL: Final = rb"eval/(?:[\w.-]+/)*"
_EVAL_KEYS: Final = {
    b"CrossEntropyLoss": "val_loss",
    b"CE loss": "val_loss",
    b"Perplexity": "val_ppl",
    b"PPL": "val_ppl",
}

OLMO = Format(
    name="olmo",
    written_by="allenai/OLMo, allenai/OLMo-core",
    samples=(
        "2025-12-27 22:12:56.867\th:0\tolmo.train:990\tINFO\t[step=10/10000,epoch=0]",
        "    train/CrossEntropyLoss=9.064",
        "    eval/c4_en-validation/CrossEntropyLoss=3.415",
        "    eval/c4_en-validation/Perplexity=30.42",
    ),
    patterns=(
        line(
            "[step=N/N]",
            rb"\[step="
            + STEP
            + rb"/"
            + MAX_STEPS
            + rb"(?:,epoch="
            + named("epoch", COUNT)
            + rb")?[\],]",
            needs=(b"[step=",),
            step="none",
        ),
        pairs(
            "train/, optim/, throughput/, System/",
            _BEGIN + _PLACE,
            _KEYS,
            pair=_BEGIN + rb"(?P<key>" + _PLACE + rb"[\w /()-]{1,64}?)" + _VALUE,
            must=(),
            needs=(b"/", b"="),
            step="previous",
        ),
        pairs(
            "eval/ loss",
            _BEGIN + _EVAL,
            _EVAL_KEYS,
            pair=_BEGIN + _EVAL + rb"(?P<key>(?:CrossEntropyL|CE l)oss)" + _VALUE,
            must=("val_loss",),
            needs=(b"eval/", b"="),
            step="previous",
            once=True,
        ),
        pairs(
            "eval/ perplexity",
            _BEGIN + _EVAL,
            _EVAL_KEYS,
            pair=_BEGIN + _EVAL + rb"(?P<key>Perplexity|PPL)" + _VALUE,
            must=("val_ppl",),
            needs=(b"eval/", b"="),
            step="previous",
            once=True,
        ),
    ),
)
