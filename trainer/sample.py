"""Sample from a trained model: python -m trainer.sample --out_dir=DIR.

Options besides the trainer's own (out_dir, init_from, device, dtype, seed, ...):

    --start=TEXT            the prompt; FILE:prompt.txt reads a file
    --num_samples=10        how many texts
    --max_new_tokens=500    the length of each
    --temperature=0.8       below 1 is more predictable; 0 takes the likeliest token
    --top_k=200             only the likeliest tokens; 0 for all
    --ckpt=FILE             a file of out_dir: ckpt.pt, last.pt or best.pt

For one seed the text is nanoGPT's.  Tokens per second are printed on stderr.
"""

import dataclasses
import sys
import time
from pathlib import Path

from trainer.errors import TrainerError, guarded, require_torch


require_torch(__name__)

import torch

from trainer import build, checkpoint, gpt2, machine
from trainer import config as configuration
from trainer.data import find_dataset, read_meta
from trainer.log import Log, printable
from trainer.model import GPT
from trainer.prepare import read_text
from trainer.tokens import Chars, make_tokenizer


OPTIONS = {
    "start": "\n",
    "num_samples": 10,
    "max_new_tokens": 500,
    "temperature": 0.8,
    "top_k": 200,
    "ckpt": "",
}
RULE = "---------------"


def main(arguments=None):
    """Print the samples that the command line asks for; return the exit code."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    if {"-h", "--help"} & set(arguments):
        print(__doc__)
        return 0
    options, rest = split_options(arguments)
    log = Log()
    config = configuration.read(["--init_from=resume", *rest], Log(quiet=True))
    auto = config.dtype == "auto"
    config = build.resolve(config, build.World())
    if auto and config.device == "cpu":  # as nanoGPT, which has no autocast there
        config = dataclasses.replace(config, dtype="float32")
    if config.threads:
        torch.set_num_threads(config.threads)
    torch.manual_seed(config.seed)
    model, meta = load(config, options, log)
    tokenizer = make_tokenizer(meta, config, log)
    for text in sample(model, tokenizer, options, config):
        print(printable(text), flush=True)
        print(RULE, flush=True)
    return 0


def split_options(arguments):
    """(our options with their values, all other arguments)."""
    options, rest = dict(OPTIONS), []
    for argument in arguments:
        key, given, text = argument.removeprefix("--").partition("=")
        if key not in OPTIONS:
            rest.append(argument)
            continue
        try:
            options[key] = type(OPTIONS[key])(text)
        except ValueError:
            given = ""
        if not given:
            kind = type(OPTIONS[key]).__name__
            raise TrainerError(f"{argument}: write --{key}=VALUE, VALUE of type {kind}")
    for key in ("temperature", "top_k", "num_samples", "max_new_tokens"):
        if not options[key] >= 0:
            raise TrainerError(f"{key} must be at least 0, got {options[key]}")
    return options, rest


def load(config, options, log):
    """(model, meta of its tokens) of a run, or of OpenAI's GPT-2."""
    if config.init_from.startswith("gpt2"):
        config = dataclasses.replace(config, dropout=0.0)
        return gpt2.load(config.init_from, config, log).to(config.device), {}
    path = find_checkpoint(Path(config.out_dir), options["ckpt"])
    stored = checkpoint.load(path, trust=config.trust_checkpoint)
    raw = stored["model_args"]
    model = checkpoint.model_from(path, stored["model"], raw, dropout=0.0)
    if config.device == "cpu":
        GPT(model.config)  # nanoGPT initializes its model: the same random numbers go
    meta = stored.get("gptwatch", {}).get("meta")
    if meta is None:  # nanoGPT's file: its tokenizer is in the dataset's folder
        meta = read_meta(find_dataset(str(stored["config"]["dataset"])))
    return model.to(config.device), meta


def find_checkpoint(folder, name):
    """The file named, else the first of ckpt.pt, last.pt and best.pt there is."""
    paths = [folder / each for each in ("ckpt.pt", "last.pt", "best.pt")]
    found = [path for path in paths if path.exists()]
    return folder / name if name else [*found, paths[0]][0]


def sample(model, tokenizer, options, config):
    """Yield the texts, each with its prompt."""
    model.eval()
    start = options["start"]
    if start.startswith("FILE:"):
        start = read_text(Path(start.removeprefix("FILE:")))
    known = len(tokenizer.chars) if isinstance(tokenizer, Chars) else 0
    if known > model.config.vocab_size:
        raise TrainerError(
            f"the data have {known} characters, the model {model.config.vocab_size}: "
            "it was trained on other data"
        )
    try:
        tokens = tokenizer.encode(start).astype("int64")
    except TrainerError as error:
        raise TrainerError(f"--start: {error}") from error
    if not len(tokens):
        raise TrainerError("--start= is empty: give at least one character")
    prompt = torch.from_numpy(tokens)[None].to(config.device)  # (1, T)
    length, top_k = options["max_new_tokens"], options["top_k"] or None
    began = time.perf_counter()
    for _ in range(options["num_samples"]):
        with machine.autocast(config):
            text = model.generate(prompt, length, options["temperature"], top_k)
        yield tokenizer.decode(text[0].tolist())
    seconds = time.perf_counter() - began
    speed = options["num_samples"] * length / seconds
    print(f"{speed:,.0f} tokens/s", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(guarded(main))
