"""Text from logs and file names, safe to print."""

import unicodedata


# Where `surrogateescape` (PEP 383) keeps the bytes that are not UTF-8.
_BYTES = range(0xDC80, 0xDD00)


def clean(text: str) -> str:
    r"""Text of a log without anything that a terminal would obey.

    Control codes, direction overrides, line separators, private and unassigned
    characters become escapes such as `\x1b`; a byte that was not UTF-8 in a file's
    name (a lone surrogate) becomes that byte's escape.  The result is valid UTF-8.
    """
    if text.isprintable():  # nearly all are, and this is quick
        return text
    return "".join(_escape(char) if _commands(char) else char for char in text)


def utf8(name: str) -> str:
    """A name that JSON and an address can hold, whatever bytes a file's name has."""
    return name.encode("utf-8", "backslashreplace").decode()


def _commands(char: str) -> bool:
    """Whether a terminal might take the character for more than a letter."""
    category = unicodedata.category(char)
    return category[0] == "C" or category in ("Zl", "Zp")


def _escape(char: str) -> str:
    """The character as letters; a byte kept by `surrogateescape` as that byte."""
    code = ord(char)
    if code in _BYTES:
        return f"\\x{code - 0xDC00:02x}"
    return char.encode("unicode_escape").decode("ascii")
