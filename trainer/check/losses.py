"""Rows about losses: every way to compute a step gives the same ones."""

import contextlib
import dataclasses
import warnings

import torch
import torch.nn.functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel

from trainer import machine, optimizer
from trainer.check.rows import (
    GPT2,
    STEP,
    TINY,
    difference,
    events,
    expect,
    row,
    seconds_per_step,
)
from trainer.config import Config
from trainer.model import GPT, GPTConfig


@row(40)
def exact(setup):
    """--exact against nanoGPT's loop, eager and float32."""
    count = 100 if setup.cuda else 30
    settings = {**setup.settings(exact=True, decay_lr=False, compile=False), **TINY}
    ours = setup.run(**settings)  # both seed their random numbers when they are made
    got = []
    for _ in range(count):
        ours.step()
        got.append(ours.loss.item())
    plain = setup.plain(**settings)
    wanted = [plain.step() for _ in range(count)]
    first, worst = difference(got[:20], wanted[:20]), difference(got, wanted)
    expect(first < 5e-5, f"the first 20 differ by {first:.1e}")
    expect(worst <= 1e-3, f"{count} losses differ by {worst:.1e}")
    return f"{count} losses differ by at most {worst:.1e}"


@row(90)
def modes(setup):
    """Eager, compiled and with graphs, bfloat16 against float32; compiled once."""
    settings = setup.settings(TINY | {"dataset": "char"}, max_iters=30)
    settings |= {
        "gradient_accumulation_steps": 1,
        "dropout": 0.0,
        "learning_rate": 1e-3,
    }
    wanted = setup.losses(**settings, dtype="float32", compile=False, out_dir="a")
    bf16 = setup.losses(**settings, dtype="bfloat16", compile=False, out_dir="b")
    with compiler(setup):
        before = torch._dynamo.utils.counters["stats"]["unique_graphs"]  # noqa: SLF001
        _, lines = setup.train(**settings, dtype="float32", compile=True, out_dir="c")
        graphs = torch._dynamo.utils.counters["stats"]["unique_graphs"] - before  # noqa: SLF001
    compiled = [float(m[1]) for m in map(STEP.match, lines) if m]
    used = events(lines, "start")[0]["cuda_graphs"]
    works = [event["works"] for event in events(lines, "compile")]
    expect(works == [True], f"compiling does not work: {events(lines, 'compile')}")
    expect(graphs == 2, f"{graphs} graphs instead of 2: training, evaluation")
    expect(used == setup.cuda, f"cuda_graphs is {used}")
    worst = difference(wanted, compiled), difference(wanted, bf16)
    expect(max(worst) < 0.02, f"compiled {worst[0]:.1e}, bfloat16 {worst[1]:.1e}")
    return f"compiled differs by {worst[0]:.1e}, bfloat16 by {worst[1]:.1e}, 2 graphs"


@contextlib.contextmanager
def compiler(setup):
    """On a CPU compile without C++: generating code takes a minute there."""
    plain = torch.compile
    if not setup.cuda:
        torch.compile = lambda model, **_: plain(model, backend="aot_eager")
    try:
        yield
    finally:
        torch.compile = plain


@row(20)
def fused(setup):
    """Fused against unfused AdamW."""
    config = Config(**setup.settings(TINY), dtype="float32")
    nets = []
    for exactly in (True, False):
        torch.manual_seed(0)
        net = GPT(GPTConfig(2, 2, 64, 32, False, 65)).to(setup.device)  # noqa: FBT003
        options = {"exact": exactly, "device": "cpu" if exactly else setup.device}
        adamw = optimizer.make_optimizer(net, dataclasses.replace(config, **options))
        for _ in range(10):
            for weight in net.parameters():
                weight.grad = torch.sin(weight.detach() * 99)
            adamw.step()
        nets.append(list(net.parameters()))
    worst = max((a - b).abs().max().item() for a, b in zip(*nets, strict=True))
    works = optimizer.fused_adamw_works(setup.device)
    expect(worst < 1e-5, f"weights differ by {worst:.1e} after 10 steps")
    return f"works: {works}; weights differ by {worst:.1e} after 10 steps"


@row(30)
def attention(setup):
    """Every kernel against the plain formula; which one is used."""
    shape = (12, 12, 1024, 64) if setup.cuda else (2, 2, 64, 16)
    kind = torch.bfloat16
    q, k, v = (torch.randn(shape, device=setup.device, dtype=kind) for _ in "qkv")
    with sdpa_kernel(SDPBackend.MATH):
        wanted = F.scaled_dot_product_attention(q, k, v, is_causal=True)
    names, reasons, worst = [], [], 0.0
    for backend in machine.CUDNN_FIRST[:3]:
        name = backend.name.removesuffix("_ATTENTION").lower()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                with sdpa_kernel(backend):
                    got = F.scaled_dot_product_attention(q, k, v, is_causal=True)
            except RuntimeError:  # torch warns of its reasons
                why = "; ".join(str(w.message).split(" (")[0] for w in caught)
                reasons.append(f"no {name}: {why or 'not on this device'}")
                continue
        worst = max(worst, (got - wanted).abs().max().item())
        names.append(name)
    expect(worst < 0.05, f"kernels differ by {worst:.2g}")
    expect(names or not setup.cuda, "no fused kernel works")
    chosen = machine.attention(
        GPTConfig(), Config(device=setup.device, dtype="bfloat16")
    )
    chosen = "torch's choice" if chosen is contextlib.nullcontext else "cuDNN first"
    return "; ".join([f"kernels {', '.join(names)}; used: {chosen}", *reasons])


@row(40)
def micro_batches(setup):
    """A step divided in any way has the same gradient."""
    settings = setup.settings(
        TINY | {"dataset": "char"}, dtype="float32", compile=False
    )
    settings |= {"gradient_accumulation_steps": 5, "dropout": 0.0}
    norms = []
    for rows in (2, 8, 20, 40):
        run = setup.run(**settings, micro_batch=rows)
        run.step()
        norms.append(run.norm.item())
    spread = max(norms) / min(norms) - 1
    expect(spread < (5e-3 if setup.cuda else 1e-3), f"gradient norms {norms}")
    return f"gradient norms of 2 to 40 rows differ by {spread:.1e}"


@row(40)
def low_mem(setup):
    """bfloat16 weights train as far as float32 ones at a small learning rate."""
    settings = setup.settings(TINY | {"dataset": "char"}, max_iters=60, compile=False)
    settings |= {"gradient_accumulation_steps": 1, "eval_interval": 60}
    settings |= {"learning_rate": 3e-5, "decay_lr": False, "eval_iters": 20}
    falls = []
    for low in (False, True):
        _, lines = setup.train(**settings, low_mem=low, out_dir=f"out{low}")
        vals = [
            float(line.split("val loss ")[1]) for line in lines if "val loss" in line
        ]
        falls.append(vals[0] - vals[-1])
    expect(falls[1] > 0.8 * falls[0], f"{falls[1]:.4f} instead of {falls[0]:.4f}")
    return f"val loss falls by {falls[1]:.4f}, in float32 by {falls[0]:.4f}"


@row(30)
def float16(setup):
    """The loss scaler."""
    setup.need_cuda()
    losses = setup.losses(**setup.settings(dtype="float16", max_iters=50))
    expect(losses[-1] < losses[0], f"loss {losses[0]} -> {losses[-1]}")
    return f"loss {losses[0]} -> {losses[-1]} in 50 steps"


@row(60)
def chunked_loss(setup):
    """The loss in chunks: the same, with less memory; and its cost."""
    settings = setup.settings(GPT2, gradient_accumulation_steps=1, compile=False)
    results = []
    for chunked in (False, True):
        run = setup.run(**settings, chunked_loss=chunked)
        run.step()
        if setup.cuda:
            torch.cuda.reset_peak_memory_stats()
        took = seconds_per_step(setup, run.step, 1, 1)
        gpu = torch.cuda.max_memory_allocated() / 1e9 if setup.cuda else 0.0
        results.append((run.loss.item(), took, gpu))
        del run
    (a, fast, much), (b, slow, little) = results
    expect(abs(a - b) < 0.02, f"losses {a} and {b}")
    peaks = f", peak {much:.1f} -> {little:.1f} GB" if setup.cuda else ""
    return f"losses differ by {abs(a - b):.1e}, time x {slow / fast:.2f}{peaks}"
