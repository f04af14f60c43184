"""The formats that are known: one file for each program, one line for each here."""

from typing import Final

from parsers.formats import csv, jsonl, nanogpt
from parsers.shape import Format


# Of equal evidence the first wins, so the more special format stands first.
FORMATS: Final[tuple[Format, ...]] = (
    nanogpt.NANOGPT,
    jsonl.LLAMA_FACTORY,
    jsonl.JSONL,
    csv.CSV,
)
