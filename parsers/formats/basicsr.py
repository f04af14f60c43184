"""XPixelGroup/BasicSR (Real-ESRGAN, SwinIR, HAT ...) and its relative KAIR.

    INFO: [epoch:  0, iter:   1,000, lr:(2.000e-04,)] l_pix: 2.9331e-01 l_percep: ...
    INFO: [epoch:  0, iter:   1,000, lr:(2.000e-04,)] [eta: 1 day, ...] l_pix: 0.1
    INFO: <epoch:  0, iter:     200, lr:2.000e-04> G_loss: 1.201e-01
    INFO: # Validation # PSNR: 2.5157e+01

The iterations are those of the whole training.  Of the parts of the loss the pixels'
counts, of a generator where there is one; else the first.
"""

import re
from typing import Final

from parsers.format import Fields, Format, LinePattern, line
from parsers.metrics import ANY_LOSS
from parsers.patterns import NUMBER, named


_HEAD: Final = re.compile(
    rb"[\[<]epoch: *(?P<epoch>\d{1,9}), iter: *(?P<step>\d{1,3}+(?:,\d{3}){1,4}+"
    rb"|\d{1,15}+), lr:\(?(?P<lr>" + NUMBER + rb")"
)
_PART: Final = re.compile(rb"\b(l_\w{1,32}+|[A-Z]_\w{0,24}loss): (" + NUMBER + rb")")
_TOTALS: Final = (b"l_total", b"l_g_total", b"l_pix", b"l_g_pix", b"G_loss")


def _locate(text: bytes) -> Fields | None:
    head = _HEAD.search(text)
    if head is None:
        return None
    parts = {m[1]: m.span(2) for m in _PART.finditer(text, head.end())}
    names = [name for name in _TOTALS if name in parts] or list(parts)
    if not names:
        return None
    own = [(group, *head.span(group)) for group in ("step", "epoch", "lr")]
    return [*own, ("loss", *parts[names[0]])]


BASICSR = Format(
    name="basicsr",
    units=ANY_LOSS,
    written_by="XPixelGroup/BasicSR, cszn/KAIR",
    samples=(
        "INFO: [epoch:  0, iter:   1,000, lr:(2.000e-04,)] l_pix: 2.9331e-01",
        "INFO: <epoch:  0, iter:     200, lr:2.000e-04> G_loss: 1.201e-01",
        "INFO: # Validation # PSNR: 2.5157e+01",
        "\t # psnr: 32.1034\tBest: 32.1034 @ 5000 iter",
    ),
    patterns=(
        LinePattern("[epoch: N, iter: N, lr:", _locate, needs=(b"epoch:", b" iter:")),
        line(
            "psnr:",
            rb"# (?:Validation # )?(?i:psnr): *" + named("val_psnr"),
            needs=(b"# ",),
            step="previous",
            hit=False,
        ),
        line(
            "Average PSNR :",
            rb"<epoch:.{0,99}? Average PSNR : *" + named("val_psnr"),
            needs=(b"Average PSNR",),
            step="previous",
            hit=False,
        ),
    ),
)
