"""The formats that are known: one file for each program, one line for each here."""

from typing import Final

from parsers.formats import (
    autoresearch,
    build_nanogpt,
    csv,
    hf_trainer,
    hf_trainer_state,
    jsonl,
    keras,
    litgpt,
    llama2c,
    llmc,
    mingpt,
    minimind,
    modded_nanogpt,
    nanochat,
    nanogpt,
)
from parsers.shape import Format


# Of equal evidence the first wins, so the more special format stands first.
FORMATS: Final[tuple[Format, ...]] = (
    nanogpt.NANOGPT,
    llama2c.LLAMA_C,
    autoresearch.AUTORESEARCH,
    nanochat.NANOCHAT,
    build_nanogpt.STDOUT,
    build_nanogpt.LOG_TXT,
    llmc.STDOUT,
    llmc.MAIN_LOG,
    llmc.C_TRAINER,
    modded_nanogpt.MODDED_NANOGPT,
    modded_nanogpt.PARAMETER_GOLF,
    mingpt.MINGPT,
    mingpt.MAKEMORE,
    litgpt.LITGPT,
    minimind.MINIMIND,
    keras.KERAS,
    hf_trainer.HF_TRAINER,
    hf_trainer_state.HF_TRAINER_STATE,
    jsonl.LLAMA_FACTORY,
    jsonl.JSONL,
    csv.CSV,
)
