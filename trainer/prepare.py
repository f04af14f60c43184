"""Text to `train.bin` and `val.bin`: python -m trainer.prepare NAME_OR_FILE [--bpe].

NAME is shakespeare_char (characters), shakespeare (GPT-2's byte pairs), demo, or
python_docs_char and python_docs, which need no network.  FILE is a text, or .jsonl with
a "text" in every line.  The result is `data/NAME/`.  Of the trainer's options --fetch
and --bpe_file apply here.
"""

import hashlib
import json
import os
import pickle
import sys
from pathlib import Path

from trainer.errors import TrainerError, guarded, require_torch


require_torch(__name__)

import numpy as np

from trainer import config as configuration
from trainer.data import find_dataset
from trainer.fetch import cache_dir, download, write_atomically
from trainer.log import Log
from trainer.tokens import END_OF_TEXT, BytePairs, Chars


KINDS = {
    "shakespeare_char": "char",
    "shakespeare": "gpt2",
    "demo": "char",
    "python_docs_char": "char",
    "python_docs": "gpt2",
}
# What is trained on where there is neither Shakespeare nor a network; a dataset of its
# own, so that it is never taken for the other.
FALLBACK = {"shakespeare_char": "python_docs_char", "shakespeare": "python_docs"}
# The 65 characters of char-rnn's Shakespeare: the vocabulary of every text that needs
# no other, so that checkpoints fit all of them.
ALPHABET = "\n !$&',-.3:;?ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
SHAKESPEARE = "tinyshakespeare.txt"
URL = (
    "https://raw.githubusercontent.com/karpathy/char-rnn/master/data/"
    "tinyshakespeare/input.txt"
)
SHA = "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed"
DEMO_CHARS = 10_000  # short enough to be memorized within a minute
VAL_SHARE = 0.1


def main(arguments=None):
    """Prepare what the command line names; return the exit code."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    if not arguments or {"-h", "--help"} & set(arguments):
        print(__doc__)
        return 0 if arguments else 2
    target, bpe = arguments.pop(0), "--bpe" in arguments
    log = Log()
    options = [a for a in arguments if a != "--bpe"]
    config = configuration.read(options, log)
    if target in KINDS:
        prepare(target, config, log)
    else:
        path = Path(target)
        kind = "gpt2" if bpe else "char"
        write(path.stem, documents(path), kind, config, log, source=target)
    return 0


def ensure(name, config, log):
    """Prepare a dataset that is not there yet or whose input.txt has changed.

    Returns the name of the dataset to train on: a substitute if Shakespeare is out of
    reach, with a warning.
    """
    folder = find_dataset(name)
    if exists(folder) and not changed(folder, log):
        return name
    if name in KINDS:
        try:
            prepare(name, config, log)
        except NoTextError as error:
            return substitute(name, config, log, reason=error)
    elif (folder / "input.txt").exists():
        text = documents(folder / "input.txt")
        write(name, text, "char", config, log, source=str(folder / "input.txt"))
    else:
        raise TrainerError(
            f"{folder}: no train.bin and val.bin; run python -m trainer.prepare "
            f"FILE, or write your text to {folder / 'input.txt'}"
        )
    return name


def exists(folder):
    """Whether a dataset is complete."""
    return (folder / "train.bin").exists() and (folder / "val.bin").exists()


def changed(folder, log):
    """Whether `input.txt` was written after the dataset and is another text.

    Only for datasets that we prepared: nothing of anybody else's is overwritten.
    """
    path, meta = folder / "input.txt", folder / "meta.json"
    if not (path.is_file() and meta.is_file()):
        return False
    if path.stat().st_mtime_ns <= (folder / "train.bin").stat().st_mtime_ns:
        return False
    different = json.loads(meta.read_text("utf-8")).get("sha256") != digest(
        documents(path)
    )
    if different:
        log.line(f"WARNING: {path} is new: the dataset is prepared again from it")
    return different


def substitute(name, config, log, *, reason):
    """Use Python's documentation instead of a text out of reach, with a warning."""
    fallback = FALLBACK[name]
    if not exists(find_dataset(fallback)):
        prepare(fallback, config, log)
    log.line(
        f"WARNING: no text for dataset {name}: {reason}. Training on dataset "
        f"{fallback} instead: Python's documentation. To train on your own text "
        f"write it to {find_dataset(name) / 'input.txt'}"
    )
    return fallback


def prepare(name, config, log):
    """Prepare a known dataset from the first source that has its text."""
    if name in FALLBACK:
        text, source = shakespeare_text(find_dataset(name), config, log)
    else:
        text, source = python_text()
        text = text[:DEMO_CHARS] if name == "demo" else text
    write(name, [text], KINDS[name], config, log, source=source)


class NoTextError(TrainerError):
    """A known dataset's text is out of reach."""


def shakespeare_text(folder, config, log):
    """(text, source): a local file, the cache, or the network."""
    given = Path(os.environ.get("GPTWATCH_DATA", folder / "input.txt"))
    cached = cache_dir() / SHAKESPEARE
    for path in (folder / "input.txt", given, given / SHAKESPEARE, cached):
        if path.is_file():
            return read_text(path), known(path)
    reason = "--fetch=none"
    if config.fetch != "none":
        try:
            download(URL, cached, sha256=SHA)
        except OSError as error:
            reason = f"download failed ({error})"
            log.event("data", source=URL, error=str(error))
        else:
            return read_text(cached), URL
    raise NoTextError(f"no {folder / 'input.txt'}, {reason}")


def known(path):
    """The source's name, with a remark if it is not the usual Shakespeare."""
    same = hashlib.sha256(path.read_bytes()).hexdigest() == SHA
    return str(path) if same else f"{path} (not the usual Shakespeare)"


def python_text():
    """(text, source): Python's documentation, half a million characters."""
    try:
        from pydoc_data.topics import topics
    except ImportError as error:
        raise TrainerError(
            "no text found, this Python comes without pydoc_data: set GPTWATCH_DATA to "
            "a text file"
        ) from error
    return "\n".join(topics[key] for key in sorted(topics)), "Python's pydoc_data"


def documents(path):
    """The texts of a file: one, or for .jsonl one per line."""
    text = read_text(path)
    if path.suffix != ".jsonl":
        return [text]
    texts = []
    for number, line in enumerate(text.splitlines(), start=1):
        try:
            texts.append(str(json.loads(line)["text"]))
        except (ValueError, KeyError, TypeError) as error:
            raise TrainerError(
                f'{path}:{number}: not {{"text": ...}}: {error}'
            ) from error
    return texts


def read_text(path):
    """Read UTF-8 without translating line endings."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return file.read()
    except (OSError, UnicodeDecodeError) as error:
        known_names = ", ".join(KINDS)
        raise TrainerError(
            f"{path}: cannot be read as UTF-8 text: {error}; the datasets known by "
            f"name are {known_names}"
        ) from error


def write(name, texts, kind, config, log, *, source):
    """Write a dataset; `train.bin` last: its presence means that all is there."""
    folder = find_dataset(name)
    if kind == "gpt2":
        meta = {"kind": "gpt2", "vocab_size": END_OF_TEXT + 1}
        tokenizer = BytePairs(config, log)
    else:
        chars = vocabulary(texts, fixed=name == "shakespeare_char")
        meta = {"kind": "char", "vocab_size": len(chars), "chars": chars}
        tokenizer = Chars(chars)
        write_atomically(folder / "meta.pkl", nanogpt_meta(chars))
    meta |= {"source": source, "sha256": digest(texts)}
    write_atomically(folder / "meta.json", json.dumps(meta).encode())
    counts = {}
    for split, part in zip(("val", "train"), reversed(divide(texts)), strict=True):
        tokens = encode(part, tokenizer, kind)
        counts[f"{split}_tokens"] = len(tokens)
        write_atomically(folder / f"{split}.bin", tokens.tobytes())
    log.event("data", source=source, vocab_size=meta["vocab_size"], **counts)


def digest(texts):
    """The sha256 of all texts, by which a new input.txt is recognized."""
    return hashlib.sha256("\0".join(texts).encode("utf-8", "surrogatepass")).hexdigest()


def vocabulary(texts, *, fixed):
    """The characters of texts, sorted; if `fixed`, Shakespeare's 65 if they suffice."""
    chars = set().union(*texts)
    return ALPHABET if fixed and chars <= set(ALPHABET) else "".join(sorted(chars))


def nanogpt_meta(chars):
    """The bytes of nanoGPT's meta.pkl."""
    itos = dict(enumerate(chars))
    stoi = {char: i for i, char in itos.items()}
    return pickle.dumps({"vocab_size": len(chars), "itos": itos, "stoi": stoi})


def divide(texts):
    """(train, val): val is the last tenth of the one text, or of the documents."""
    if len(texts) > 1:
        cut = max(1, int(len(texts) * (1 - VAL_SHARE)))
        return texts[:cut], texts[cut:]
    cut = int(len(texts[0]) * (1 - VAL_SHARE))
    return [texts[0][:cut]], [texts[0][cut:]]


def encode(texts, tokenizer, kind):
    """All tokens, uint16; documents of byte pairs end with <|endoftext|>."""
    rows = [tokenizer.encode(text) for text in texts]
    if kind == "gpt2" and len(texts) > 1:
        rows = [np.append(row, np.uint16(END_OF_TEXT)) for row in rows]
    return np.concatenate(rows)


if __name__ == "__main__":
    sys.exit(guarded(main))
