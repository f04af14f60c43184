"""Text to `train.bin` and `val.bin`: python -m trainer.prepare NAME_OR_FILE [--bpe].

NAME is shakespeare_char (characters), shakespeare (GPT-2's byte pairs) or demo; FILE
is a text, or .jsonl with a "text" in every line.  The result is `data/NAME/`.
Options are those of the trainer, of which --fetch and --bpe_file count here.
"""

import hashlib
import json
import os
import pickle
import sys
from pathlib import Path

import numpy as np

from trainer import config as configuration
from trainer.data import find_dataset
from trainer.errors import TrainerError, guarded
from trainer.fetch import cache_dir, download, write_whole
from trainer.log import Log
from trainer.tokens import END_OF_TEXT, BytePairs, Chars


KINDS = {"shakespeare_char": "char", "shakespeare": "gpt2", "demo": "char"}
# The 65 characters of char-rnn's Shakespeare.  Whichever source the text came from, it
# gets this alphabet if that is enough, so that checkpoints fit all of them.
ALPHABET = "\n !$&',-.3:;?ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
SHAKESPEARE = "tinyshakespeare.txt"
URL = (
    "https://raw.githubusercontent.com/karpathy/char-rnn/master/data/"
    "tinyshakespeare/input.txt"
)
SHA = "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed"
DEMO_CHARS = 10_000  # short enough to be learnt by heart within a minute
VAL_SHARE = 0.1


def main(arguments=None):
    """Prepare what the command line names.

    Raises:
        TrainerError: with the ways out.

    """
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
    """Make a data set that is not there yet, if it is one we can make.

    Raises:
        TrainerError: if it is not.

    """
    folder = find_dataset(name)
    if (folder / "train.bin").exists() and (folder / "val.bin").exists():
        return
    if name in KINDS:
        prepare(name, config, log)
    elif (folder / "input.txt").exists():
        text = documents(folder / "input.txt")
        write(name, text, "char", config, log, source=str(folder / "input.txt"))
    else:
        raise TrainerError(
            f"{folder}: no train.bin and val.bin; run python -m trainer.prepare "
            f"FILE, or put your text at {folder / 'input.txt'}"
        )


def prepare(name, config, log):
    """Make a data set of ours from the first source that has it."""
    find = demo_text if name == "demo" else shakespeare_text
    text, source = find(find_dataset(name), config, log)
    write(name, [text], KINDS[name], config, log, source=source)


def demo_text(folder, config, log):
    """Give a short text that every Python brings along."""
    del folder, config, log  # same signature as the other
    text, source = python_text()
    return text[:DEMO_CHARS], source


def shakespeare_text(folder, config, log):
    """Give (text, source): a local file, the cache, the network, Python's manual."""
    told = Path(os.environ.get("GPTWATCH_DATA", folder / "input.txt"))
    cached = cache_dir() / SHAKESPEARE
    for path in (folder / "input.txt", told, told / SHAKESPEARE, cached):
        if path.is_file():
            return read_text(path), known(path)
    if config.fetch != "none":
        try:
            download(URL, cached, sha256=SHA)
        except OSError as error:
            log.note("data", source=URL, error=str(error))
        else:
            return read_text(cached), URL
    return python_text()


def known(path):
    """Name a file, and say so if it is not the Shakespeare that others use."""
    same = hashlib.sha256(path.read_bytes()).hexdigest() == SHA
    return str(path) if same else f"{path} (not the usual Shakespeare)"


def python_text():
    """Give Python's own manual, in every installation: half a million characters.

    Raises:
        TrainerError: where even that was left out.

    """
    try:
        from pydoc_data.topics import topics
    except ImportError as error:
        raise TrainerError(
            "no text found: set GPTWATCH_DATA to one, or connect to the network"
        ) from error
    return "\n".join(topics[key] for key in sorted(topics)), "Python's pydoc_data"


def documents(path):
    """Give the texts of a file: one, or for .jsonl one per line.

    Raises:
        TrainerError: naming the line that is not what it should be.

    """
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
    """Read UTF-8 as it is: no line ending is translated, on no system."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return file.read()
    except (OSError, UnicodeDecodeError) as error:
        known_names = ", ".join(KINDS)
        raise TrainerError(
            f"{path}: cannot be read as UTF-8 text: {error}; the data sets known by "
            f"name are {known_names}"
        ) from error


def write(name, texts, kind, config, log, *, source):
    """Write a data set; `train.bin` last, for its presence says that all is there."""
    folder = find_dataset(name)
    if kind == "gpt2":
        meta = {"kind": "gpt2", "vocab_size": END_OF_TEXT + 1}
        tokenizer = BytePairs(config, log)
    else:
        chars = alphabet(name, texts)
        meta = {"kind": "char", "vocab_size": len(chars), "chars": chars}
        tokenizer = Chars(chars)
        write_whole(folder / "meta.pkl", nanogpt_meta(chars))
    write_whole(folder / "meta.json", json.dumps({**meta, "source": source}).encode())
    counts = {}
    for split, part in zip(("val", "train"), reversed(divide(texts)), strict=True):
        tokens = encode(part, tokenizer, kind)
        counts[f"{split}_tokens"] = len(tokens)
        write_whole(folder / f"{split}.bin", tokens.tobytes())
    log.note("data", source=source, vocab_size=meta["vocab_size"], **counts)


def alphabet(name, texts):
    """Give the characters of a text; for Shakespeare his 65 if they are enough."""
    chars = set().union(*texts)
    fixed = name == "shakespeare_char" and chars <= set(ALPHABET)
    return ALPHABET if fixed else "".join(sorted(chars))


def nanogpt_meta(chars):
    """Give the bytes of nanoGPT's meta.pkl."""
    itos = dict(enumerate(chars))
    stoi = {char: i for i, char in itos.items()}
    return pickle.dumps({"vocab_size": len(chars), "itos": itos, "stoi": stoi})


def divide(texts):
    """Give (train, val): the last tenth of the one text, or of the documents."""
    if len(texts) > 1:
        cut = max(1, int(len(texts) * (1 - VAL_SHARE)))
        return texts[:cut], texts[cut:]
    cut = int(len(texts[0]) * (1 - VAL_SHARE))
    return [texts[0][:cut]], [texts[0][cut:]]


def encode(texts, tokenizer, kind):
    """Give all tokens, uint16; documents of byte pairs end with <|endoftext|>."""
    rows = [tokenizer.encode(text) for text in texts]
    if kind == "gpt2" and len(texts) > 1:
        rows = [np.append(row, np.uint16(END_OF_TEXT)) for row in rows]
    return np.concatenate(rows)


if __name__ == "__main__":
    sys.exit(guarded(main))
