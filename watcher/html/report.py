"""A run in one file: the page's own modules and all points, opened without a server."""

import re
import zlib
from base64 import b64encode
from collections.abc import Iterator, Mapping
from hashlib import sha256
from html import escape
from importlib import resources
from typing import Any, Final

import numpy as np
import orjson

from parsers.batch import Floats, Ints
from watcher import __version__
from watcher.analysis.model import Analysis, Curve
from watcher.html.words import words
from watcher.outputs.text.escape import utf8 as shown
from watcher.outputs.text.findings import as_dict
from watcher.outputs.text.headline import headline
from watcher.views.pyramid import cells, joined
from watcher.views.source import Points


# In the order in which they need each other.
_MODULES: Final = (
    *("dom.js", "latest.js", "words.js", "offline.js", "state.js", "view.js"),
    *("axis.js", "gestures.js", "chart.js", "parts.js", "facts.js", "run.js"),
    "report.js",
)
_IMPORT: Final = re.compile(r'^import (\{[^}]*\}) from "\./([\w.]+)";$', re.MULTILINE)
_EXPORT: Final = re.compile(
    r"^export ((?:async )?function\*?|const|let|class) ([\w$]+)", re.MULTILINE
)
# A longer curve is thinned: a file of hundreds of megabytes opens nowhere.
_MOST: Final = 1_000_000
_PIXELS: Final = 100_000
# So many at a time, so that temporaries stay small.
_STRETCHES: Final = 1 << 12
_PART: Final = 1 << 16
_DECIMALS: Final = 6
_MISSING: Final = -(2**31)


def document(analysis: Analysis, *, lang: str, theme: str | None = None) -> bytes:
    """The report as HTML; `theme`: "light" or "dark", None as the reader's system."""
    script, style = _script(), _asset("style.css")
    thinned = any(len(curve) > _MOST for curve in analysis.curves.values())
    data = {
        "columns": {name: _columns(c) for name, c in analysis.curves.items()},
        "facts": _facts(analysis, lang) | {"thinned": _PIXELS * 4 if thinned else 0},
        "lines": analysis.lines,
        "theme": theme,
    }
    said = {"words": words(lang), "lang": lang, "version": __version__}
    policy = (
        f"default-src 'none'; script-src '{_hash(script)}'; "
        f"style-src '{_hash(style)}'; img-src data:; base-uri 'none'"
    )
    title = escape(shown(analysis.name))
    return (
        f'<!doctype html>\n<html lang="{lang}">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>{style}</style>\n</head>\n<body>\n"
        '<header class="top"><b class="brand">gptwatch</b><div id="menu"></div>'
        '</header>\n<p id="banner" role="status" hidden></p>\n<div id="page"></div>\n'
        '<p id="said" role="status" aria-live="polite" hidden></p>\n'
        f"<noscript><h1>{escape(headline(analysis, lang))}</h1></noscript>\n"
        f'<script type="application/json" id="words">{_json(said)}</script>\n'
        f'<script type="application/json" id="data">{_json(data)}</script>\n'
        f'<script type="module">{script}</script>\n</body>\n</html>\n'
    ).encode()


def _asset(name: str) -> str:
    file = resources.files("watcher.web") / "app" / name
    return file.read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return f"sha256-{b64encode(sha256(text.encode()).digest()).decode()}"


def _json(value: Any) -> str:
    """JSON that ends no element of HTML."""
    return orjson.dumps(value).decode().replace("<", "\\u003c")


def _script() -> str:
    """All modules in one: each in a scope of its own, what it exports beside."""
    return "const modules = {};\n" + "".join(map(_module, _MODULES))


def _module(name: str) -> str:
    text = _asset(name)
    names = [found[2] for found in _EXPORT.finditer(text)]
    text = _EXPORT.sub(r"\1 \2", text)
    text = _IMPORT.sub(_required, text)
    return (
        f'modules["{name}"] = (() => {{\n{text}\n'
        f"return {{ {', '.join(names)} }};\n}})();\n"
    )


def _required(found: re.Match[str]) -> str:
    name = found[2].replace("net.js", "offline.js")
    return f'const {found[1]} = modules["{name}"];'


def _columns(curve: Curve) -> dict[str, Any]:
    """Lines, steps and values of a curve, packed."""
    lines, steps, values = curve.lines, curve.steps, curve.values
    if len(curve) > _MOST:
        lines, steps, values = _thinned(curve)
    return {"lines": _whole(lines), "steps": _whole(steps), "values": _scaled(values)}


def _thinned(curve: Curve) -> tuple[Ints, Ints, Floats]:
    """First, lowest, highest and last point of each of many stretches."""
    edges = np.unique(np.linspace(0, len(curve), _PIXELS + 1).astype(np.int64))
    parts = []
    for at in range(0, len(edges) - 1, _STRETCHES):
        own = edges[at : at + _STRETCHES + 1]
        part = curve.take(slice(own[0], own[-1]))
        points = Points(
            part.lines.astype(np.float64), part.steps.astype(np.float64), part.values
        )
        parts.append(cells(points, own[:-1] - own[0]))
    found = joined(parts)
    columns = (found.first, found.low, found.high, found.last)
    lines = np.stack([found.first_line] * 2 + [found.last_line] * 2, axis=1)
    steps = np.stack([found.first_step] * 2 + [found.last_step] * 2, axis=1)
    return (
        lines.ravel().astype(np.int64),
        steps.ravel().astype(np.int64),
        np.stack(columns, axis=1).ravel(),
    )


def _whole(numbers: Ints) -> dict[str, Any]:
    differences = np.diff(numbers, prepend=0)
    if len(numbers) and np.abs(differences).max() >= -_MISSING:
        return _packed(numbers.astype("<f8"), "float64", 1)
    return _packed(differences.astype("<i4"), "delta", 1)


def _scaled(values: Floats) -> dict[str, Any]:
    """Values as whole numbers where that loses nothing: logs print few decimals."""
    finite = np.isfinite(values)
    known = np.where(finite, values, 0.0)
    for decimals in range(_DECIMALS + 1):
        scale = 10**decimals
        whole = np.rint(known * scale)
        fits = not len(whole) or np.abs(whole).max() < -_MISSING
        if fits and np.array_equal(whole / scale, known):
            numbers = np.where(finite, whole, _MISSING).astype("<i4")
            return _packed(numbers, "scaled", scale)
    return _packed(values.astype("<f8"), "float64", 1)


def _packed(numbers: Any, kind: str, scale: int) -> dict[str, Any]:
    text = b64encode(zlib.compress(numbers.tobytes(), 6)).decode()
    return {"text": text, "kind": kind, "scale": scale}


def _facts(analysis: Analysis, lang: str) -> dict[str, Any]:
    """What the page shows of a run beside its curves."""
    s = analysis.summary
    made = f"gptwatch {__version__}"
    return {
        "run": shown(analysis.name),
        "made": made,
        "state": s.outcome if s.outcome in {"finished", "crashed"} else "stopped",
        "headline": headline(analysis, lang),
        "step": s.last_step,
        "max_steps": s.max_steps,
        "loss": s.final_loss,
        "val_loss": s.final_val,
        "best_val": s.best_val,
        "best_step": s.best_val_step,
        "tokens_per_s": s.tokens_per_s,
        "eta_s": None,
        "alerts": [],
        "findings": list(_findings(analysis, lang)),
        "milestones": [
            {"kind": m.kind, "line": m.line, "step": m.step, "text": shown(m.text)}
            for m in analysis.milestones[-400:]
        ],
        "stretches": [
            {"first_line": g.first_line, "first": g.first_step, "last": g.last_step}
            for g in analysis.segments
        ],
        "metrics": {
            name: {"records": len(c), "unit": c.unit}
            for name, c in analysis.curves.items()
        },
        "hyperparameters": _settings(analysis.info),
    }


def _settings(info: Mapping[str, Any]) -> dict[str, str]:
    return {shown(str(name)): shown(str(value)) for name, value in info.items()}


def _findings(analysis: Analysis, lang: str) -> Iterator[dict[str, Any]]:
    main = analysis.train or analysis.val
    for finding in analysis.findings:
        line = None
        if main is not None and len(main):
            line = int(main.lines[_nearest(main.steps, finding.step)])
        found = as_dict(finding, lang)
        found["message"] = shown(found["message"])
        yield found | {"evidence": {}, "line": line}


def _nearest(steps: Ints, step: int) -> int:
    """The place of the step that is nearest, some at a time."""
    best = []
    for start in range(0, len(steps), _PART):
        away = np.abs(steps[start : start + _PART] - step)
        at = int(away.argmin())
        best.append((int(away[at]), start + at))
    return min(best)[1]
