"""karpathy/build-nanogpt `train_gpt2.py`: its stdout and its `log/log.txt`.

    validation loss: 10.9522
    HellaSwag accuracy: 2497/10042=0.2487
    step     0 | loss: 10.955010 | lr 8.3916e-07 | norm: 15.3421 | dt: 23547.83ms | ...

What has no step was measured before the update that the next line prints.  In the
file, `hella` is the accuracy on HellaSwag:

    0 val 10.9519
    0 hella 0.2487
    0 train 10.955011

Earlier commits print `step 0, loss: 10.93, dt: 1000.70ms, tok/sec: 16372.93`.
"""

from parsers.format import Format, line
from parsers.patterns import GROUPED, HEAD, START, STEP, later, named


_DECIMAL = rb"(?:\d+\.\d+(?:[eE][-+]?\d+)?|[-+]?(?:nan|inf))"

STDOUT = Format(
    name="build_nanogpt",
    written_by="karpathy/build-nanogpt train_gpt2.py",
    samples=(
        (
            "step     0 | loss: 10.955010 | lr 8.3916e-07 | norm: 15.3421"
            " | dt: 23547.83ms | tok/sec: 22264.81"
        ),
        "validation loss: 10.9522",
        "HellaSwag accuracy: 2497/10042=0.2487",
    ),
    patterns=(
        line(
            "step N | loss | lr | norm | dt | tok/sec",
            START
            + rb"step:? +"
            + STEP
            + rb"(?: \||,) loss: "
            + named("loss")
            + rb"(?: \||,) (?=(?:lr:? \S+(?: \||,) )?(?:norm|dt): \d)"
            + later(rb"\blr:? " + named("lr"))
            + later(rb"\bnorm: " + named("grad_norm"))
            + later(
                rb"\bdt: (?:"
                + named("iter_ms")
                + rb" ?ms|"
                + named("iter_ms__s")
                + rb" ?s)\b"
            )
            + later(rb"\btok/sec: " + named("tokens_per_s", GROUPED)),
            needs=(b"step", b" loss: "),
            scale={"iter_ms__s": 1_000.0},
        ),
        line(
            "validation loss",
            HEAD + rb"validation loss: " + named("val_loss") + rb"\s*$",
            needs=(b"validation loss: ",),
            step="next",
            hit=False,  # others print such lines, too
        ),
        line(
            "HellaSwag accuracy",
            START + rb"HellaSwag accuracy: \d+/\d+=" + named("hellaswag"),
            needs=(b"HellaSwag accuracy: ",),
            step="next",
        ),
    ),
)

LOG_TXT = Format(
    name="build_nanogpt_log",
    written_by="karpathy/build-nanogpt log/log.txt",
    samples=("0 train 10.955011", "0 val 10.9519", "0 hella 0.2487"),
    patterns=(
        line(
            "N train",
            HEAD + STEP + rb" train " + named("loss", _DECIMAL) + rb"(?:\s|$)",
            needs=(b" train ",),
        ),
        line(
            "N val",
            HEAD + STEP + rb" val " + named("val_loss", _DECIMAL) + rb"(?:\s|$)",
            needs=(b" val ",),
        ),
        line(
            "N hella",
            HEAD + STEP + rb" hella " + named("hellaswag", _DECIMAL) + rb"(?:\s|$)",
            needs=(b" hella ",),
        ),
    ),
)
