"""x."""

from types import MappingProxyType
from typing import Final


RUSSIAN: Final = MappingProxyType({})
