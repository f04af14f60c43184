"""Lines that the user types into: filter, search, line number, palette, silence."""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from watcher.outputs.text.catalog import message, tr
from watcher.top import alerts, keymap
from watcher.top.keymap import Binding
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
}
# Rows that the palette leaves of the screen.
_LEFT: Final = 3


def line(model: Model) -> Line:
    """The prompt at the bottom of the screen."""
    prompt, lang = model.prompt, model.look.lang
    assert prompt is not None
    if prompt.kind == "silence":
        item = alerts.chosen(model)
        assert item is not None
        text = tr(
            lang,
            "silence {rule} of {run}: 1 an hour, 4 four hours, o until it is over",
            rule=item.rule,
            run=item.run,
        )
        return [(text, "warning")]
    return [(f"{tr(lang, _TITLES[prompt.kind])}: ", "bold"), (f"{prompt.text}▏", "")]


def lines(model: Model, size: Size) -> Lines:
    """What stands above the prompt: actions of the palette."""
    if model.prompt is None or model.prompt.kind != "palette":
        return []
    lang = model.look.lang
    found: Lines = [[("─" * size.columns, "muted")]]
    for at, binding in enumerate(matching(model)[: max(size.rows - _LEFT, 1)]):
        style = "selected" if at == 0 else ""
        key = keymap.shown(binding.keys[0])
        found.append([(f"{key:<8} {tr(lang, binding.help)}", style)])
    return found


def matching(model: Model) -> list[Binding]:
    """Actions of the screen whose text holds every word that was typed."""
    assert model.prompt is not None
    words = model.prompt.text.casefold().split()
    found = []
    for binding in keymap.of(model.screen):
        text = f"{binding.action} {tr(model.look.lang, binding.help)}".casefold()
        if binding.action != "palette" and all(word in text for word in words):
            found.append(binding)
    return found


def opened(model: Model, kind: str, text: str = "") -> Model:
    """A model that asks for something."""
    return replace(model, prompt=Prompt(kind, text))


def typed(model: Model, key: str) -> Model | str:
    """The model after a key; the name of an action where the palette chose one."""
    prompt = model.prompt
    assert prompt is not None
    if key in ("esc", "^C"):
        return _changed(replace(model, prompt=None), prompt.kind, "")
    if prompt.kind == "silence":
        return _silenced(model, key)
    if key == "enter":
        return _ended(model, prompt)
    text = prompt.text
    if key == "backspace":
        text = text[:-1]
    elif key == "^U":
        text = ""
    elif len(key) == 1 and key.isprintable():
        text += key
    return _changed(
        replace(model, prompt=replace(prompt, text=text)), prompt.kind, text
    )


def _changed(model: Model, kind: str, text: str) -> Model:
    """The list is filtered while the filter is typed."""
    return replace(model, filter=text) if kind == "filter" else model


def _ended(model: Model, prompt: Prompt) -> Model | str:
    if prompt.kind == "palette":
        found = matching(model)
        return found[0].action if found else replace(model, prompt=None)
    done: Callable[[Model, str], Model] = _DONE[prompt.kind]
    return done(replace(model, prompt=None), prompt.text)


def _searched(model: Model, text: str) -> Model:
    effects = (*model.effects, Effect("search", (text, 1))) if text else model.effects
    return replace(model, search=text, effects=effects)


def _went(model: Model, text: str) -> Model:
    return replace(model, line=max(int(text), 1)) if text.isdecimal() else model


_DONE: Final = {
    "filter": lambda model, text: replace(model, filter=text),
    "search": _searched,
    "goto": _went,
}


def _silenced(model: Model, key: str) -> Model:
    """The one thing that is written: a silence."""
    item, model = alerts.chosen(model), replace(model, prompt=None)
    if key not in _SPANS or item is None:
        return replace(model, message=tr(model.look.lang, "nothing was silenced"))
    effect = Effect("silence", (item.run, item.rule, _SPANS[key]))
    return replace(model, effects=(*model.effects, effect))
