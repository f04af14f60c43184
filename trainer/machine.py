"""What the machine has: device, dtype, threads, peak FLOP/s, memory."""

import contextlib
import functools
import os
import re
import time

import torch
import torch.nn.functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel

from trainer.errors import TrainerError


A100_FLOPS = 312e12  # the peak in nanoGPT's MFU, on every machine
CUDNN_FIRST = (
    *(SDPBackend.CUDNN_ATTENTION, SDPBackend.FLASH_ATTENTION),
    *(SDPBackend.EFFICIENT_ATTENTION, SDPBackend.MATH),
)
CUDNN_GAIN = 0.97  # of the time of torch's choice; less is noise
LONG_STEP_S = 1.0  # longer steps have work for all threads

# Dense bfloat16 FLOP/s from data sheets, longer names first; float16 for cards without
# bfloat16.
PEAKS = {
    "GB200": 2.5e15,
    "B200": 2.25e15,
    "H200": 989e12,
    "H100 NVL": 835e12,
    "H100 PCIe": 756e12,
    "H100": 989e12,
    "A100": 312e12,
    "A40": 149.7e12,
    "A30": 165e12,
    "L40S": 362e12,
    "L4": 121e12,
    "RTX 5090": 209.5e12,
    "RTX 4090": 165.2e12,
    "RTX 3090": 71e12,
    "V100": 125e12,
    "A6000": 154.8e12,
    "T4": 65e12,
}


def pick_device(wanted):
    """The device to use; `auto` prefers CUDA, then MPS."""
    cuda, mps = torch.cuda.is_available(), torch.backends.mps.is_available()
    if wanted == "auto":
        return "cuda" if cuda else "mps" if mps else "cpu"
    kind = wanted.partition(":")[0]
    if not {"cuda": cuda, "mps": mps, "cpu": True}.get(kind, False):
        raise TrainerError(f"device={wanted}: torch finds none here; try --device=auto")
    return wanted


def pick_dtype(wanted, device, *, exact):
    """The dtype to compute in; `auto` takes bfloat16 where it is native."""
    if exact or (device != "cuda" and wanted == "float16"):
        return "float32"  # nanoGPT too ignores float16 without CUDA
    if wanted != "auto":
        return wanted
    if device == "cuda":
        # is_bf16_supported() is true for emulation, too.
        native = torch.cuda.get_device_capability() >= (8, 0)
        return "bfloat16" if native else "float16"
    if device == "cpu" and cpu_has_bfloat16():
        return "bfloat16"
    return "float32"


def cpu_has_bfloat16():
    """Whether bfloat16 is faster here: some CPUs only emulate it."""
    names = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    if not any(getattr(torch.cpu, name, bool)() for name in names):
        return False
    return matmul_flops(torch.bfloat16) > 1.2 * matmul_flops(torch.float32)


def matmul_flops(dtype, device="cpu", size=512, tries=20):
    """Measure FLOP/s of a square matrix product, the best of a few."""
    a = torch.ones(size, size, dtype=dtype, device=device)
    best = float("inf")
    for _ in range(tries):
        wait(device)
        start = time.perf_counter()
        a @ a
        wait(device)
        best = min(best, time.perf_counter() - start)
    return 2 * size**3 / best


def wait(device):
    """Wait until a GPU has finished all that is queued."""
    if device.startswith("cuda"):
        torch.cuda.synchronize(device)
    elif device == "mps":
        torch.mps.synchronize()


def autocast(config):
    """Mixed precision for `config.dtype`; a context that may be entered many times."""
    if config.dtype == "float32":
        return contextlib.nullcontext()
    kind = config.device.partition(":")[0]
    return torch.autocast(kind, getattr(torch, config.dtype))


def attention(shape, config):
    """A factory of contexts for attention: torch's choice of kernel, or cuDNN first.

    From Hopper on cuDNN's kernel may be faster than flash attention; torch prefers it
    in some versions only.  Both are timed in the shape of the model.
    """
    hopper = config.device.startswith("cuda") and not config.exact
    if not hopper or torch.cuda.get_device_capability(config.device) < (9, 0):
        return contextlib.nullcontext
    cudnn = functools.partial(sdpa_kernel, list(CUDNN_FIRST), set_priority=True)
    try:
        times = [
            time_attention(shape, config, each)
            for each in (contextlib.nullcontext, cudnn)
        ]
    except RuntimeError:  # a kernel that does not support this shape
        return contextlib.nullcontext
    return cudnn if times[1] < CUDNN_GAIN * times[0] else contextlib.nullcontext


def time_attention(shape, config, context, tries=10):
    """Seconds of attention, forward and backward, in the model's shape."""
    size = (8, shape.n_head, config.block_size, shape.n_embd // shape.n_head)
    kind = getattr(torch, config.dtype)
    with torch.random.fork_rng([config.device]):
        q = torch.randn(size, dtype=kind, device=config.device, requires_grad=True)

        def step():
            with context():
                y = F.scaled_dot_product_attention(
                    q, q, q, dropout_p=config.dropout, is_causal=True
                )
            y.backward(torch.ones_like(y))

        for _ in range(3):
            step()
        wait(config.device)
        start = time.perf_counter()
        for _ in range(tries):
            step()
        wait(config.device)
        return (time.perf_counter() - start) / tries


def peak_flops(device, dtype):
    """(peak FLOP/s, source of the number) of this machine."""
    if device.startswith("cuda"):
        name = torch.cuda.get_device_name(device)
        if card := find_card(name):
            return PEAKS[card], f"data sheet of {card}"
        half = torch.float16 if dtype == "float16" else torch.bfloat16
        return matmul_flops(half, device, 8192), "measured 8192x8192 product"
    if device == "cpu":
        size = 1024
        flops = matmul_flops(getattr(torch, dtype), size=size)
        return flops, f"measured {size}x{size} product, all threads"
    return A100_FLOPS, "unknown: an A100's"


def find_card(name):
    """The entry of PEAKS for a GPU's name, or None.

    An L40 is not an L4; a laptop's 4090 has half the speed of a 4090.
    """
    if "Laptop" in name:
        return None
    return next((card for card in PEAKS if re.search(rf"\b{card}\b", name)), None)


def memory_bytes(device):
    """The memory of a GPU or of the machine; 0 if unknown."""
    if device.startswith("cuda"):
        return torch.cuda.get_device_properties(device).total_memory
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return 0


def state_bytes(args, *, low_mem=False):
    """Bytes of weights, gradients and both AdamW moments."""
    C = args.n_embd
    weights = C * (args.vocab_size + args.block_size + args.n_layer * (12 * C + 13) + 2)
    return weights * (8 if low_mem else 16)


def activation_bytes(shape, config, tokens):
    """Estimate what one forward pass over `tokens` holds for its backward pass.

    Some 34 bytes per token, layer and channel in two-byte types with flash attention
    (Korthikanti et al. 2022, section 4), and the logits: in the compute type and in
    float32, each with its gradient.  Recomputation holds the input of each layer.
    """
    wide = 2 if config.dtype == "float32" else 1
    per_layer = 2 if config.low_mem else 34
    logits = 0 if config.chunked_loss else 12 * shape.vocab_size
    layers = per_layer * wide * shape.n_layer * shape.n_embd
    return tokens * (layers + 34 * wide * shape.n_embd + logits)


def memory_estimate(shape, config, rows):
    """Estimate of the peak in bytes with micro batches of `rows` sequences."""
    state = state_bytes(shape, low_mem=config.low_mem)
    return state + activation_bytes(shape, config, rows * config.block_size)


def free_bytes(device):
    """Free memory of a GPU, with what this process has reserved and not used."""
    free, _ = torch.cuda.mem_get_info(device)
    reserved = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return free + reserved


def check_memory(shape, config):
    """Reject a model whose state alone does not fit."""
    state, device = state_bytes(shape, low_mem=config.low_mem), config.device
    total = memory_bytes(device)
    if 0 < total < state:
        raise TrainerError(
            f"the model and its optimizer take {state / 2**30:.1f} GiB, {device} has "
            f"{total / 2**30:.1f} GiB: take a smaller model (--init_from=gpt2, "
            "--n_layer) or --low_mem=True, which needs half"
        )


def fastest_threads(step):
    """The number of CPU threads with which `step()` is fastest.

    Small models lose by threads that wait for each other.  A step that takes long is
    not tried twice: large models want all threads.
    """
    most = torch.get_num_threads()
    if most == 1 or seconds(step) > LONG_STEP_S:
        return most
    times = {}
    for count in sorted({most, *(2**n for n in range(10) if 2**n < most)}):
        torch.set_num_threads(count)
        step()  # warm
        times[count] = min(seconds(step) for _ in range(3))
    return min(times, key=times.get)


def seconds(function):
    """Measure one call."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def rss_bytes():
    """Resident memory of this process; 0 without /proc."""
    try:
        with open("/proc/self/statm") as file:  # noqa: PTH123 - hot, and no folder
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0
