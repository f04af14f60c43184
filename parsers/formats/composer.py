"""MosaicML Composer's console logger, as llm-foundry uses it (2022 to 2025).

    [batch=1/100]:
             Train loss/train/total: 10.9736
             Train metrics/train/LanguageCrossEntropy: 10.9736
    [epoch=1][batch=5/5]:
    [Eval batch=32/32] Eval on eval data:
             Eval metrics/eval/LanguageCrossEntropy: 3.2415

A block is one batch's; where epochs are counted, the batch is counted within one.  Of
several evaluation sets the first of each batch counts.
"""

from typing import Final

from parsers.format import Format, line
from parsers.keyvalue.pairs import AMOUNT, pairs
from parsers.metrics import ANY_LOSS
from parsers.patterns import COUNT, MAX_STEPS, STEP, named


_KEYS: Final = {
    b"loss/train/total": "loss",
    b"Perplexity": "train_ppl",
    b"LanguagePerplexity": "train_ppl",
    b"metrics/train/Perplexity": "train_ppl",
    b"metrics/train/LanguagePerplexity": "train_ppl",
    b"l0_norm/grad/global": "grad_norm",
    b"throughput/tokens_per_sec": "tokens_per_s",
    b"throughput/samples_per_sec": "samples_per_s",
    b"throughput/batches_per_sec": "iters_per_s",
    b"throughput/device/mfu": "mfu",
    b"time/token": "tokens",
}
_TRAIN: Final = rb"(?:^|\s\s)Train "
_SCHEDULE: Final = rb"lr-\w+/group\d+"
_EVAL: Final = rb"\bEval (?:metrics/)?(?:[\w.-]+/)*"

COMPOSER = Format(
    name="composer",
    units=ANY_LOSS,
    written_by="mosaicml/composer, mosaicml/llm-foundry",
    samples=(
        "[batch=1/100]:",
        "[epoch=2][batch=5/5]:",
        "         Train loss/train/total: 10.9736",
        "         Train lr-DecoupledAdamW/group0: 0.0001",
        "         Eval metrics/eval/LanguageCrossEntropy: 3.2415",
        "         Eval metrics/eval/LanguagePerplexity: 25.57",
    ),
    patterns=(
        line(
            "[epoch=N][batch=N/N]:",
            rb"\[epoch="
            + named("epoch_no", COUNT)
            + rb"\]\[batch="
            + STEP
            + rb"/"
            + named("per_epoch", COUNT)
            + rb"\]:",
            needs=(b"[epoch=", b"][batch="),
            step="none",
        ),
        line(
            "[batch=N/N]:",
            # The unit is that of the duration which was asked for.
            rb"\[(?:batch|iteration|sample|token)="
            + STEP
            + rb"/"
            + MAX_STEPS
            + rb"\]:",
            needs=(b"[", b"]:"),
            step="none",
        ),
        pairs(
            "Train key:",
            _TRAIN,
            _KEYS,
            pair=_TRAIN + rb"(?P<key>[\w/.-]+): (?P<value>" + AMOUNT + rb")\s*$",
            must=(),
            needs=(b"Train ", b": "),
            step="previous",
            scale={"mfu": 100},
        ),
        line(
            "Train lr:",
            _TRAIN + _SCHEDULE + rb": " + named("lr"),
            needs=(b"Train lr-",),
            step="previous",
        ),
        line(
            "Eval cross entropy:",
            _EVAL + rb"LanguageCrossEntropy: " + named("val_loss"),
            needs=(b"Eval ", b"LanguageCrossEntropy: "),
            step="previous",
            once=True,
        ),
        line(
            "Eval perplexity:",
            _EVAL + rb"(?:Language)?Perplexity: " + named("val_ppl"),
            needs=(b"Eval ", b"Perplexity: "),
            step="previous",
            once=True,
        ),
    ),
)
