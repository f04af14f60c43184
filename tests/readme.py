"""The parts of a README that tests compare and run."""

import re
from pathlib import Path
from typing import Final


ROOT: Final = Path(__file__).parents[1]
README: Final = (ROOT / "README.md").read_text(encoding="utf-8")
RUSSIAN: Final = (ROOT / "README.ru.md").read_text(encoding="utf-8")
_BLOCK: Final = re.compile(r"^```\w+ ([\w-]+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def table(name: str) -> str:
    """What stands between a mark and its end."""
    found = re.search(rf"<!-- {name} -->\n(.*?)<!-- end -->", README, re.DOTALL)
    assert found, f"README.md: no table {name}"
    return found[1]


def blocks(text: str = README) -> dict[str, str]:
    """All fenced blocks by the name behind their language."""
    return dict(_BLOCK.findall(text))


def block(name: str) -> str:
    """One fenced block; a test that asks for it runs it, or loads it."""
    return blocks()[name]


def commands(text: str) -> list[str]:
    """The lines of a shell block without their comments."""
    return [re.sub(r"\s+# .*", "", line) for line in text.splitlines()]
