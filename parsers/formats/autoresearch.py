"""karpathy/autoresearch `train.py` and its forks.

    step 00374 (99.5%) | loss: 4.301981 | lrm: 0.01 | dt: 821ms | tok/sec: 19,956 | ...
    ---
    val_bpb:          1.568223
    peak_vram_mb:     1804.5

Nanochat's line with the time that remains; the percentage is of the time budget.  The
original writes a carriage return before each record and no newline.  One validation,
in bits per byte, after the last step (`val_bpb: skipped` in a benchmark).
"""

from parsers.format import Format, line
from parsers.formats.nanochat import LOSS
from parsers.patterns import HEAD, named


AUTORESEARCH = Format(
    name="autoresearch",
    written_by="karpathy/autoresearch train.py",
    samples=(
        (
            "step 00374 (99.5%) | loss: 4.301981 | lrm: 0.01 | dt: 821ms "
            "| tok/sec: 19,956 | mfu: 0.1% | epoch: 1 | remaining: 1s    "
        ),
        "val_bpb:          1.568223",
        "peak_vram_mb:     1804.5",
    ),
    averaged=("loss",),
    patterns=(
        line(
            "step N | loss | lrm | dt | tok/sec | mfu | remaining",
            LOSS,
            needs=(b"step", b" | loss", b"lrm", b"remaining: "),
        ),
        line(
            "val_bpb",
            HEAD + rb"val_bpb:\s+" + named("val_bpb") + rb"\s*$",
            needs=(b"val_bpb:",),
            step="previous",
        ),
        line(
            "peak_vram_mb",
            HEAD + rb"peak_vram_mb:\s+" + named("memory_mib") + rb"\s*$",
            needs=(b"peak_vram_mb:",),
            step="previous",
        ),
    ),
)
