"""Tokenizers: characters, or GPT-2's byte pair encoding."""

import hashlib
import os
import tempfile
from base64 import b64decode, b64encode
from pathlib import Path

import numpy as np

from trainer.errors import TrainerError
from trainer.fetch import cache_dir, download, write_atomically


END_OF_TEXT = 50256
URL = "https://openaipublic.blob.core.windows.net/encodings/r50k_base.tiktoken"
RANKS_SHA = "306cd27f03c1a714eca7108e03d66b7dc042abe8c258b44c199a7ed9838dd930"
VOCAB_SHA = "1ce1664773c50f3e0cc8842619a93edc4624525b728b188a9e0be33b7726adc5"
TIKTOKEN_NAMES = (  # tiktoken's cache names a file by the sha1 of its address
    "0ea1e91bbb3a60f729a8dc8f777fd2fc07cd8df4",
    "6d1cbeee0f20b3d9449abfede4726ed8212e3aee",
)
WAYS_OUT = "do one of: copy r50k_base.tiktoken to {cache}; --bpe_file=PATH"


class Chars:
    """One token per character; `chars` is the vocabulary, in order."""

    def __init__(self, chars):
        self.chars = np.array([ord(c) for c in chars], dtype=np.uint32)
        self.order = np.argsort(self.chars)

    def encode(self, text):
        """Tokens as uint16, shape (len(text),)."""
        codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
        places = np.searchsorted(self.chars, codes, sorter=self.order)
        tokens = self.order[np.minimum(places, len(self.order) - 1)]
        if wrong := (self.chars[tokens] != codes).nonzero()[0].tolist():
            raise TrainerError(
                f"character {text[wrong[0]]!r} is not among the {len(self.chars)} "
                "of the model: remove it from the text"
            )
        return tokens.astype(np.uint16)

    def decode(self, tokens):
        """The text of tokens; an unknown one becomes U+FFFD."""
        codes = [int(self.chars[t]) if t < len(self.chars) else 0xFFFD for t in tokens]
        return "".join(map(chr, codes))


class BytePairs:
    """GPT-2's 50,257 tokens, by tiktoken."""

    def __init__(self, config, log):
        """Find the table; this may download it, 0.8 MB."""
        try:
            import tiktoken
            from tiktoken_ext import openai_public
        except ImportError as error:
            raise TrainerError("GPT-2's tokens need: pip install tiktoken") from error
        self.encoding = tiktoken.Encoding(
            "gpt2",
            pat_str=openai_public.r50k_pat_str,
            mergeable_ranks=find_ranks(config, log),
            special_tokens={"<|endoftext|>": END_OF_TEXT},
            explicit_n_vocab=END_OF_TEXT + 1,
        )

    def encode(self, text):
        """Tokens as uint16; special tokens in the text are plain text."""
        return np.array(self.encoding.encode_ordinary(text), dtype=np.uint16)

    def decode(self, tokens):
        """The text of tokens; those that pad the vocabulary are left out."""
        return self.encoding.decode([t for t in tokens if t <= END_OF_TEXT])


def make_tokenizer(meta, config, log):
    """The tokenizer that `meta` describes; GPT-2's if it describes none."""
    if meta.get("kind") == "char":
        return Chars(meta["chars"])
    return BytePairs(config, log)


def find_ranks(config, log):
    """GPT-2's table {bytes: rank}, verified by sha256, and kept in our own cache.

    Sources: --bpe_file, our cache, tiktoken's cache, one download.
    """
    kept = cache_dir() / "gpt2/r50k_base.tiktoken"
    given = config.bpe_file or os.environ.get("GPTWATCH_GPT2_BPE")
    for path in given_paths(Path(given)) if given else (kept, *tiktoken_paths()):
        if ranks := read_ranks(path):
            log.event("bpe", source=str(path))
            return keep_ranks(kept, ranks)
    if given:
        raise TrainerError(
            f"{given}: neither OpenAI's r50k_base.tiktoken nor its vocab.bpe (checked "
            "by sha256)"
        )
    reason = "--fetch=none"
    if config.fetch != "none":
        try:
            download(URL, kept, sha256=RANKS_SHA)
        except OSError as error:
            reason = f"download failed ({error})"
        else:
            log.event("bpe", source=URL)
            return read_ranks(kept)
    ways_out = WAYS_OUT.format(cache=kept.parent)
    raise TrainerError(
        f"GPT-2 BPE table not found: not in {kept}, {reason}; {ways_out}"
    )


def given_paths(path):
    """The file that was given, or those in the folder that was."""
    return [path, path / "r50k_base.tiktoken", path / "vocab.bpe"]


def tiktoken_paths():
    """Where tiktoken caches the table."""
    variables = ("TIKTOKEN_CACHE_DIR", "DATA_GYM_CACHE_DIR")
    folders = [os.environ[name] for name in variables if os.environ.get(name)]
    default = Path(tempfile.gettempdir()) / "data-gym-cache"
    return [Path([*folders, default][0]) / name for name in TIKTOKEN_NAMES]


def read_ranks(path):
    """The table in a file; None if there is none or its checksum differs."""
    try:
        return parse_ranks(path.read_bytes())
    except OSError:
        return None


def parse_ranks(data):
    """The table in these bytes if their checksum is OpenAI's, else None."""
    digest = hashlib.sha256(data).hexdigest()
    if digest == RANKS_SHA:
        lines = (line.split() for line in data.splitlines() if line)
        return {b64decode(token): int(rank) for token, rank in lines}
    return ranks_of_merges(data.decode()) if digest == VOCAB_SHA else None


def ranks_of_merges(text):
    """Ranks from GPT-2's list of merges: the 256 bytes, then each merge.

    vocab.bpe writes bytes as printable characters: those that are printable as
    themselves, the others as the characters from 256 on.
    """
    shown = [*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    hidden = [byte for byte in range(256) if byte not in shown]
    byte_of = {chr(byte): byte for byte in shown}
    byte_of |= {chr(256 + i): byte for i, byte in enumerate(hidden)}
    ranks = {bytes([byte]): rank for rank, byte in enumerate([*shown, *hidden])}
    for line in text.splitlines()[1:]:  # the first names a version
        merged = bytes(byte_of[char] for char in line if char != " ")
        ranks[merged] = len(ranks)
    return ranks


def keep_ranks(kept, ranks):
    """Write the table to our own cache in OpenAI's form; return it."""
    if not kept.exists():
        items = sorted(ranks.items(), key=lambda item: item[1])
        lines = (b64encode(token) + b" %d\n" % rank for token, rank in items)
        try:
            write_atomically(kept, b"".join(lines))
        except OSError:
            return ranks  # a home that cannot be written
    return ranks
