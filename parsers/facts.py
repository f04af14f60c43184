"""Settings and model facts that a log states, by nanoGPT's names."""

from collections.abc import Mapping


def facts(line: bytes) -> Mapping[str, int | float | str | bool]:
    """What one line states; empty for nearly all lines."""
    del line
    return {}
