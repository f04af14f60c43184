"""Lines that the user types into: filter, search, line number, palette, silence."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Final

from watcher.outputs.text.catalog import message, tr
from watcher.top import alerts, keymap, metric_order, pieces
from watcher.top.model import Effect, Model, Prompt, Size
from watcher.top.pieces import Line, Lines


_HOUR_S: Final = 3600.0
# "Until the run is over": nothing of it is notified later.
_FOR_GOOD_S: Final = 365 * 86_400.0
_SPANS: Final = {"1": _HOUR_S, "4": 4 * _HOUR_S, "o": _FOR_GOOD_S}
_TITLES: Final = {
    "filter": message("filter"),
    "search": message("search"),
    "goto": message("line"),
    "palette": message("action"),
    "metrics": message("metric (space: small chart)"),
}
# Rows that a menu leaves of the screen.
_LEFT: Final = 3


def line(model: Model) -> Line:
    """The prompt at the bottom of the screen."""
    prompt, lang = model.prompt, model.look.lang
    assert prompt is not None
    if prompt.kind == "copy":
        return [(tr(lang, "copy the path: p of the picture, h of the report"), "bold")]
    if prompt.kind == "silence":
        item = alerts.chosen(model)
        assert item is not None
        keys = tr(lang, "1 an hour, 4 four hours, o until it is over")
        return [(f"{keys}: {item.rule}, {pieces.safe(item.run)}", "warning")]
    return [(f"{tr(lang, _TITLES[prompt.kind])}: ", "bold"), (f"{prompt.text}▏", "")]


def lines(model: Model, size: Size) -> Lines:
    """What stands above the prompt: a menu, the page of the selected choice."""
    if model.prompt is None or model.prompt.kind not in _MENUS:
        return []
    rows = [text for text, _ in _choices(model, model.prompt)]
    n = max(size.rows - _LEFT, 1)
    first = model.prompt.at // n * n
    found: Lines = [[("─" * size.columns, "muted")]]
    for at, text in enumerate(rows[first : first + n], first):
        line: Line = [(text, "")]
        if at == model.prompt.at:
            line = pieces.styled(pieces.filled(line, size.columns), "selected")
        found.append(line)
    return found


def _choices(model: Model, prompt: Prompt) -> list[tuple[str, str]]:
    """The rows of a menu that hold every word that was typed, and what each is."""
    words = prompt.text.casefold().split()
    return [
        (text, value)
        for text, value in _MENUS[prompt.kind](model)
        if all(word in f"{text} {value}".casefold() for word in words)
    ]


def _actions(model: Model) -> Iterator[tuple[str, str]]:
    """The actions of the screen, each with its key."""
    for binding in keymap.of(model.screen):
        if binding.action != "palette":
            text = tr(model.look.lang, binding.help)
            key = keymap.shown(binding.keys[0], model.look.lang)
            yield f"{key:<8} {text}", binding.action


def _metrics(model: Model) -> Iterator[tuple[str, str]]:
    """The losses, then each of the other metrics, marked where it is pinned."""
    yield f"  {tr(model.look.lang, 'losses')}", ""
    for name in metric_order.others(model.loaded.metrics, model.pinned):
        mark = "●" if name in model.pinned else " "
        yield f"{mark} {pieces.safe(name)}", name


_MENUS: Final[Mapping[str, Callable[[Model], Iterator[tuple[str, str]]]]] = {
    "palette": _actions,
    "metrics": _metrics,
}


def opened(model: Model, kind: str, text: str = "") -> Model:
    """A model that asks for something."""
    return replace(model, prompt=Prompt(kind, text))


def typed(model: Model, key: str) -> Model | str:
    """The model after a key; the name of an action where the palette chose one."""
    prompt = model.prompt
    assert prompt is not None
    if key in ("esc", "^C"):
        return _changed(replace(model, prompt=None), prompt.kind, "")
    if prompt.kind in _QUESTIONS:
        return _QUESTIONS[prompt.kind](replace(model, prompt=None), key)
    if prompt.kind in _MENUS and (found := _selected(model, prompt, key)) is not None:
        return found
    if key == "enter":
        done: Callable[[Model, str], Model] = _DONE[prompt.kind]
        return done(replace(model, prompt=None), prompt.text)
    text = prompt.text
    if key == "backspace":
        text = text[:-1]
    elif key == "^U":
        text = ""
    elif len(key) == 1 and key.isprintable():
        text += key
    return _changed(replace(model, prompt=Prompt(prompt.kind, text)), prompt.kind, text)


def _changed(model: Model, kind: str, text: str) -> Model:
    """The list is filtered while the filter is typed."""
    return replace(model, filter=text) if kind == "filter" else model


def _selected(model: Model, prompt: Prompt, key: str) -> Model | str | None:
    """What a key of a menu does; None where it is one of those that type."""
    found = _choices(model, prompt)
    if key in _MOVES:
        at = min(max(prompt.at + _MOVES[key], 0), max(len(found) - 1, 0))
        return replace(model, prompt=replace(prompt, at=at))
    is_pin = key == " " and prompt.kind == "metrics"
    if key != "enter" and not is_pin:
        return None
    closed = replace(model, prompt=None)
    if not found:
        return model if is_pin else closed
    value = found[prompt.at][1]
    if is_pin:
        return _pinned(model, value)
    return value if prompt.kind == "palette" else replace(closed, chart=value)


_MOVES: Final = {"up": -1, "down": 1, "pgup": -10, "pgdn": 10}


def _pinned(model: Model, name: str) -> Model:
    """A metric's small chart comes first, or no longer does."""
    rest = tuple(one for one in model.pinned if one != name)
    return replace(model, pinned=rest if rest != model.pinned else (*rest, name))


def _searched(model: Model, text: str) -> Model:
    effects = (*model.effects, Effect("search", (text, 1))) if text else model.effects
    return replace(model, search=text, effects=effects)


def _went(model: Model, text: str) -> Model:
    """A line by its number; behind the last one the end is followed."""
    entry = model.entry(model.run)
    if entry is None or not text.isdecimal():
        return model
    at = max(int(text), 1)
    return replace(model, line=at if at <= entry.lines else None)


_DONE: Final = {
    "filter": lambda model, text: replace(model, filter=text),
    "search": _searched,
    "goto": _went,
}


def _silenced(model: Model, key: str) -> Model:
    """The one thing that is written: a silence."""
    item = alerts.chosen(model)
    if key not in _SPANS or item is None:
        return replace(model, message=tr(model.look.lang, "nothing was silenced"))
    effect = Effect("silence", (item.run, item.rule, _SPANS[key]))
    return replace(model, effects=(*model.effects, effect))


def _answered(model: Model, key: str) -> Model:
    """Which of the paths is copied."""
    entry = model.entry(model.run)
    paths = {"p": entry.line.picture, "h": entry.report} if entry else {}
    return copied(model, paths[key]) if key in paths else model


def copied(model: Model, path: str) -> Model:
    """A path, shown and copied: not every terminal does that."""
    shown = pieces.ending(pieces.safe(path), model.size.columns)
    effects = (*model.effects, Effect("copy", (path,)))
    return replace(model, message=shown, effects=effects)


_QUESTIONS: Final[Mapping[str, Callable[[Model, str], Model]]] = {
    "silence": _silenced,
    "copy": _answered,
}
