"""`frame(model, size)`: the whole screen as lines of styled text, nothing else."""

import time
from typing import Final

from watcher.outputs.text.catalog import message, tr
from watcher.top import alerts, compare, keymap, lens, pieces, prompts, run
from watcher.top import list as runs
from watcher.top.model import Model, Size
from watcher.top.pieces import Line, Lines


LEAST: Final = Size(60, 12)
_TINY: Final = Size(30, 4)
_BODIES: Final = {
    "list": runs.lines,
    "run": run.lines,
    "lens": lens.lines,
    "alerts": alerts.lines,
    "compare": compare.lines,
}
_HINTS: Final = {
    "list": ("open", "sort", "filter", "mark", "compare", "alerts"),
    "run": ("left", "lens", "zoom_in", "chart", "smooth", "back"),
    "lens": ("up", "left", "search", "goto", "more", "back"),
    "alerts": ("silence", "open_alert", "back"),
    "compare": ("left", "zoom_in", "axis", "back"),
    "help": ("down", "back"),
}


def frame(model: Model, size: Size) -> Lines:
    """As many lines as the terminal has rows, none of them wider."""
    if size.columns < _TINY.columns or size.rows < _TINY.rows:
        text = tr(model.look.lang, "terminal too small")
        made: Lines = [[(pieces.cut(text, size.columns), "")]]
    else:
        made = _whole(model, size)
    made = [pieces.fitted(line, size.columns) for line in made[: size.rows]]
    made += [[] for _ in range(size.rows - len(made))]
    lang = model.look.lang
    if not model.look.ascii:
        return made
    return [[(pieces.ascii_only(t, lang), s) for t, s in line] for line in made]


def body(size: Size) -> Size:
    """What is left between the title, a banner and the hints."""
    return Size(size.columns, size.rows - 2)


def _whole(model: Model, size: Size) -> Lines:
    room = body(size)
    if model.screen == "help":
        inner = _help(model, room)
    elif size.columns < LEAST.columns or size.rows < LEAST.rows:
        small = model if model.screen == "list" else model.to("list")
        inner = runs.lines(small, room)
    else:
        inner = _BODIES[model.screen](model, room)
    if model.prompt is not None:
        over = prompts.lines(model, room)
        inner = [*inner[: room.rows - len(over)]]
        inner += [[] for _ in range(room.rows - len(over) - len(inner))]
        inner += over
    inner = inner[: room.rows]
    inner += [[] for _ in range(room.rows - len(inner))]
    return [_title(model, size.columns), *inner, _bottom(model, size.columns)]


def _title(model: Model, room: int) -> Line:
    left: Line = [("gptwatch", "bold"), (" · ", "muted")]
    banner = _banner(model)
    whole = pieces.width([*left, *_subject(model), *banner])
    if whole + 1 > room:
        banner = [(text.rpartition(": ")[0] or text, style) for text, style in banner]
    left += _subject(model, room - pieces.width([*left, *banner]) - 1)
    right = banner or _place(model, room - pieces.width(left) - 1)
    return pieces.ends(left, right, room)


def _subject(model: Model, room: int | None = None) -> Line:
    """What the screen is about; the end of a long name, and the state of its run."""
    lang = model.look.lang
    if model.screen == "list":
        return [(runs.title(model, room), "")]
    entry = model.entry(model.run) if model.screen in ("run", "lens") else None
    if entry is None:
        return [(tr(lang, _NAMES.get(model.screen, "run")), "")]
    state = f" · {tr(lang, entry.line.state)}"
    name = pieces.safe(entry.line.run)
    if room is not None:
        name = pieces.ending(name, room - pieces.width([(state, "")]))
    return [(name, "bold"), (state, "")]


def _place(model: Model, room: int) -> Line:
    """The machine, and when the daemon last reported: the time of what is shown.

    A clock would be written each second, whether there is anything new or not.
    """
    at = model.fleet.at
    clock = time.strftime("%H:%M:%S", time.localtime(at)) if at else ""
    known = [part for part in (pieces.safe(model.host), clock) if part]
    while known and pieces.width([(" · ".join(known), "")]) > room:
        known.pop(0)
    return [(" · ".join(known), "muted")]


_NAMES: Final = {
    "alerts": message("alerts"),
    "compare": message("comparison"),
    "help": message("keys"),
}


def _banner(model: Model) -> Line:
    """What the user must know of the program itself."""
    lang = model.look.lang
    if model.paused:
        return [(tr(lang, "paused: p goes on"), "warning")]
    if model.fleet.error:
        return [(tr(lang, "the database cannot be read now"), "critical")]
    if model.fleet.pid is None:
        text = tr(lang, "not running: gptwatch start")
        if model.fleet.at:
            at = time.strftime("%m-%d %H:%M", time.localtime(model.fleet.at))
            text = tr(lang, "not running since {time}: gptwatch start", time=at)
        return [(text, "warning")]
    if model.fleet.silent:
        at = time.strftime("%H:%M:%S", time.localtime(model.fleet.at))
        return [
            (tr(lang, "gptwatch has said nothing since {time}", time=at), "warning")
        ]
    return []


def _bottom(model: Model, room: int) -> Line:
    """The message, the prompt or the hints."""
    if model.prompt is not None:
        return pieces.fitted(prompts.line(model), room)
    if text := model.message or model.fleet.error:
        return [(pieces.cut(pieces.safe(text), room), "bold")]
    lang = model.look.lang
    bindings = {b.action: b for b in reversed(keymap.of(model.screen))}
    parts = [
        f"{keymap.shown(bindings[name].keys[0], lang)} {tr(lang, bindings[name].help)}"
        for name in _HINTS[model.screen]
    ]
    parts = [f"? {tr(lang, 'keys')}", *parts]
    if model.filter and model.screen == "list":
        parts.insert(0, tr(lang, "filter: {filter}", filter=model.filter))
    return [(pieces.whole(parts, room), "muted")]


def help_rows(model: Model, room: Size) -> int:
    """Rows of the help, more than the screen has where that is small."""
    return len(_keys(model, room))


def _help(model: Model, room: Size) -> Lines:
    """The keys of the screen that was left for the help, from the chosen row on."""
    rows = _keys(model, room)
    return rows[min(model.scrolled, max(len(rows) - room.rows, 0)) :]


def _keys(model: Model, room: Size) -> Lines:
    """All of them, in columns."""
    screen = model.back[-1] if model.back else "list"
    lang = model.look.lang
    rows = [
        (_keys_of(binding, lang), tr(lang, binding.help))
        for binding in keymap.of(screen)
    ]
    keys = max(len(key) for key, _ in rows)
    texts = max(len(text) for _, text in rows)
    n = max(1, room.columns // (keys + texts + 4))
    height = -(-len(rows) // n)
    found: Lines = []
    for at in range(height):
        line: Line = []
        for key, text in rows[at::height]:
            line += [(f"{key:<{keys}}  ", "bold"), (f"{text:<{texts}}  ", "")]
        found.append(line)
    return found


def _keys_of(binding: keymap.Binding, lang: str) -> str:
    return " ".join(keymap.shown(key, lang) for key in binding.keys)
