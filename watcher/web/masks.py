"""Secrets of known shapes in the text of a log, which a page need not show."""

import re
from typing import Final


_SECRET: Final = re.compile(
    r"""
    \b(?: hf_[A-Za-z0-9]{20,}                # Hugging Face
      | gh[pousr]_[A-Za-z0-9]{20,} | github_pat_\w{20,}
      | sk-[A-Za-z0-9_-]{20,}                # OpenAI, Anthropic
      | AKIA[0-9A-Z]{16}                     # AWS
      | xox[abprs]-[A-Za-z0-9-]{10,}         # Slack
      | glpat-[A-Za-z0-9_-]{20,}
      | eyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]{10,}  # JSON web token
    )
    | (?<=wandb_api_key[=:])\s*[0-9a-f]{40}
    | (?<=://)[^\s/:@]{1,64}:[^\s/@]{1,128}(?=@)
    """,
    re.VERBOSE | re.IGNORECASE,
)


def masked(text: str) -> str:
    """The text with its secrets replaced by dots."""
    return _SECRET.sub("•••", text)
