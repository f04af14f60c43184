"""What the library of the command line says, in a language: it asks gettext."""

import gettext
from typing import Final

from watcher.outputs.text.catalog import message, tr


_TEXTS: Final = frozenset(
    {
        message("Usage:"),
        message("Options"),
        message("Commands"),
        message("default: {default}"),
        message("Show this message and exit."),
        message("Try '{command} {option}' for help."),
        message("Error: {message}"),
        message("Invalid value: {message}"),
        message("Invalid value for {param_hint}: {message}"),
        message("Missing argument"),
        message("Missing option"),
        message("Missing command."),
        message("No such option {name!r}."),
        message("No such command {name!r}."),
        message("Did you mean {possibility}?"),
        message("(Did you mean one of: {possibilities}?)"),
        message("Got unexpected extra argument ({args})"),
        message("Got unexpected extra arguments ({args})"),
        message("Option {name!r} requires an argument."),
        message("Option {name!r} does not take a value."),
        message("Choose from:\n\t{choices}"),
        message("{value!r} is not {choice}."),
        message("{value!r} is not one of {choices}."),
        message("{value!r} is not a valid {number_type}."),
        message("{value} is not in the range {range}."),
        message("file"),
        message("directory"),
        message("path"),
        message("{name} {filename!r} does not exist."),
        message("{name} {filename!r} is a file."),
        message("{name} {filename!r} is a directory."),
        message("{name} {filename!r} is not readable."),
        message("{name} {filename!r} is not writable."),
    }
)


class _Catalogue(gettext.NullTranslations):
    """The catalogue in the place of a compiled file; other texts stay as they are."""

    def __init__(self, lang: str) -> None:
        super().__init__()
        self._lang = lang

    def gettext(self, message: str) -> str:
        """A text of the library."""
        return tr(self._lang, message) if message in _TEXTS else message

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        """The form for a number."""
        return self.gettext(msgid1 if n == 1 else msgid2)


def translate(lang: str) -> None:
    """The library's texts come from the catalogue from now on."""
    # What `gettext.gettext` looks up its translations with.
    setattr(gettext, "translation", lambda *_, **__: _Catalogue(lang))  # noqa: B010
