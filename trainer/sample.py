"""Write text with a trained model: python -m trainer.sample --out_dir=DIR.

Options beside the trainer's own (out_dir, init_from, device, dtype, seed, ...):

    --start=TEXT            what to go on from; FILE:prompt.txt reads a file
    --num_samples=10        how many texts
    --max_new_tokens=500    how long each is
    --temperature=0.8       below 1 is more predictable
    --top_k=200             only the likeliest so many tokens; 0 for all
    --ckpt=ckpt.pt          which file of out_dir: best.pt, last.pt
"""

import dataclasses
import sys
from pathlib import Path

import torch

from trainer import build, ckpt, gpt2
from trainer import config as configuration
from trainer.data import find_dataset, read_meta
from trainer.errors import TrainerError, guarded
from trainer.log import Log, printable
from trainer.prepare import read_text
from trainer.tokens import Chars, make_tokenizer


OPTIONS = {
    "start": "\n",
    "num_samples": 10,
    "max_new_tokens": 500,
    "temperature": 0.8,
    "top_k": 200,
    "ckpt": "ckpt.pt",
}
RULE = "---------------"


def main(arguments=None):
    """Print the samples that the command line asks for; give the exit code."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    if {"-h", "--help"} & set(arguments):
        print(__doc__)
        return 0
    options, rest = split_options(arguments)
    log = Log()
    config = configuration.read(["--init_from=resume", *rest], Log(quiet=True))
    config = build.resolve(config, build.World())
    torch.manual_seed(config.seed)
    model, meta = load(config, options, log)
    tokenizer = make_tokenizer(meta, config, log)
    for text in sample(model, tokenizer, options, config):
        print(printable(text), flush=True)
        print(RULE, flush=True)
    return 0


def split_options(arguments):
    """Give (our options with their values, all other arguments)."""
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
    if options["temperature"] <= 0 or options["top_k"] < 0:
        raise TrainerError("temperature must be > 0 and top_k >= 0")
    return options, rest


def load(config, options, log):
    """Give (model, what its tokens mean) of a run, or of OpenAI's GPT-2."""
    if config.init_from.startswith("gpt2"):
        config = dataclasses.replace(config, dropout=0.0)
        return gpt2.load(config.init_from, config, log).to(config.device), {}
    path = Path(config.out_dir) / options["ckpt"]
    stored = ckpt.load(path, trust=config.trust_checkpoint)
    raw = stored["model_args"]
    model = ckpt.model_from(path, stored["model"], raw, dropout=0.0)
    meta = stored.get("gptwatch", {}).get("meta")
    if meta is None:  # nanoGPT's file: its tokenizer lies with the data, if it does
        meta = read_meta(find_dataset(str(stored["config"]["dataset"])))
    return model.to(config.device), meta


def sample(model, tokenizer, options, config):
    """Yield the texts, each with its beginning."""
    model.eval()
    start = options["start"]
    if start.startswith("FILE:"):
        start = read_text(Path(start.removeprefix("FILE:")))
    tokens = tokenizer.encode(start).astype("int64")
    if not len(tokens):
        raise TrainerError("--start= is empty: give at least one character")
    prompt = torch.from_numpy(tokens)[None].to(config.device)  # (1, T)
    top_k = options["top_k"] or None
    known = len(tokenizer.chars) if isinstance(tokenizer, Chars) else None
    if known and known > model.config.vocab_size:
        raise TrainerError(
            f"the data have {known} characters, the model {model.config.vocab_size}: "
            "it was trained on other data"
        )
    for _ in range(options["num_samples"]):
        text = model.generate(
            prompt, options["max_new_tokens"], options["temperature"], top_k
        )
        yield tokenizer.decode(text[0].tolist())


if __name__ == "__main__":
    sys.exit(guarded(main))
