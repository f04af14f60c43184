"""How pictures look: two sets of colours, the type, and text that a font can show."""

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any

from matplotlib.font_manager import FontProperties, findfont, get_font


# matplotlib brings this family along, so a bare server draws the same picture.
FAMILY = "DejaVu Sans"


@dataclass(frozen=True, slots=True)
class Theme:
    """The colours of a picture.

    Attributes:
        paper, ink, muted, grid: what is written on, with, beside, and behind.
        train, val: the only two hues of a run's picture: Okabe-Ito blue and vermillion
            moved until labels of 8.5 points read on the paper (contrast over 5).
        runs: one colour a run when runs are compared; neighbours at least 15 CIELAB
            units apart for protans, deutans and tritans too, contrast over 4.
    """

    paper: str
    ink: str
    muted: str
    grid: str
    train: str
    val: str
    runs: tuple[str, ...]


LIGHT = Theme(
    paper="#FFFFFF",
    ink="#1A1A1A",
    muted="#5F6368",
    grid="#E4E6E8",
    train="#0069A6",
    val="#B84A00",
    runs=(
        "#0069A6",
        "#B84A00",
        "#7B2CBF",
        "#198D26",
        "#D81E6D",
        "#1E5641",
        "#101F4A",
        "#5A1A00",
    ),
)
DARK = Theme(
    paper="#14171A",
    ink="#ECEFF1",
    muted="#A3ABB2",
    grid="#2B3136",
    train="#56B4E9",
    val="#F0A04B",
    runs=(
        "#56B4E9",
        "#F0A04B",
        "#8D85FF",
        "#4FE0A0",
        "#D34D9E",
        "#FFEA4F",
        "#C9D6E2",
        "#E44A50",
    ),
)
THEMES = MappingProxyType({"light": LIGHT, "dark": DARK})


def rc(theme: Theme) -> Any:  # matplotlib spells out its 320 keys
    """Give matplotlib's settings: what a user's own would change of a picture."""
    return {
        "font.family": [FAMILY],
        # A run called "$x_1" is no formula.
        "text.parse_math": False,
        "text.usetex": False,
        "axes.unicode_minus": True,
        "axes.facecolor": theme.paper,
        "axes.edgecolor": theme.muted,
        "axes.axisbelow": True,
        "axes.linewidth": 0.8,
        "figure.facecolor": theme.paper,
        "savefig.facecolor": theme.paper,
        "lines.solid_capstyle": "round",
        "lines.solid_joinstyle": "round",
        # Equal bytes for equal logs; text in an SVG stays text.
        "svg.hashsalt": "gptwatch",
        "svg.fonttype": "none",
        "path.simplify": True,
        "agg.path.chunksize": 0,
    }


def printable(text: str) -> str:
    r"""Make the text one line that the font can show, losing nothing that names it.

    Control and formatting characters go; a character without a glyph becomes an
    escape such as `\u8bad`, since two runs must not both be called "□□".
    """
    line = " ".join(text.split())
    return "".join(_shown(char) for char in line)


def _shown(char: str) -> str:
    """Give the character, nothing for a control, an escape for one without glyph."""
    if unicodedata.category(char) in ("Cc", "Cf"):
        return ""
    if ord(char) in _glyphs():
        return char
    return char.encode("unicode_escape").decode("ascii")


@cache
def _glyphs() -> frozenset[int]:
    """Collect the characters that the family has in all three of its cuts we use."""
    cuts: Iterable[FontProperties] = (
        FontProperties(family=FAMILY),
        FontProperties(family=FAMILY, weight="bold"),
        FontProperties(family=FAMILY, style="italic"),
    )
    maps = [set(get_font(findfont(cut)).get_charmap()) for cut in cuts]
    return frozenset(set.intersection(*maps))
