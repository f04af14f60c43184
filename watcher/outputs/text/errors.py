"""Errors in the language of who reads them."""

from watcher.errors import GptwatchError, Text
from watcher.outputs.text.catalog import tr


def said(error: GptwatchError | Text, lang: str) -> str:
    """What an error says; a part that is not in the catalogue stays as it is."""
    message = error.message if isinstance(error, GptwatchError) else error
    shown = {name: _shown(value, lang) for name, value in message.values.items()}
    text = tr(lang, message.text)
    return text.format(**shown) if shown else text


def _shown(value: object, lang: str) -> object:
    return said(value, lang) if isinstance(value, GptwatchError | Text) else value
