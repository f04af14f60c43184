"""How many examples of a property are tried: all of them in CI, a fifth beside work."""

import os
from typing import Final


IN_CI: Final = bool(os.environ.get("CI"))


def examples(count: int) -> int:
    """As many as `count` in CI."""
    return count if IN_CI else max(5, count // 5)
