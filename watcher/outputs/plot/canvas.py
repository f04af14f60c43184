"""The canvas of a picture: positions in inches, and measured texts.

Everything is placed in inches from the lower left corner, by the measured width of each
text, which costs a tenth of matplotlib's constrained layout and is the same for every
run: panels never jump.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from matplotlib.backends.backend_agg import FigureCanvasAgg, RendererAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.patheffects import withStroke

from watcher.outputs.plot.theme import FAMILY, Theme


Align = Literal["left", "center", "right"]

WIDTH, HEIGHT, DPI = 10.0, 7.0, 160
_POINT = 1 / 72
# A line of text needs this much more than its letters.
_LEADING = 1.35


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in inches."""

    left: float
    bottom: float
    width: float
    height: float

    @property
    def right(self) -> float:
        """Where it ends."""
        return self.left + self.width

    @property
    def top(self) -> float:
        """Where it ends above."""
        return self.bottom + self.height

    def meets(self, other: "Box") -> bool:
        """Whether two boxes overlap."""
        across = self.left < other.right and other.left < self.right
        return across and self.bottom < other.top and other.bottom < self.top

    def holds(self, other: "Box") -> bool:
        """Whether the other box lies inside."""
        across = self.left <= other.left and other.right <= self.right
        return across and self.bottom <= other.bottom and other.top <= self.top


@dataclass(frozen=True, slots=True)
class TextStyle:
    """Size in points, colour and weight of a text."""

    size: float
    colour: str
    bold: bool = False
    italic: bool = False

    @property
    def font(self) -> FontProperties:
        """Give it as matplotlib takes it."""
        return FontProperties(
            family=FAMILY,
            size=self.size,
            weight="bold" if self.bold else "normal",
            style="italic" if self.italic else "normal",
        )

    @property
    def line(self) -> float:
        """Measure a line of it, in inches."""
        return self.size * _LEADING * _POINT


class Sheet:
    """The paper: a figure, its colours, and the measure of its texts."""

    def __init__(self, theme: Theme) -> None:
        """Take an empty sheet; call inside `rc_context(rc(theme))`."""
        self.theme = theme
        self.figure = Figure(figsize=(WIDTH, HEIGHT), dpi=DPI)
        self._canvas = FigureCanvasAgg(self.figure)
        self._renderer: RendererAgg = self._canvas.get_renderer()  # type: ignore[no-untyped-call]

    def width(self, text: str, style: TextStyle) -> float:
        """Measure a text, in inches."""
        measure = self._renderer.get_text_width_height_descent
        width, _, _ = measure(text, style.font, ismath=False)  # type: ignore[no-untyped-call]
        return float(width) / DPI

    def write(
        self,
        x: float,
        y: float,
        text: str,
        style: TextStyle,
        *,
        ha: Align = "left",
        halo: bool = False,
    ) -> None:
        """Write a line, its middle at the height y; a halo keeps it off curves."""
        glow = withStroke(linewidth=2.5, foreground=self.theme.paper, alpha=0.85)
        effects = [glow] if halo else []
        self.figure.text(
            x / WIDTH,
            y / HEIGHT,
            text,
            fontproperties=style.font,
            color=style.colour,
            ha=ha,
            va="center_baseline",
            path_effects=effects,
        )

    def fit(self, text: str, style: TextStyle, width: float) -> str:
        """Shorten a text in its middle until it fits: its ends identify it."""
        if self.width(text, style) <= width:
            return text
        # Letters of equal width would keep this many; the widest are twice as wide.
        keep = max(2, int(len(text) * width / self.width(text, style)))
        for count in range(keep, 1, -1):
            short = f"{text[: (count + 1) // 2].rstrip()}…{text[-(count // 2) :]}"
            if self.width(short, style) <= width:
                return short
        return "…"

    def wrap(
        self,
        items: Sequence[str],
        style: TextStyle,
        width: float,
        *,
        between: str = " ",
    ) -> list[str]:
        """Lay items out in lines; one that is longer than a line is shortened."""
        lines: list[str] = []
        gap, used = self.width(between, style), 0.0
        for item in (self.fit(item, style, width) for item in items):
            long = self.width(item, style)
            if lines and used + gap + long <= width:
                lines[-1] += between + item
                used += gap + long
            else:
                lines.append(item)
                used = long
        return lines

    def render(self, to: Literal["png", "svg"]) -> bytes:
        """Give the picture as a file's bytes, equal for equal sheets."""
        out = io.BytesIO()
        if to == "svg":
            metadata = {"Date": None, "Creator": None}
            self.figure.savefig(out, format="svg", metadata=metadata)
        else:
            # Level 4 takes half the time of the usual 6 for a tenth more bytes.
            looks = {"compress_level": 4}
            metadata = {"Software": None}
            self.figure.savefig(out, format="png", metadata=metadata, pil_kwargs=looks)
        # A figure is full of reference cycles: free its pixels before the GC runs.
        del self._renderer, self._canvas.renderer
        return out.getvalue()
