"""ESPnet2 `espnet2/train/reporter.py` (2020 to 2025).

    ... (trainer:486) INFO: 1epoch:train:6376-6750batch: iter_time=0.001, loss=2.386
    ... (trainer:243) INFO: 1epoch results: [train] iter_time=0.001, loss=2.853, ...,
    total_count=7507, [valid] loss=2.387, time=3 seconds, ...      (on the same line)

The first gives means over the batches it names, which are counted within an epoch; the
axis counts on.  The second gives the epoch's means; `total_count` is the number of
updates so far.  `loss_att`, `loss_ctc` and their like are parts of the loss.
"""

from typing import Final

from parsers.format import Format, line
from parsers.keyvalue.pairs import pairs
from parsers.metrics import ANY_LOSS
from parsers.patterns import COUNT, STEP, named


_KEYS: Final = {
    b"loss": "loss",
    b"acc": "accuracy",
    b"lr_0": "lr",
    b"optim0_lr0": "lr",
    b"grad_norm": "grad_norm",
    b"loss_scale": "loss_scale",
    b"train_time": "iter_ms",
}
_RESULTS: Final = (
    rb"\b"
    + named("epoch", COUNT)
    # Atomic: only the first loss is one of the training.
    + rb"epoch results: \[train\] (?>(?:.{0,999}? )??loss="
    + named("epoch_loss")
    + rb")"
)
_VALID: Final = rb" \[valid\] (?:[^\[]{0,999}? )??loss=" + named("val_loss")

ESPNET = Format(
    name="espnet",
    units=ANY_LOSS,
    written_by="espnet/espnet ESPnet2",
    samples=(
        (
            "[PC] 2020-11-11 16:30:04 (trainer:486) INFO: 1epoch:train:6376-6750batch: "
            "iter_time=0.001, loss=2.386, lr_0=0.100, train_time=0.013"
        ),
        (
            "[PC] 2020-11-11 16:30:18 (trainer:243) INFO: 1epoch results: [train] "
            "iter_time=0.001, loss=2.853, total_count=7507, [valid] loss=2.387"
        ),
        (
            "[PC] 2020-11-11 16:30:18 (trainer:243) INFO: 1epoch results: [train] "
            "loss=2.853, time=42 seconds, [valid] loss=2.387"
        ),
    ),
    patterns=(
        pairs(
            "Nepoch:train:N-Nbatch:",
            rb"\b"
            + named("epoch_no", COUNT)
            + rb"epoch:train:\d+-"
            + STEP
            # FunASR adds the updates so far: `1-50batch:50num_updates: `
            + rb"batch: ?(?:\d+num_updates: )?",
            _KEYS,
            needs=(b"epoch:train:", b"loss="),
            scale={"iter_ms": 1000},
        ),
        line(
            "Nepoch results: total_count=",
            _RESULTS + rb"[^\[]{0,999}\btotal_count=" + STEP + rb"," + _VALID,
            needs=(b"epoch results: ", b"total_count=", b"[valid] "),
        ),
        line(
            "Nepoch results:",
            _RESULTS + rb"(?:[^\[]{0,1999}," + _VALID + rb")?",
            needs=(b"epoch results: ",),
            step="previous",
        ),
    ),
)
