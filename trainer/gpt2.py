"""OpenAI's GPT-2 weights from Hugging Face's files, without the transformers package.

safetensors: eight bytes give the length of a JSON header with the offsets of all
tensors.  Every number is checked, and nothing in either format can run code.
"""

import json
import math
import os
from pathlib import Path

import numpy as np
import torch

from trainer import checkpoint
from trainer.errors import TrainerError
from trainer.fetch import cache_dir, download


FILES = ("model.safetensors", "pytorch_model.bin")
SIZES = {  # layers, heads, width
    "gpt2": (12, 12, 768),  # 124M
    "gpt2-medium": (24, 16, 1024),  # 350M
    "gpt2-large": (36, 20, 1280),  # 774M
    "gpt2-xl": (48, 25, 1600),  # 1558M
}
CONV1D = ("attn.c_attn.weight", "attn.c_proj.weight", "mlp.c_fc.weight")
CONV1D += ("mlp.c_proj.weight",)  # OpenAI stored these transposed
DTYPES = {"F32": np.float32, "F16": np.float16, "BF16": np.int16}
MAX_HEADER = 100 * 2**20
URL = "https://huggingface.co/openai-community/{name}/resolve/main/model.safetensors"
MAX_DOWNLOAD = 7 * 2**30


def model_args(name):
    """The `model_args` of one of OpenAI's four models."""
    layers, heads, width = SIZES[name]
    sizes = {"n_layer": layers, "n_head": heads, "n_embd": width}
    return {**sizes, "block_size": 1024, "bias": True, "vocab_size": 50257}


def load(name, config, log):
    """GPT-2 with OpenAI's weights."""
    log.line(f"loading weights from pretrained gpt: {name}")
    log.line("forcing vocab_size=50257, block_size=1024, bias=True")
    log.line(f"overriding dropout rate to {config.dropout}")
    path = find(name, config, log)
    read = read_bin if path.suffix == ".bin" else read_safetensors
    weights = rename(read(path))
    check_size(name, path, weights)
    args = model_args(name)
    return checkpoint.model_from(path, weights, args, dropout=config.dropout)


def check_size(name, path, weights):
    """Reject another of the four models, naming it."""
    width = weights.get("transformer.wte.weight", torch.empty(0, 0)).shape[-1]
    for other, (_, _, n_embd) in SIZES.items():
        if width == n_embd != SIZES[name][2]:
            raise TrainerError(f"{path} holds {other}: take --init_from={other}")


def find(name, config, log):
    """Find the file: as given, here, in Hugging Face's cache, else download it."""
    for folder in folders(name, config.gpt2_path):
        for path in (folder, *(folder / each for each in FILES)):
            if path.is_file():
                log.event("weights", source=str(path))
                return path
    if config.gpt2_path or config.fetch == "none":
        tried = config.gpt2_path or f"./{name} and {hub()}"
        files = " or ".join(FILES)
        raise TrainerError(f"{name}: no {files} in {tried}; {ways_out(name)}")
    cache = cache_dir() / name / FILES[0]
    url = URL.format(name=name)
    try:
        download(url, cache, most=MAX_DOWNLOAD)
    except OSError as error:
        raise TrainerError(f"{url}: {error}; {ways_out(name)}") from error
    log.event("weights", source=url)
    return cache


def folders(name, given):
    """Where to look, in order; only the path given, if one was."""
    if given:
        return [Path(given)]
    cached = []
    for owner in ("openai-community--", ""):
        cached += sorted(hub().glob(f"models--{owner}{name}/snapshots/*"))
    return [Path(name), *cached, cache_dir() / name]


def hub():
    """Hugging Face's cache."""
    home = os.environ.get("HF_HOME", Path.home() / ".cache/huggingface")
    return Path(os.environ.get("HF_HUB_CACHE", Path(home) / "hub"))


def ways_out(name):
    """What to do without network."""
    url = URL.format(name=name)
    return f"do one of: download {url} to ./{name}/; --gpt2_path=FILE_OR_FOLDER"


def read_safetensors(path):
    """All tensors of a file, by name; they stay on disk until used."""
    try:
        header, start = read_header(path)
        return {
            name: read_tensor(path, entry, start)
            for name, entry in header.items()
            if name != "__metadata__"
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise TrainerError(
            f"{path}: not a safetensors file, or damaged: {error}; fetch it again"
        ) from error


def read_bin(path):
    """All tensors of a PyTorch file, by name; nothing in it can run."""
    try:
        weights = torch.load(path, map_location="cpu", mmap=True, weights_only=True)
        if not all(isinstance(value, torch.Tensor) for value in weights.values()):
            raise TypeError("not a dictionary of tensors")  # noqa: TRY301 - as torch's
    except Exception as error:  # torch raises what a broken file makes it raise
        reason = str(error).split("\n", 1)[0][:200]
        raise TrainerError(
            f"{path}: not a file of weights, or damaged: {reason}; copy it again, or "
            "take model.safetensors instead"
        ) from error
    return weights


def read_header(path):
    """(header, offset of the data)."""
    with path.open("rb") as file:
        size = int.from_bytes(file.read(8), "little")
        if not 0 < size <= min(MAX_HEADER, path.stat().st_size - 8):
            raise ValueError(f"header of {size} bytes")
        return json.loads(file.read(size)), 8 + size


def read_tensor(path, entry, start):
    """Map one tensor, after checking that it lies within the file."""
    begin, end = entry["data_offsets"]
    shape, dtype = tuple(entry["shape"]), np.dtype(DTYPES[entry["dtype"]])
    if not all(type(n) is int and n >= 0 for n in (begin, end, *shape)):
        raise ValueError(f"offsets {begin}, {end} and shape {shape}")
    size = math.prod(shape) * dtype.itemsize
    if end - begin != size or start + end > path.stat().st_size:
        raise ValueError(f"a tensor of shape {shape} at {begin} to {end}")
    if not size:
        return torch.zeros(shape)
    mapped = np.memmap(path, dtype, mode="c", offset=start + begin, shape=shape)
    tensor = torch.from_numpy(mapped)
    return tensor.view(torch.bfloat16) if entry["dtype"] == "BF16" else tensor


def rename(weights):
    """NanoGPT's names and shapes; the head is the embedding, buffers are dropped."""
    renamed = {}
    for name, stored in weights.items():
        key = "transformer." + name.removeprefix("transformer.")
        if key.endswith((".attn.bias", ".attn.masked_bias", "lm_head.weight")):
            continue
        weight = stored.t() if key.endswith(CONV1D) else stored
        # In memory: a mapped file truncated by others would kill the process.
        renamed[key] = weight.clone(memory_format=torch.contiguous_format)
    if "transformer.wte.weight" in renamed:
        renamed["lm_head.weight"] = renamed["transformer.wte.weight"]
    return renamed
