"""What the page says, in the language of its reader."""

from collections.abc import Mapping

from watcher.outputs.text.russian.page import RUSSIAN


def words(lang: str) -> Mapping[str, str]:
    """The phrases in a language, by the English one."""
    return dict(RUSSIAN) if lang == "ru" else {phrase: phrase for phrase in RUSSIAN}
